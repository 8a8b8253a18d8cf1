"""The newest result of something slow, made by one request at a time."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

_OLD_S, _PATIENCE_S = 60.0, 1.0


class Latest(Generic[T]):
    """Calls `make` at most so often, and never twice at once.

    Whoever comes while it is being made gets the result before: a disk that hangs holds up one thread of Airflow's
    API server, not all of them. Only where there is none, or one of a time when nobody looked, do they wait a moment.
    """

    def __init__(self, make: Callable[[], T], at_most_every_s: float) -> None:
        self._make = make
        self._every_s = at_most_every_s
        self._lock = Lock()
        self._made_at_s = float("-inf")
        self._result: T | None = None

    def __call__(self) -> T | None:
        """Return the newest result; None while the first is being made."""
        is_old = time.monotonic() - self._made_at_s > _OLD_S
        if self._lock.acquire(timeout=_PATIENCE_S if is_old else 0):
            try:
                if time.monotonic() - self._made_at_s >= self._every_s:
                    self._result = self._make()
                    self._made_at_s = time.monotonic()
            finally:
                self._lock.release()
        return self._result
