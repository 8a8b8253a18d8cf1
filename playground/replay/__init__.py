"""The publishers' own CSV files as the messages their producers would have sent, in event-time order."""
