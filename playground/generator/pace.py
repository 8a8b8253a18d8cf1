"""How fast simulated time passes, the most messages per second, and stopping on signals."""

import re
import signal
from collections.abc import Callable
from datetime import datetime
from threading import Event

MAX = "max"
_FACTOR = re.compile(r"\d+(\.\d+)?")
MAX_SLEEP_S = 0.2
"""so that a stop is noticed soon"""


def speed_factor(text: str) -> float | None:
    """Parse simulated seconds per second; None: as fast as possible. Raises: ValueError with what is allowed."""
    if text == MAX:
        return None
    if not _FACTOR.fullmatch(text) or float(text) == 0:
        raise ValueError(f"the speed is {text!r}; allowed: {MAX}, or a number above 0 (60: an hour passes in a minute)")
    return float(text)


def stop_on_signals() -> Event:
    """Return an event that Ctrl-C and SIGTERM set, so that sending ends between two messages."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


class Pace:
    """Delays each message until it is due.

    `speed`: simulated seconds per second, from the first message that is sent at `since` or later; what is older is due
    at once. `rate`: the most messages per second, of all.
    """

    def __init__(
        self,
        speed: float | None,
        rate: float | None,
        stop: Event,
        clock: Callable[[], float],
        idle: Callable[[], None],
        since: datetime | None = None,
    ) -> None:
        self._speed, self._rate, self._stop, self._clock, self._idle = speed, rate, stop, clock, idle
        self._since = since
        self._began_s = clock()
        self._first: tuple[datetime, float] | None = None
        """the first message that is not older than `since`, and when it was due"""
        self._sent = 0

    def is_limited(self, sent_at: datetime) -> bool:
        """Whether such a message may have to wait."""
        return self._rate is not None or self._speed_at(sent_at) is not None

    def _speed_at(self, sent_at: datetime) -> float | None:
        """Simulated seconds per second; None: as fast as possible."""
        return None if self._since is not None and sent_at < self._since else self._speed

    def _due_s(self, sent_at: datetime) -> float:
        by_rate = self._began_s + self._sent / self._rate if self._rate else self._began_s
        speed = self._speed_at(sent_at)
        if speed is None:
            return by_rate
        if self._first is None:
            self._first = sent_at, self._clock()
        first, first_s = self._first
        return max(by_rate, first_s + (sent_at - first).total_seconds() / speed)

    def wait(self, sent_at: datetime) -> None:
        """Block until the message is due or the run is stopped."""
        due_s = self._due_s(sent_at)
        self._sent += 1
        while (left_s := due_s - self._clock()) > 0 and not self._stop.is_set():
            self._idle()
            self._stop.wait(min(left_s, MAX_SLEEP_S))
