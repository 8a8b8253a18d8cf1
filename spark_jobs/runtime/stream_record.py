"""What one stream has to say of itself, gathered while it runs and told with every heartbeat."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import StreamState, StreamStatus

_RECENT_BATCHES = 20
_STUCK_AFTER_AT_LEAST = timedelta(seconds=60)
_LAG_IS_NEWS_FOR = timedelta(seconds=30)
"""a lag seen earlier says nothing: with the broker away there is nothing to finish, and a restart would not help"""


@dataclass(frozen=True)
class Lag:
    """What is not read yet. `oldest`: Kafka's timestamp of the oldest unread message, None where all is read."""

    records: int
    oldest: datetime | None


def stuck_after(trigger: timedelta, batch_seconds: Sequence[float]) -> timedelta:
    """How long a stream with unread messages may go without finishing a batch before it counts as stuck."""
    slowest = sorted(batch_seconds)[int(0.95 * (len(batch_seconds) - 1))] if batch_seconds else 0.0
    return max(_STUCK_AFTER_AT_LEAST, 6 * trigger, timedelta(seconds=5 * slowest))


class StreamRecord:
    """Facts of one stream; written by its threads, read by the heartbeat."""

    def __init__(self, name: str, trigger: timedelta, now: datetime) -> None:
        self.name = name
        self._trigger = trigger
        self._lock = threading.Lock()
        self._phase: StreamState = StreamState.STARTING
        self._batch: int | None = None
        self._progress_at = now
        self._has_progressed = False
        self._seconds: deque[float] = deque(maxlen=_RECENT_BATCHES)
        self._rows_per_s = 0.0
        self._day = now.date()
        self._rows_today = 0
        self._refused_today = 0
        self._lag: Lag | None = None
        self._lag_at = now
        self._unread_since = now
        self._restarts = 0
        self._failures = 0
        self._next_retry_at: datetime | None = None
        self._diagnosis: Diagnosis | None = None
        self._waits_for: str | None = None
        self._lost: str | None = None
        self._new_layout: str | None = None

    def starting(self, now: datetime) -> None:
        with self._lock:
            self._phase, self._next_retry_at = StreamState.STARTING, None
            self._progress_at = now

    def running(self, now: datetime) -> None:
        with self._lock:
            self._phase, self._progress_at = StreamState.HEALTHY, now

    def switched_off(self) -> None:
        with self._lock:
            self._phase, self._next_retry_at, self._diagnosis = StreamState.OFF, None, None
            self._failures = 0

    def batch_finished(self, batch: int, seconds: float, written: int, refused: int, now: datetime) -> None:
        with self._lock:
            if now.date() != self._day:
                self._day, self._rows_today, self._refused_today = now.date(), 0, 0
            self._batch, self._progress_at, self._has_progressed = batch, now, True
            self._seconds.append(seconds)
            self._rows_per_s = round((written + refused) / seconds, 1) if seconds else 0.0
            self._rows_today += written
            self._refused_today += refused

    def lag_seen(self, lag: Lag, now: datetime) -> None:
        with self._lock:
            was_unread = self._lag is not None and self._lag.records > 0 and now - self._lag_at <= _LAG_IS_NEWS_FOR
            if not was_unread:
                self._unread_since = now
            self._lag, self._lag_at = lag, now

    def waits(self, waits_for: str | None) -> None:
        """Note whose rows are missing, and why; None where nobody's are."""
        with self._lock:
            self._waits_for = waits_for

    def lost(self, messages: str | None) -> None:
        """Note which messages Kafka no longer had lately."""
        with self._lock:
            self._lost = messages

    def new_layout(self, found: str | None) -> None:
        """Note that many messages of the day have a layout not seen before."""
        with self._lock:
            self._new_layout = found

    def failed(self, why: Diagnosis, failures: int, broken: bool, next_retry_at: datetime) -> None:
        with self._lock:
            self._phase = StreamState.BROKEN if broken else StreamState.RESTARTING
            self._diagnosis, self._failures, self._next_retry_at = why, failures, next_retry_at
            self._restarts += 1

    def healed(self) -> None:
        """A long healthy spell: the failures before it no longer count."""
        with self._lock:
            self._failures, self._diagnosis = 0, None

    def status(self, now: datetime) -> StreamStatus:
        with self._lock:
            return StreamStatus(
                name=self.name,
                state=self._state(now),
                batch=self._batch,
                last_progress_at=iso(self._progress_at) if self._has_progressed else None,
                last_batch_s=round(self._seconds[-1], 3) if self._seconds else None,
                rows_per_s=self._rows_per_s,
                rows_today=self._rows_today,
                refused_today=self._refused_today,
                lag_records=self._lag.records if self._lag else None,
                lag_s=self._lag_s(now),
                restarts=self._restarts,
                consecutive_failures=self._failures,
                next_retry_at=iso(self._next_retry_at) if self._next_retry_at else None,
                last_error=self._diagnosis.message if self._diagnosis else None,
                next_step=self._diagnosis.next_step if self._diagnosis else None,
                stuck_after_s=self._stuck_after().total_seconds(),
                waits_for=None if self._phase == StreamState.OFF else self._waits_for,
                lost_messages=self._lost,
                new_layout=self._new_layout,
            )

    def _lag_s(self, now: datetime) -> float | None:
        if self._lag is None:
            return None
        return 0.0 if self._lag.oldest is None else round(max(0.0, (now - self._lag.oldest).total_seconds()), 1)

    def _state(self, now: datetime) -> StreamState:
        """The first state that applies; docs/operate.md says what each means."""
        if self._phase != StreamState.HEALTHY:
            return self._phase
        has_work = self._lag is not None and self._lag.records > 0
        # A message that comes after a quiet hour is not late for the hour.
        is_late = now - max(self._progress_at, self._unread_since) > self._stuck_after()
        if has_work and is_late and now - self._lag_at <= _LAG_IS_NEWS_FOR:
            return StreamState.STUCK
        if self._waits_for:
            return StreamState.WAITING
        return StreamState.HEALTHY if has_work or self._lag is None else StreamState.IDLE

    def _stuck_after(self) -> timedelta:
        return stuck_after(self._trigger, list(self._seconds))
