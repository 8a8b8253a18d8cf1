"""The newest result of something slow, made by one request at a time."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Calls `make` at most so often, and never twice at once.

    Whoever comes while it is being made gets the result before: a disk that hangs holds up one thread of Airflow's
    API server, not all of them. Results say when they were made, so an old one shows as old.
    """

    def __init__(self, make: Callable[[], T], at_most_every_s: float) -> None:
        self._make = make
        self._every_s = at_most_every_s
        self._lock = Lock()
        self._made_at_s = float("-inf")
        self._result: T | None = None

    def __call__(self) -> T | None:
        """Return the newest result; None while the first is being made."""
        if self._lock.acquire(blocking=False):
            try:
                if time.monotonic() - self._made_at_s >= self._every_s:
                    self._result = self._make()
                    self._made_at_s = time.monotonic()
            finally:
                self._lock.release()
        return self._result
