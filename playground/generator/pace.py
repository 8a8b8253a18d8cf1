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
    """Delays each message until it is due."""

    def __init__(
        self, speed: float | None, rate: float | None, stop: Event, clock: Callable[[], float], idle: Callable[[], None]
    ) -> None:
        self._speed, self._rate, self._stop, self._clock, self._idle = speed, rate, stop, clock, idle
        self._began_s = clock()
        self._first: datetime | None = None
        self._sent = 0
        self.is_unlimited = speed is None and rate is None

    def _due_s(self, sent_at: datetime) -> float:
        if self._first is None:
            self._first = sent_at
        simulated_s = (sent_at - self._first).total_seconds()
        by_speed = simulated_s / self._speed if self._speed else 0.0
        by_rate = self._sent / self._rate if self._rate else 0.0
        return self._began_s + max(by_speed, by_rate)

    def wait(self, sent_at: datetime) -> None:
        """Block until the message is due or the run is stopped."""
        due_s = self._due_s(sent_at)
        self._sent += 1
        while (left_s := due_s - self._clock()) > 0 and not self._stop.is_set():
            self._idle()
            self._stop.wait(min(left_s, MAX_SLEEP_S))
