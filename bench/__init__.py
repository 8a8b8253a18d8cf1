"""The measurements in BENCHMARKS.md. Each command runs its contenders on the same bytes, one after the other."""
