"""The analytics job by hand: the real rollup, analytics and logs over real datasets, but no Spark to call them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from spark_jobs.analytics.analytic_stream import AnalyticStream
from spark_jobs.analytics.analytic_updater import AnalyticUpdater
from spark_jobs.analytics.combined_windows import Durations
from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, ROLLUP
from spark_jobs.documents.status import StreamStatus
from spark_jobs.ingestion.feed_start import rows_in
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import CHANGED, Entry
from spark_jobs.publication.folding import fold
from spark_jobs.rollup.day_files import encoded_changes, staged_days
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.rollup.rollup_stream import RollupStream
from spark_jobs.rollup.upstream import Upstream
from spark_jobs.runtime.driver_process import driver_identity, new_instance
from spark_jobs.runtime.stream import StreamContext
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings, settings_from
from tests.analytics.flow.against_reference import assert_equals, reference
from tests.analytics.flow.feeds import Feeds
from tests.analytics.flow.ingestion import Clock, Ingested, may_write, now
from tests.analytics.tiles import day_tables, queries

NAMES = tuple(analytic.name for analytic in ANALYTICS)
OF_ALL_FEEDS = ("weather_safety_analysis", "surge_weather_correlation", "transport_usage_summary")
"""three that show what the tiles of every feed hold, where all nine would take too long"""
_ENOUGH_GOES = 50


def settings_of(root: Path) -> Settings:
    return settings_from(
        {
            "OUTPUT_BASE_PATH": str(root / "feeds"),
            "ANALYTICS_OUTPUT_PATH": str(root),
            "ANALYTICS_CHECKPOINT_PATH": str(root / "checkpoints"),
        }
    )


class LiveJob:
    """The rollup and the analytics below `root`, of the feeds below `root/feeds`; a new one is a restart.

    `by_hour`, `clock`: see `Ingested`; the clock is that of both jobs.
    """

    def __init__(
        self,
        root: Path,
        durations: Durations | None = None,
        names: tuple[str, ...] = NAMES,
        by_hour: bool = True,
        clock: Clock = now,
        begins: bool = True,
    ) -> None:
        self.root = root
        self.clock = clock
        self.layout = Layout(root)
        self.ingested = Ingested(root / "feeds", by_hour, clock)
        self.writer = Writer(driver_identity(new_instance(now()), None), 1, may_write)
        self.durations = durations or Durations()
        log = PublicationLog(self.layout, ROLLUP)
        self.rollup = Rollup(log, self.ingested.root, None, self.writer, clock, frozenset())
        self.tiles = self.rollup.tiles
        settings = settings_of(root)
        self.context = StreamContext(
            settings, cast(Any, None), self.layout, root, self.writer, clock, {}, cast(Any, None)
        )
        self.upstream = Upstream(StreamRecord(ROLLUP, settings.BATCH_INTERVAL))
        self.rollup_stream = RollupStream(self.context, self.rollup, self.upstream)
        if begins:
            self.rollup.begin()
        self.analytics = {name: self.analytic(name) for name in names}
        self.streams = {name: self.stream(updater) for name, updater in self.analytics.items()}
        for analytic in self.analytics.values():
            analytic.resume()

    def analytic(self, name: str) -> AnalyticUpdater:
        log = PublicationLog(self.layout, name)
        return AnalyticUpdater(declaration_of(name), self.durations, self.rollup, log, self.writer, self.clock)

    def stream(self, updater: AnalyticUpdater) -> AnalyticStream:
        record = StreamRecord(updater.log.dataset, self.context.settings.analytics_interval)
        return AnalyticStream(updater, self.context, record, self.upstream)

    def take(self, feeds: Feeds) -> None:
        """These rows through ingestion into the rollup."""
        self.ingested.take(feeds)
        self.update()

    def update(self) -> None:
        """What the rollup's query does at a trigger."""
        self.rollup_stream.catch_up(0)

    def take_tiles(self, new: Feeds) -> None:
        """An entry of the rollup with tiles that no ingested row made."""
        with self.rollup.log.transaction(may_write) as transaction:
            staging = transaction.new_staging(self.writer.driver.instance)
            moves = tuple(staged_days(day_tables(self.tiles, new), staging, self.layout))
            told = {CHANGED: encoded_changes(new)}
            transaction.commit(Entry("batch", transaction.head.position, moves, details=told), self.clock())

    def tick(self, *names: str) -> None:
        """One go of these analytics (all of them where none is named)."""
        for name in names or self.analytics:
            self.streams[name].catch_up(queries(), 0)

    def settle(self, *names: str) -> None:
        """Go on until nothing is left to do."""
        for name in names or self.analytics:
            goes = 0
            while not self.is_settled(name):
                self.tick(name)
                goes += 1
                assert goes < _ENOUGH_GOES, f"{name} does not come to an end"

    def fold_rollup(self, kept: timedelta = timedelta(), folded_kept: timedelta = timedelta(days=30)) -> None:
        """Fold the rollup's entries, and drop folded ones."""
        fold(self.rollup.log, kept, folded_kept, self.clock() + timedelta(hours=1))

    def is_settled(self, name: str) -> bool:
        return self.analytics[name].has_taken(self.rollup.log.applied_up_to())

    def position(self, name: str) -> Mapping[str, Any]:
        head = self.analytics[name].log.head()
        assert head is not None
        return head.position

    def rollup_head(self) -> Entry:
        head = self.rollup.log.head()
        assert head is not None
        return head

    def told(self, name: str) -> StreamStatus:
        """What the status says of a stream that runs, after a look at what is due of the rollup and of it."""
        for each in dict.fromkeys((ROLLUP, name)):
            self._stream(each).record.running()
            told = self.look(each)
        return told

    def look(self, name: str) -> StreamStatus:
        """The same of a stream as it is, after a look at it alone."""
        stream = self._stream(name)
        stream.look_at_lag()
        return stream.record.status(self.clock())

    def _stream(self, name: str) -> RollupStream | AnalyticStream:
        return self.rollup_stream if name == ROLLUP else self.streams[name]

    def tiles_of(self, feed: str) -> pa.Table:
        days = (self.tiles.day(feed, day) for day in self.tiles.days(feed))
        return pa.concat_tables([tiles for tiles in days if tiles is not None])


def assert_all_is_in(job: LiveJob, sent: Feeds) -> None:
    """All that was sent is ingested, and the outputs are what the reference makes of it."""
    assert job.ingested.reached() == {feed: len(rows) for feed, rows in sent.items()}
    assert_is_current(job)


def assert_is_current(job: LiveJob) -> None:
    """The outputs are what the reference makes of the ingested rows, which are as many as the log tells."""
    for log in job.ingested.logs.values():
        head = log.head()
        assert head is not None
        assert rows_in(log) == head.rows["total"]
    assert_equals(job.root, reference(job.ingested.root, job.analytics))


def with_durations(**lengths: Any) -> Durations:
    return replace(Durations(), **lengths)
