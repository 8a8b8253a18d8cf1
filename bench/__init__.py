"""Measurements that BENCHMARKS.md quotes. Each command runs its contenders on the same bytes, one after the other."""
