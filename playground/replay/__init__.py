"""The publishers' own CSV files as messages, as their producers would have sent them, in event-time order."""
