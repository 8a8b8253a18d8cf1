"""The rollup as a query: at every trigger it looks whether the feeds have news, and brings it in."""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.catalog import FEEDS, ROLLUP
from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.complete_hours import read_complete_hours
from spark_jobs.drivers.observation import DriverObservation, DriverObserver
from spark_jobs.paths import Layout
from spark_jobs.rollup.feed_position import reached_and_newest
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.rollup.upstream import Upstream, feed_missing, ingestion_missing
from spark_jobs.runtime.query import clock_query, longest_wait_s
from spark_jobs.runtime.stream import Stream, StreamContext, assembled
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import BatchGate

SETTLE_S = 0.7
"""after the first feed's news: the others' triggers fire at the same moment, and one entry for all is cheaper"""


def rollup_stream(context: StreamContext, rollup: Rollup, upstream: Upstream) -> Stream:
    """The rollup's query, ready to begin."""
    rollup.moved = upstream.rollup.moved
    stream = RollupStream(context, rollup, upstream)
    return assembled(context, stream.record, rollup.log, stream.start, stream.look_at_lag)


@dataclass
class RollupStream:
    """The query of the rollup."""

    context: StreamContext
    rollup: Rollup
    upstream: Upstream
    """of the analytics: what this stream says of itself, and what is missing of the feeds"""

    def __post_init__(self) -> None:
        self.record: StreamRecord = self.upstream.rollup
        self._ingestion = DriverObserver(Layout(Path(self.context.settings.OUTPUT_BASE_PATH)))

    def start(self, gate: BatchGate) -> StreamingQuery:
        """Recover the rollup and tick from now on."""
        self.rollup.begin()
        interval = self.context.settings.BATCH_INTERVAL

        def tick(_batch: DataFrame, batch_id: int) -> None:
            with gate.batch():
                if gate.wait_for(self._has_work, longest_wait_s(interval)):
                    gate.wait_for(lambda: False, min(SETTLE_S, interval.total_seconds() / 10))
                self.catch_up(batch_id)

        return clock_query(self.context, ROLLUP, interval, tick)

    def catch_up(self, batch_id: int) -> None:
        """One go: bring in what the feeds have new, and look what ingestion owes."""
        began = time.monotonic()
        if self._has_work():
            with self.record.working():
                written = sum(entry.rows["written"] for entry in self.rollup.update())
                self.record.batch_finished(batch_id, time.monotonic() - began, written)
        self._look_upstream()

    def _has_work(self) -> bool:
        return self.rollup.has_news() or self.rollup.waiting.has_retries_due()

    def look_at_lag(self) -> None:
        """Note how many ingested messages are not in the rollup. A feed that waits is no lag of ours."""
        newest = self.rollup.log.newest()
        self._look_whose_hours(None if newest is None else newest[0].id)
        if newest is None:
            return
        origin, head = newest
        complete = _complete_hours(self.context.settings.OUTPUT_BASE_PATH)  # before what is ingested is looked at
        reached: dict[str, int] = {}
        ends: dict[str, int] = {}
        for feed in (feed for feed in FEEDS if feed.name not in self.rollup.waiting.why):
            ours, theirs = reached_and_newest(self.rollup.readers[feed.name], head.position, feed)
            reached |= {f"{feed.name} {partition}": offset for partition, offset in ours.items()}
            ends |= {f"{feed.name} {partition}": offset for partition, offset in theirs.items()}
        if not self.record.saw(reached, ends):
            waiting = self.rollup.waiting.why
            self.upstream.complete_before = {name: end for name, end in complete.items() if name not in waiting}
            self.record.complete_to(self.upstream.complete_to([feed.name for feed in FEEDS]), origin.id)
        self._look_upstream()

    def _look_whose_hours(self, log: str | None) -> None:
        """Forget the complete hours of a rollup that was started over."""
        if log != self.upstream.rollup_log:
            self.upstream.complete_before, self.upstream.rollup_log = {}, log
        self.record.complete_to(None, log)

    def _look_upstream(self) -> None:
        try:
            seen = self._ingestion.look(time.monotonic())
            nothing = ingestion_missing(seen, self.context.settings.HEARTBEAT_STALE_AFTER)
        except OSError as failure:
            seen, nothing = DriverObservation(None), f"ingestion, whose status cannot be read: {failure}"
        missing = {}
        for feed in FEEDS:
            waits = self.rollup.waiting.why.get(feed.name)
            what = nothing or feed_missing(seen.status, feed.name) if waits is None else _in_words(waits)
            if what is not None:
                missing[feed.name] = what
        self.upstream.missing = missing
        self.record.waits_for = self.upstream.of(tuple(feed.name for feed in FEEDS))


def _in_words(waits: Diagnosis) -> str:
    """Why a feed waits; what to do too where nothing else helps, as no alert of its own says it."""
    return waits.message if waits.retryable else f"{waits.message}. Next step: {waits.next_step}"


def _complete_hours(ingested: str) -> dict[str, datetime]:
    """Feed -> the end of its last complete hour, as ingestion has written it down."""
    feeds = read_complete_hours(Layout(Path(ingested))).feeds
    ends = {name: hours.complete_before for name, hours in feeds.items()}
    return {name: datetime.fromisoformat(end) for name, end in ends.items() if end is not None}
