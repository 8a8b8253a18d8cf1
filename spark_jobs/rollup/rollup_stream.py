"""The rollup as a query: at every trigger it looks whether the feeds have news, and brings it in."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.catalog import FEEDS, ROLLUP
from spark_jobs.documents.status import read_status
from spark_jobs.paths import Layout
from spark_jobs.rollup.feed_position import messages_behind
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.rollup.upstream import feed_missing, ingestion_missing
from spark_jobs.runtime.clock_query import clock_query
from spark_jobs.runtime.dataset import Dataset, clear_dead_staging
from spark_jobs.runtime.driver import Start, Stream
from spark_jobs.runtime.stream_record import Lag, StreamRecord
from spark_jobs.runtime.supervisor import BatchGate, Failures, StreamSupervisor

SETTLE_S = 0.7
"""after the first feed's news: the others' triggers fire at the same moment, and one entry for all is cheaper"""


@dataclass
class Upstream:
    """What the rollup waits for, feed by feed; read by the analytics that stand on it."""

    missing: dict[str, str] = field(default_factory=dict)
    """feed -> what is missing, and why"""

    def of(self, feeds: tuple[str, ...]) -> str | None:
        """In one sentence, for those feeds; None where nothing is missing."""
        told = dict.fromkeys(self.missing[feed] for feed in feeds if feed in self.missing)
        return "; ".join(told) or None


def rollup_stream(start: Start, rollup: Rollup, upstream: Upstream) -> Stream:
    """The rollup's query, ready to begin."""
    record = StreamRecord(ROLLUP, start.settings.BATCH_INTERVAL, start.now())
    stream = RollupStream(start, rollup, upstream, record)
    supervisor = StreamSupervisor(ROLLUP, start.spark, stream.start, record, start.now, start.lease_lost)
    dataset = Dataset(ROLLUP, rollup.log, stream.checkpoints, supervisor.held, lambda: supervisor.is_on)
    return Stream(supervisor, stream.look_at_lag, dataset)


@dataclass
class RollupStream:
    """The query of the rollup."""

    start_of: Start
    rollup: Rollup
    upstream: Upstream
    record: StreamRecord
    _behind_since: datetime | None = None

    @property
    def checkpoints(self) -> Path:
        """Where each try has a checkpoint of its own."""
        return Path(self.start_of.settings.ANALYTICS_CHECKPOINT_PATH) / ROLLUP

    def start(self, gate: BatchGate, failures: Failures) -> StreamingQuery:
        """Recover the rollup and tick from now on."""
        self.rollup.begin()
        clear_dead_staging(self.rollup.log, self.start_of.writer.driver)
        interval = self.start_of.settings.BATCH_INTERVAL

        def tick(_batch: DataFrame, batch_id: int) -> None:
            with failures.noted(), gate.batch():
                # Half an interval at the most: a longer tick would miss the next trigger.
                if gate.wait_for(self.rollup.has_news, interval.total_seconds() / 2):
                    gate.wait_for(lambda: False, min(SETTLE_S, interval.total_seconds() / 10))
                self.catch_up(batch_id)

        return clock_query(self.start_of, ROLLUP, interval, self.checkpoints, tick)

    def catch_up(self, batch_id: int) -> None:
        """One go: bring in what the feeds have new, and look what ingestion owes."""
        began = time.monotonic()
        if self.rollup.has_news() or self.rollup.has_retries_due():
            entry = self.rollup.update()
            written = entry.rows["written"] if entry else 0
            self.record.batch_finished(batch_id, time.monotonic() - began, written, 0, self.start_of.now())
        self._look_upstream()

    def look_at_lag(self) -> None:
        """Note how many ingested messages are not in the rollup. A feed that waits is no lag of ours."""
        head = self.rollup.log.head()
        if head is None:
            return
        feeds = [feed for feed in FEEDS if feed.name not in self.rollup.waits]
        behind = sum(messages_behind(self.rollup.readers[feed.name], head.position, feed) for feed in feeds)
        self._behind_since = None if not behind else self._behind_since or self.start_of.now()
        self.record.lag_seen(Lag(behind, self._behind_since), self.start_of.now())
        self._look_upstream()

    def _look_upstream(self) -> None:
        settings, now = self.start_of.settings, self.start_of.now()
        status = read_status(Layout(Path(settings.OUTPUT_BASE_PATH)))
        nothing = ingestion_missing(status, now, settings.HEARTBEAT_STALE_AFTER)
        missing = {}
        for feed in FEEDS:
            waits = self.rollup.waits.get(feed.name)
            what = waits.message if waits is not None else nothing or feed_missing(status, feed.name)
            if what is not None:
                missing[feed.name] = what
        self.upstream.missing = missing
        self.record.waits(self.upstream.of(tuple(feed.name for feed in FEEDS)))
