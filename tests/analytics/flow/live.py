"""The analytics job by hand: the same rollup store, logs and analytics, but no Spark and no Kafka between them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa

from spark_jobs.analytics.analytic_stream import AnalyticStream
from spark_jobs.analytics.refresh import analytics_connection, declaration_of
from spark_jobs.catalog import ANALYTICS, ROLLUP, feed_named
from spark_jobs.kafka.query import new_staging_folder
from spark_jobs.paths import Layout
from spark_jobs.publication.log import Entry, PublicationLog
from spark_jobs.rollup.combined_windows import Durations
from spark_jobs.rollup.day_files import DayFiles
from spark_jobs.rollup.rollup_stream import changes, staged_days
from spark_jobs.rollup.tiles import tiles_of
from spark_jobs.runtime.driver import Start
from spark_jobs.runtime.driver_process import driver_identity, new_instance
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import settings_from

Feeds = Mapping[str, pa.Table]
NAMES = tuple(analytic.name for analytic in ANALYTICS)


def now() -> datetime:
    return datetime.now(UTC)


def may_write() -> None:
    """Nobody has taken over."""


class LiveJob:
    """The rollup and the nine analytics below one root; `start` again after what would be a restart."""

    def __init__(
        self,
        root: Path,
        durations: Durations | None = None,
        names: tuple[str, ...] = NAMES,
        begun: Mapping[str, Any] | None = None,
    ) -> None:
        self.layout = Layout(root)
        self.writer = Writer(driver_identity(new_instance(now()), None), 1, may_write)
        self.rollup = PublicationLog(self.layout, ROLLUP)
        self.tiles = DayFiles(self.layout.dataset(ROLLUP))
        self.durations = durations or Durations()
        if self.rollup.recover() is None:
            self.rollup.declare_origin(Entry("origin", begun or {}), now())
        self.analytics = {name: self._analytic(name) for name in names}
        self.connections: dict[str, duckdb.DuckDBPyConnection] = {name: analytics_connection() for name in names}
        for analytic in self.analytics.values():
            analytic.resume()

    def _analytic(self, name: str) -> AnalyticStream:
        settings = settings_from({})
        start = Start(settings, cast(Any, None), self.layout, self.writer, now, {}, cast(Any, None))
        return AnalyticStream(
            declaration=declaration_of(name),
            durations=self.durations,
            start_of=start,
            rollup=self.rollup,
            tiles=self.tiles,
            log=PublicationLog(self.layout, name),
            record=StreamRecord(name, settings.analytics_interval, now()),
        )

    def take(self, feeds: Feeds, position: Mapping[str, Any] | None = None) -> None:
        """One batch of the rollup."""
        tiles = {feed: tiles_of(rows, feed_named(feed)) for feed, rows in feeds.items() if len(rows)}
        self.take_tiles(tiles, position)

    def take_tiles(self, new: Feeds, position: Mapping[str, Any] | None = None) -> None:
        def stage(head: Entry) -> Entry:
            staging = new_staging_folder(self.rollup, self.writer.driver, head.seq + 1)
            moves = staged_days(new, self.tiles, self.layout, staging)
            reached = head.position if position is None else position
            return Entry("batch", reached, moves=tuple(moves), details={"changed": changes(new)})

        self.rollup.publish(stage, may_write, now)

    def tick(self, *names: str) -> None:
        """One go of these analytics (all of them where none is named)."""
        for name in names or self.analytics:
            self.analytics[name].catch_up(self.connections[name], 0)

    def settle(self) -> None:
        """Go on until nothing is left to do."""
        for name, analytic in self.analytics.items():
            self.tick(name)
            while analytic.has_work:
                self.tick(name)

    def position(self, name: str) -> Mapping[str, Any]:
        head = self.analytics[name].log.head()
        assert head is not None
        return head.position

    def forget_markers(self, up_to: int) -> None:
        """As a clean-up of applied markers does."""
        for marker in self.layout.applied(ROLLUP).glob("*.json"):
            if int(marker.stem) <= up_to:
                marker.unlink()


def with_durations(**lengths: Any) -> Durations:
    return replace(Durations(), **lengths)
