"""Keeps one streaming query running: starts it, restarts it alone with growing pauses, switches it on and off."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from socket import socket

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs import backoff
from spark_jobs.diagnosis import LeaseLost, StreamFault, diagnose
from spark_jobs.publication.commit import CommitConflict
from spark_jobs.runtime.callback_socket import callback_socket, hang_up
from spark_jobs.runtime.stream_record import StreamRecord

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
LONGEST_WAIT_FOR_OTHERS = timedelta(seconds=30)
"""how long a broker or topic that is back may go unnoticed"""
RESET_AFTER = timedelta(minutes=10)
"""after so long without a failure the earlier ones are forgotten"""
BREAKER_OPENS_AFTER = 5
CLOCK_SET_BACK_S = 2.0
"""by so much or more: what is less costs a trigger less than the new start"""
_COMMIT_TIMEOUT_S = 5.0
_LOOK_EVERY_S = 0.2
_SOON_S = 5.0
"""triggers of all streams are the same moments: most of what is waited for comes soon after, or at the next one"""
_LOOK_LATER_EVERY_S = 1.0
_REQUEST = "a request that works on its files"


def pause_after(failures: int) -> timedelta:
    """1 s, doubling to 5 minutes."""
    return backoff.pause_after(failures, FIRST_PAUSE, LONGEST_PAUSE)


class BatchGate:
    """Lets batches of one query through until it is closed; closing waits for the one inside."""

    def __init__(self) -> None:
        self._inside = threading.Lock()
        self._closed = False
        self.failure: BaseException | None = None
        """of the first batch that failed: Spark hands on its text only"""
        self._called_on: socket | None = None

    @contextmanager
    def batch(self) -> Iterator[None]:
        try:
            with self._inside:
                self._called_on = callback_socket()
                if self._closed:
                    raise GateClosed
                yield
        except BaseException as failure:
            self.failure = self.failure or failure
            raise

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Inside a batch: wait until the condition holds, the gate is closed or time is up; whether it holds.

        It is no part of the batch's work, so whoever times that begins afterwards.
        """
        began = time.monotonic()
        while not (holds := condition()) and not self._closed and (waited_s := time.monotonic() - began) < timeout_s:
            pause_s = _LOOK_EVERY_S if waited_s < _SOON_S else _LOOK_LATER_EVERY_S
            time.sleep(min(pause_s, timeout_s - waited_s))
        return holds

    def close(self) -> None:
        self._closed = True
        with self._inside:
            return

    def hang_up(self) -> None:
        """Let go of the thread that was called with the batches of the query, which has ended."""
        hang_up(self._called_on)


class GateClosed(RuntimeError):
    """A batch came after the stop was asked for: it is left for the next start."""


class StreamSupervisor:
    """One stream's thread. `start` recovers its dataset, checks its source and gives the started query."""

    def __init__(
        self,
        spark: SparkSession,
        start: Callable[[BatchGate], StreamingQuery],
        record: StreamRecord,
        now: Callable[[], datetime],
        lease_lost: Callable[[str], None],
    ) -> None:
        self.name = record.name
        self.record = record
        self._spark = spark
        self._start = start
        self._now = now
        self._lease_lost = lease_lost
        self._wake = threading.Event()
        self._stopping = False
        self._wanted = True
        self._is_paused = False
        self._running = threading.Lock()
        """held by the thread while its query runs, and by whoever works on the stream's files instead"""
        self._failures = 0
        self.is_given_up = False
        """the last failure cannot be cured by trying again"""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def switch(self, on: bool) -> None:
        if on != self._wanted:
            self._wanted = on
            self._wake.set()

    @property
    def is_on(self) -> bool:
        return self._wanted

    @contextmanager
    def paused(self, timeout_s: float = 300.0) -> Iterator[None]:
        """Stop the query while somebody works on the stream's files; it then starts again from its log."""
        self._is_paused = True
        self._wake.set()
        try:
            if not self._running.acquire(timeout=timeout_s):
                raise StreamFault(f"{self.name} is still in a batch after {timeout_s:.0f} s", "wait until it is done")
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._is_paused = False
            self._wake.set()

    def stop(self) -> None:
        """Ask for a graceful end; `join` waits for it."""
        self._stopping = True
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            if not self._wanted:
                self._failures = 0
                self.record.switched_off()
                self._sleep(timedelta(days=1))
                continue
            if self._is_paused:
                self.record.paused(_REQUEST)
                self._sleep(timedelta(days=1))
                continue
            with self._running:
                pause = None if self._is_paused else self._run_once()
            if pause is not None:
                self._sleep(pause)

    def _run_once(self) -> timedelta | None:
        """Run the query until it is asked to stop (None) or fails (how long to wait before the next try)."""
        gate = BatchGate()
        self.record.starting()
        try:
            # The stream's Spark jobs share the cores fairly with the other streams' instead of queueing behind them.
            self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", self.name)
            query = self._start(gate)
            self.is_given_up = False
            self.record.running()
            self._watch(query, gate)
        except Exception as failure:
            return self._failed(gate.failure or failure)
        finally:
            gate.hang_up()
        return None

    def _watch(self, query: StreamingQuery, gate: BatchGate) -> None:
        began_s, clock_s = time.monotonic(), self._clock_ahead_s()
        while not self._stopping and self._wanted and not self._is_paused:
            if query.awaitTermination(1):
                raise RuntimeError(f"the query {self.name} ended although nobody asked it to")
            if self._failures and time.monotonic() - began_s > RESET_AFTER.total_seconds():
                self._failures = 0
                self.record.healed()
            back_s = clock_s - self._clock_ahead_s()
            if back_s >= CLOCK_SET_BACK_S:
                # Spark waits for its next trigger by the clock on the wall.
                log.warning("the clock was set back by %.0f s: %s starts again, to go on at once", back_s, self.name)
                break
            clock_s -= min(0.0, back_s)
        gate.close()
        self._let_spark_commit(query)
        query.stop()

    def _clock_ahead_s(self) -> float:
        """By how much the clock on the wall is before the one that nobody can set."""
        return self._now().timestamp() - time.monotonic()

    def _let_spark_commit(self, query: StreamingQuery) -> None:
        # A courtesy: an uncommitted batch is replayed and found published. A closed gate ends the query by itself.
        deadline = time.monotonic() + _COMMIT_TIMEOUT_S
        while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
            time.sleep(0.05)

    def _failed(self, failure: BaseException) -> timedelta | None:
        if self._stopping or isinstance(failure, GateClosed):
            return None
        if isinstance(failure, LeaseLost):
            self._lease_lost(str(failure))
            return LONGEST_PAUSE
        if isinstance(failure, CommitConflict):
            log.warning("%s starts again from its log: %s", self.name, failure)
            return FIRST_PAUSE
        why = diagnose(failure)
        self.is_given_up = not why.retryable
        self._failures += 1
        broken = not why.retryable or (self._failures >= BREAKER_OPENS_AFTER and not why.external)
        pause = LONGEST_PAUSE if broken else pause_after(self._failures)
        if why.external:
            pause = min(pause, LONGEST_WAIT_FOR_OTHERS)
        self.record.failed(why, self._failures, broken, pause)
        log.error("%s stopped: %s Trying again in %.0f s.", self.name, why, pause.total_seconds())
        log.debug("%s", self.name, exc_info=failure)
        return pause

    def _sleep(self, pause: timedelta) -> None:
        self._wake.wait(pause.total_seconds())
        self._wake.clear()
