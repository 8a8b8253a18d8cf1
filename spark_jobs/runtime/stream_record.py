"""What one stream has to say of itself, gathered while it runs and told with every heartbeat."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from spark_jobs.completeness import HOUR
from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import StreamStatus
from spark_jobs.runtime.first_seen import FirstSeen
from spark_jobs.runtime.looks import Due, Looks, unread
from spark_jobs.runtime.recent_batches import RecentBatches
from spark_jobs.runtime.rows_today import RowsOfDay
from spark_jobs.runtime.stream_state import Facts, slowest_s, state_of, stuck_after_s

LOSS_IS_NEWS_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Loss:
    """Messages that Kafka no longer had when they were to be read."""

    messages: str
    """how many, of which offsets"""
    at: datetime
    """when the last of them were missed"""


class _Phase(Enum):
    """What the stream's thread is doing."""

    OFF = auto()
    STARTING = auto()
    """it starts the query, or waits until it may"""
    RUNNING = auto()
    FAILED = auto()
    """it waits for the next try"""


class StreamRecord:
    """Facts of one stream; written by its threads, read by the heartbeat. Its intervals are by the monotonic clock.

    `unread_before_s`: for how long the driver before this one had seen something unread.
    """

    def __init__(
        self,
        name: str,
        trigger: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
        unread_before_s: float = 0.0,
    ) -> None:
        self.name = name
        self._trigger_s = trigger.total_seconds()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._phase = _Phase.STARTING
        self._asked_at = self._moved_at = now = monotonic()
        """when it was asked to run; when a batch, or a part of one, was done, or when there began to be work"""
        self._has_settled = False
        self._working_since: float | None = None
        """None where no batch is at work"""
        self._batches = RecentBatches()
        self._first_seen = FirstSeen(monotonic, unread_before_s)
        self._looks = Looks(now - unread_before_s if unread_before_s else None)
        self._complete_before: datetime | None = None
        self._complete_in: str | None = None
        """the log of the output that this is so of"""
        self._restarts = self._failures = 0
        self._is_given_up = False
        self._retry_at: float | None = None
        self._diagnosis: Diagnosis | None = None
        self._paused_for: str | None = None
        self._executors_missing: str | None = None
        self.rows: RowsOfDay | None = None
        """of the day, as they were counted last"""
        self.waits_for: str | None = None
        """whose rows are missing, and why"""
        self.lost: Loss | None = None
        """what Kafka no longer had lately"""
        self.new_layout: str | None = None
        """one not seen before, which many messages of the day have"""

    # -- what the stream's threads do ---------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        return self._phase != _Phase.OFF

    def switched_off(self) -> None:
        with self._lock:
            self._phase, self._diagnosis, self._failures = _Phase.OFF, None, 0
            self._retry_at = self.waits_for = self._paused_for = None
            self._looks.forget()
            self._first_seen.forget()

    def paused(self, paused_for: str) -> None:
        """Note that somebody else works on the stream's files."""
        with self._lock:
            self._phase, self._paused_for = _Phase.STARTING, paused_for

    def starting(self) -> None:
        """Note that the query is started. A start that follows on one that led to nothing begins no new count."""
        with self._lock:
            if self._phase in (_Phase.OFF, _Phase.FAILED) or self._paused_for is not None:
                self._asked_at = self._moved_at = self._monotonic()
            self._phase, self._paused_for, self._retry_at = _Phase.STARTING, None, None
            self._has_settled = False

    def running(self) -> None:
        with self._lock:
            self._phase = _Phase.RUNNING

    def failed(self, why: Diagnosis, failures: int, broken: bool, pause: timedelta) -> None:
        with self._lock:
            self._phase, self._is_given_up = _Phase.FAILED, broken
            self._diagnosis, self._failures = why, failures
            self._retry_at = self._monotonic() + pause.total_seconds()
            self._restarts += 1

    def healed(self) -> None:
        """A long healthy spell: the failures before it no longer count."""
        with self._lock:
            self._failures, self._diagnosis = 0, None

    @contextmanager
    def working(self) -> Iterator[None]:
        """Note that a batch is at work: until it ends something is due, whatever looks find."""
        with self._lock:
            self._begin_to_have_work()
            self._working_since = self._monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._working_since = None

    def moved(self) -> None:
        """Note that the batch at work has done a part of it: it takes long, and is not stuck."""
        with self._lock:
            self._moved_at = self._monotonic()

    def batch_finished(self, batch: int, seconds: float, rows: int) -> None:
        with self._lock:
            self._moved_at = self._monotonic()
            self._batches.add(batch, seconds, rows, self._moved_at)
            self._has_settled = True

    # -- what looks from beside find ----------------------------------------------------------------------------

    def saw(
        self, reached: Mapping[str, int], ends: Mapping[str, int], hours: int | None = None, is_much: bool = False
    ) -> Due:
        """Note how far a look has found the stream, and return what is due. `ends`: of each partition or log."""
        due = Due(unread(reached, ends), self._first_seen.look(reached, ends), hours, is_more_than_a_batch=is_much)
        self.due_seen(due)
        return due

    def due_seen(self, due: Due) -> None:
        with self._lock:
            if due:
                self._begin_to_have_work()
            elif self._phase == _Phase.RUNNING and self._working_since is None:
                self._has_settled = True
            self._looks.found(due, self._monotonic())

    def due_unknown(self, why: str) -> None:
        """Note why nobody could tell what is due."""
        with self._lock:
            self._looks.failed(why)

    def complete_to(self, complete_before: datetime | None, log: str | None) -> None:
        """Note that the hours that end by then are complete in the output; None: no more than is known of this log.

        `log`: the id of the output's log, None where there is none. Of one that was started over nothing is known.
        """
        with self._lock:
            known = self._complete_before if log is not None and log == self._complete_in else None
            self._complete_before, self._complete_in = complete_before or known, log

    def lacks_executors(self, sentence: str | None) -> None:
        """Note that the cluster takes no task of the job; None where it does."""
        with self._lock:
            if self._executors_missing is not None and sentence is None:
                self._moved_at = self._monotonic()
                self._working_since = None if self._working_since is None else self._moved_at
            self._executors_missing = sentence

    def _begin_to_have_work(self) -> None:
        # A message that comes after a quiet hour is not late for the hour.
        if self._has_work() is False:
            self._moved_at = self._monotonic()

    # -- telling ------------------------------------------------------------------------------------------------

    def status(self, now: datetime) -> StreamStatus:
        """What is so at this moment. `now`: by the clock on the wall, for the times that people read."""
        with self._lock:
            at = self._monotonic()
            facts, batches, looks, why = self._facts(at), self._batches, self._looks, self._diagnosis
            due = looks.due if facts.is_on and looks.unknown(at, self._asked_at) is None else None
            rows, lost = self.rows, self.lost
            rows = rows if rows is not None and rows.day == now.date() else None
            lost = lost if lost is not None and now - lost.at <= LOSS_IS_NEWS_FOR else None
            lag_s = 0.0 if due is None or due.first_seen is None else round(at - due.first_seen, 1)
            return StreamStatus(
                name=self.name,
                state=state_of(facts),
                batch=batches.number,
                last_progress_at=_on_the_wall(batches.finished_at, at, now),
                last_batch_s=batches.last_s,
                rows_per_s=batches.rows_per_s(at) if facts.is_on else None,
                rows_today=None if rows is None else rows.written,
                refused_today=None if rows is None else rows.refused,
                lag_records=None if due is None else due.records,
                lag_s=None if due is None else lag_s,
                due_hours=None if due is None else due.hours,
                unread_since=_on_the_wall(looks.first_seen, at, now),
                caught_up_to=iso(self._complete_before - HOUR) if self._complete_before else None,
                restarts=self._restarts,
                consecutive_failures=self._failures,
                next_retry_at=_on_the_wall(self._retry_at, at, now),
                last_error=why.message if why else None,
                next_step=why.next_step if why else None,
                stuck_after_s=facts.allowed_s,
                waits_for=facts.waits_for if facts.is_on else None,
                lost_messages=None if lost is None else lost.messages,
                lost_at=None if lost is None else iso(lost.at),
                new_layout=self.new_layout,
            )

    def apart_from_upstream(self) -> StreamStatus:
        """What it is at, and why, as if its upstream had brought everything: for who stands on it."""
        with self._lock:
            at = self._monotonic()
            facts = replace(self._facts(at), waits_for=self._held_up(at))
            why = self._diagnosis if facts.has_failed else None
            return StreamStatus(
                self.name, state_of(facts), last_error=why.message if why else None, waits_for=facts.waits_for
            )

    def _facts(self, at: float) -> Facts:
        return Facts(
            is_on=self._phase != _Phase.OFF,
            has_failed=self._phase == _Phase.FAILED,
            is_given_up=self._is_given_up,
            has_work=self._has_work(),
            without_batch_s=0.0 if self._paused_for is not None else at - self._moved_at,
            allowed_s=stuck_after_s(self._trigger_s, self._batches.seconds, is_first=not self._has_settled),
            lacks_executors=self._executors_missing is not None,
            waits_for=self._missing(at),
            has_settled=self._has_settled,
            is_behind=self._is_behind(at),
        )

    def _is_behind(self, at: float) -> bool:
        # A batch may work off what no look finds: rows that are counted already, read again by another formula.
        is_long = self._working_since is not None and at - self._working_since > self._usual_s
        return is_long or self._looks.is_behind(at, self._usual_s, self._batches.finished_at)

    @property
    def _usual_s(self) -> float:
        """How long a message waits where nothing is behind: for the next trigger, and for its batch."""
        return 2 * self._trigger_s + slowest_s(self._batches.seconds)

    def _has_work(self) -> bool | None:
        return True if self._working_since is not None else self._looks.has_work(self._batches.finished_at)

    def _missing(self, at: float) -> str | None:
        return self._withheld() or self.waits_for or self._looks.unknown(at, self._asked_at)

    def _held_up(self, at: float) -> str | None:
        """The same, but for what its upstream has to bring."""
        return self._withheld() or self._looks.unknown(at, self._asked_at)

    def _withheld(self) -> str | None:
        return self._paused_for or (self._executors_missing if self._working_since is not None else None)


def _on_the_wall(moment: float | None, at: float, now: datetime) -> str | None:
    """A moment of the monotonic clock, of which `at` is now, as people read it."""
    return None if moment is None else iso(now + timedelta(seconds=moment - at))
