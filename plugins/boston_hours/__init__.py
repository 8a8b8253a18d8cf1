"""Complete hours of the feeds as partitioned assets, and who announces them."""
