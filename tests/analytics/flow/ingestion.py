"""The ingestion job by hand, beside `live.LiveJob`: rows with offsets into the feeds' datasets, through their logs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from spark_jobs.catalog import FEEDS, Feed
from spark_jobs.ingestion.feed_stream import moves_of
from spark_jobs.ingestion.staging_writer import staged_hours
from spark_jobs.kafka.query import new_staging_folder
from spark_jobs.maintenance.compaction import compaction
from spark_jobs.paths import Layout
from spark_jobs.publication.log import Entry, PublicationLog
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.driver_process import driver_identity, new_instance
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings, settings_from
from tests.analytics.flow.live import Feeds, may_write, now

Counts = Mapping[str, int]
"""feed -> how many of its messages"""


def settings_of(root: Path) -> Settings:
    return settings_from(
        {
            "OUTPUT_BASE_PATH": str(root / "feeds"),
            "ANALYTICS_OUTPUT_PATH": str(root),
            "ANALYTICS_CHECKPOINT_PATH": str(root / "checkpoints"),
        }
    )


def position(reached: Counts) -> dict[str, Any]:
    """As the log keeps it: each feed's messages are the offsets 0, 1, 2, ... of one partition."""
    defaults = settings_from({})
    return {
        defaults.topic(feed): {"topic_id": f"id-{feed.name}", "next_offset": {"0": reached[feed.name]}}
        for feed in FEEDS
        if feed.name in reached
    }


class Ingested:
    """The four datasets below `<root>/feeds`."""

    def __init__(self, root: Path, sent: Feeds, begun: int = 0) -> None:
        self.layout = Layout(root / "feeds")
        self.writer = Writer(driver_identity(new_instance(now()), None), 1, may_write)
        self.sent = sent
        self.reached = dict.fromkeys(sent, 0)
        self.logs = {feed.name: PublicationLog(self.layout, feed.name) for feed in FEEDS}
        for feed in FEEDS:
            self.logs[feed.name].declare_origin(Entry("origin", position({feed.name: begun})), now())

    def take(self, up_to: Counts) -> None:
        """A batch of each feed: its messages before this offset that are not in yet."""
        for feed in FEEDS:
            if up_to[feed.name] > self.reached[feed.name]:
                self._take(feed, up_to[feed.name])

    def compact(self) -> None:
        feeds = [Dataset(name, log, self.layout.root / "checkpoints") for name, log in self.logs.items()]
        settings = settings_from({"COMPACTION_AFTER": "1 second"})
        work = compaction(settings, self.writer, feeds, lambda: now().replace(year=now().year + 1))
        work({}, lambda *_: None)

    def _take(self, feed: Feed, end: int) -> None:
        log, start = self.logs[feed.name], self.reached[feed.name]

        def stage(head: Entry) -> Entry:
            folder = new_staging_folder(log, self.writer.driver, head.seq + 1)
            rows = with_offsets(self.sent[feed.name].slice(start, end - start), start)
            files = list(staged_hours(rows, folder, "0", feed.event_time))
            moves = tuple(moves_of(feed, files, folder.relative_to(self.layout.root), head.seq + 1))
            return Entry("batch", position({feed.name: end}), moves)

        log.publish(stage, may_write, now)
        self.reached[feed.name] = end


def with_offsets(rows: pa.Table, first: int) -> pa.Table:
    """The rows as the parsing gives them: valid, and with their place in Kafka."""
    count = len(rows)
    more = {
        "kafka_partition": pa.array([0] * count, pa.int32()),
        "kafka_offset": pa.array(range(first, first + count), pa.int64()),
        "refusal": pa.nulls(count, pa.string()),
        "topic": pa.nulls(count, pa.string()),
        "raw": pa.nulls(count, pa.binary()),
    }
    for name, column in more.items():
        rows = rows.append_column(name, column)
    return rows
