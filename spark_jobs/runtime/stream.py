"""A stream as a job runs it, what it is made from, and the look at it that tells how far behind it is."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.catalog import FEEDS
from spark_jobs.diagnosis import LeaseLost, diagnose
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.rows_today import RowsToday
from spark_jobs.runtime.step_pauses import step_listener
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import BatchGate, StreamSupervisor
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings

log = logging.getLogger(__name__)

_COUNT_ROWS_AFTER_S = 15.0
"""first the streams are to run: the entries of four hours cost 0.2 s of a core"""


@dataclass(frozen=True)
class StreamContext:
    """What a job's streams are made from."""

    settings: Settings
    spark: SparkSession
    layout: Layout
    checkpoints: Path
    """where each stream has a folder, and each try of its query a checkpoint of its own in it"""
    writer: Writer
    now: Callable[[], datetime]
    env: Mapping[str, str]
    lease_lost: Callable[[str], None]
    unread_before_s: Mapping[str, float] = field(default_factory=dict)
    """stream -> for how long the driver before this one had seen something unread"""

    def log(self, dataset: str) -> PublicationLog:
        """The log of a dataset below this job's root."""
        return PublicationLog(self.layout, dataset, step_listener(self.env, dataset))


@dataclass(frozen=True)
class Stream:
    """One stream as the job runs it."""

    supervisor: StreamSupervisor
    look_at_lag: Callable[[], None]
    """asks how far the stream is behind and notes it in its record; takes no lock that a batch holds"""
    dataset: Dataset
    """the same stream as requests see it"""

    @property
    def record(self) -> StreamRecord:
        """What the stream has to say of itself."""
        return self.supervisor.record


def new_record(context: StreamContext, name: str, interval: timedelta) -> StreamRecord:
    """The record of a stream; what the driver before this one had seen unread is no news to it."""
    return StreamRecord(name, interval, unread_before_s=context.unread_before_s.get(name, 0.0))


def assembled(
    context: StreamContext,
    record: StreamRecord,
    log: PublicationLog,
    query: Callable[[BatchGate], StreamingQuery],
    look_at_lag: Callable[[], None],
    catch_up_to: Callable[[int], bool] = lambda _seq: True,
) -> Stream:
    """The stream of this record and log. `query`: starts its query, at every try; `catch_up_to`: as in `Dataset`."""
    supervisor = StreamSupervisor(context.spark, query, record, context.now, context.lease_lost)
    checkpoints = context.checkpoints / record.name
    dataset = Dataset(record.name, log, checkpoints, supervisor.paused, lambda: supervisor.is_on, catch_up_to)
    return Stream(supervisor, look_at_lag, dataset)


def look_at(stream: Stream, count_after_s: float = _COUNT_ROWS_AFTER_S) -> Callable[[], None]:
    """What a thread of its own does for one stream: a look that hangs keeps no other from being looked at."""
    record = stream.record
    count_at = time.monotonic() + count_after_s
    rows = RowsToday(stream.dataset.log, has_dead_letters=any(feed.name == record.name for feed in FEEDS))

    def look() -> None:
        if not record.is_on:
            return
        try:
            stream.look_at_lag()
            if time.monotonic() >= count_at:
                record.rows = rows.count(utc_now().date())
        except LeaseLost:
            raise
        except Exception as failure:
            record.due_unknown(diagnose(failure).message)
            log.debug("the lag of %s is not known: %s", record.name, failure)

    return look
