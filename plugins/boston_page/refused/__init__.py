"""What the feeds refused: how many for what, the messages themselves, and what became of those that were sent again."""
