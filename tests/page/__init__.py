"""The Streams page: its numbers, and what a browser shows of it."""
