"""Which hours of the feeds are complete, with what is in them."""
