"""Pauses that double, between tries of something that fails. Pure."""

from datetime import timedelta

_MOST_DOUBLINGS = 10


def pause_after(failures: int, first: timedelta, longest: timedelta) -> timedelta:
    """Return how long to wait after so many failures, one or more: `first`, doubling to `longest`."""
    return min(first * (1 << min(max(failures - 1, 0), _MOST_DOUBLINGS)), longest)
