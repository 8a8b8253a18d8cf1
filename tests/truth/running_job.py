"""The ingestion job with one feed, as its parts make it up: run, supervisor, stream, log and documents on disk.

What is left out: Spark's query, whose batches tests hand in, and the broker, which says what tests let it say.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from spark_jobs.documents.status import STALE_AFTER, JobState, Status, StreamStatus, as_read, read_status
from spark_jobs.paths import Layout
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.driver import JobRun
from spark_jobs.runtime.driver_process import driver_identity
from spark_jobs.runtime.lease import acquire_lease
from spark_jobs.runtime.stream import Stream, look_at
from spark_jobs.runtime.supervisor import BatchGate, StreamSupervisor
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import INGESTION
from tests.ingestion.feed_by_hand import BIKES, TRIP, Broker, Query
from tests.monotonic import Seconds
from tests.patience import PATIENCE_S, wait_until


class HandQuery:
    """Stands for Spark's query: it runs until it is stopped."""

    isActive = False
    status: dict[str, bool] = {"isTriggerActive": False}  # noqa: RUF012 - never changed

    def awaitTermination(self, _seconds: float) -> bool:
        time.sleep(0.005)
        return False

    def stop(self) -> None:
        """Nothing of it goes on."""


def run_of_ingestion(root: Path, follows_switches: bool) -> JobRun:
    """A run that has its lease; nothing has begun."""
    writer = acquire_lease(Layout(root), driver_identity("job", None), timedelta(seconds=30), utc_now)
    settings = settings_from({"OUTPUT_BASE_PATH": str(root)})
    return JobRun(INGESTION, settings, {}, follows_switches, writer, threading.Event())


class RunningJob:
    """The job and its one feed, `bike_trips`. Its intervals pass when a test says so."""

    def __init__(self, root: Path, broker: Broker, clock: Seconds | None = None, unread_before_s: float = 0.0) -> None:
        self.clock = clock or Seconds()
        self.broker = broker
        self.feed = Query(root, broker, monotonic=self.clock, unread_before_s=unread_before_s)
        self.feed.now = utc_now()
        self.record = self.feed.record
        self.run = run_of_ingestion(root, follows_switches=True)
        self.run.heartbeat.state = JobState.RUNNING
        no_spark = cast(Any, SimpleNamespace(sparkContext=SimpleNamespace(setLocalProperty=lambda *_: None)))
        self.supervisor = StreamSupervisor(no_spark, self._start, self.record, utc_now, cast(Any, self._lease_lost))
        dataset = Dataset(BIKES.name, self.feed.log, root / "checkpoints", self.supervisor.paused)
        stream = Stream(self.supervisor, self.feed.stream.look_at_lag, dataset)
        self.run.heartbeat.streams = [stream]
        self.look = look_at(stream, count_after_s=0.0)
        self.starts = 0

    def _start(self, _gate: BatchGate) -> Any:
        self.feed.start()
        self.starts += 1
        return HandQuery()

    def _lease_lost(self, message: str) -> None:
        raise AssertionError(message)

    @contextmanager
    def started(self) -> Iterator["RunningJob"]:
        """From the start of the stream's thread to its end."""
        self.supervisor.begin()
        try:
            wait_until(lambda: self.starts > 0)
            yield self
        finally:
            self.supervisor.stop()
            assert self.supervisor.join(PATIENCE_S)

    def says(self, after_s: float = 0.0) -> StreamStatus:
        """What a reader of the document finds, some seconds later."""
        self.clock.go_on(after_s)
        return self.document().streams[0]

    def document(self, at: datetime | None = None) -> Status:
        self.run.heartbeat.write()
        status = read_status(self.run.layout)
        assert status is not None
        return as_read(status, at or utc_now(), STALE_AFTER)

    def word(self, after_s: float = 0.0) -> str:
        return self.says(after_s).state.value

    def produce(self, messages: int) -> None:
        self.broker.end = {0: self.broker.end[0] + messages}

    def read(self, most: int | None = None) -> None:
        """A batch with all that the broker has, or the next `most`."""
        first = int(self._reached())
        left = self.broker.end[0] - first
        self.feed.publish([TRIP] * min(left, most or left), first)

    def read_all_and_look(self) -> None:
        self.read()
        self.clock.go_on(0.1)
        self.look()

    def _reached(self) -> int:
        return int(next(iter(self.feed.head().position.values()))["next_offset"]["0"])

    @contextmanager
    def hung_batch(self) -> Iterator[None]:
        """A batch that waits for ever, in the midst of its work and with its log's lock, until the test is through."""
        inside, go_on = threading.Event(), threading.Event()

        def hang(step: str) -> None:
            if step == "staged":
                inside.set()
                go_on.wait(PATIENCE_S)

        self.feed.log.reached = hang
        batch = threading.Thread(target=self.read, daemon=True)
        batch.start()
        assert inside.wait(PATIENCE_S)
        try:
            yield
        finally:
            go_on.set()
            batch.join(PATIENCE_S)
            assert not batch.is_alive()
            self.feed.log.reached = lambda _step: None
