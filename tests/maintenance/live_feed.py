"""The ingestion job by hand: one feed's batches through its log, with neither Spark nor Kafka."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from spark_jobs.catalog import feed_named
from spark_jobs.feeds.parsed_messages import parsed
from spark_jobs.ingestion.feed_stream import moves_of
from spark_jobs.ingestion.staging_writer import StagedFile, staged_hours, staging_task
from spark_jobs.kafka.query import new_staging_folder
from spark_jobs.paths import Layout
from spark_jobs.publication.log import Entry, PublicationLog
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.driver_process import driver_identity, new_instance
from spark_jobs.runtime.writer import Writer
from tests.feeds.kafka_messages import kafka_messages

TOPIC = "bike-trips"
BIKES = feed_named("bike_trips")
Row = tuple[Any, ...]


def now() -> datetime:
    return datetime.now(UTC)


def may_write() -> None:
    """Nobody has taken over."""


def trip(start: str, **more: Any) -> bytes:
    return json.dumps({"starttime": start, **more}).encode()


class LiveFeed:
    """The bike trips below one root; a new one at the same root is what a restart would be."""

    def __init__(self, root: Path, topic_id: str = "t", reached: Callable[[str], None] = lambda _step: None) -> None:
        self.layout = Layout(root)
        self.writer = Writer(driver_identity(new_instance(now()), None), 1, may_write)
        self.log = PublicationLog(self.layout, BIKES.name, reached)
        if self.log.recover() is None:
            self.log.declare_origin(Entry("origin", self._position(topic_id, 0)), now())
        self.owned = Dataset(BIKES.name, self.log, root / "checkpoints" / BIKES.name)

    def take(self, values: Sequence[bytes | None], refused_at: datetime | None = None) -> None:
        """One batch: the next messages of the topic's only partition."""

        def stage(head: Entry) -> Entry:
            first = self._next_offset(head)
            messages = kafka_messages(values, first_offset=first)
            folder = new_staging_folder(self.log, self.writer.driver, head.seq + 1)
            task = staging_task(folder, BIKES, "UTC", refused_at or now())
            files = [StagedFile(*file.values()) for part in task(messages.to_batches()) for file in part.to_pylist()]
            moves = tuple(moves_of(BIKES, files, folder.relative_to(self.layout.root), head.seq + 1))
            position = self._position(head.position[TOPIC]["topic_id"], first + len(values))
            return Entry("batch", position, moves, writer=self.writer.named())

        self.log.publish(stage, may_write, now)

    def take_in_pieces(self, values: Sequence[bytes | None], pieces: int) -> None:
        """One batch of valid messages by so many tasks: as many files in each hour that all of them have."""

        def stage(head: Entry) -> Entry:
            first, size = self._next_offset(head), len(values) // pieces
            rows = parsed(kafka_messages(values, first_offset=first), BIKES, "UTC")
            folder = new_staging_folder(self.log, self.writer.driver, head.seq + 1)
            files = [
                file
                for piece in range(pieces)
                for file in staged_hours(rows.slice(piece * size, size), folder, f"{piece:04}", BIKES.event_time)
            ]
            moves = tuple(moves_of(BIKES, files, folder.relative_to(self.layout.root), head.seq + 1))
            position = self._position(head.position[TOPIC]["topic_id"], first + len(values))
            return Entry("batch", position, moves, writer=self.writer.named())

        self.log.publish(stage, may_write, now)

    def files(self) -> list[str]:
        found = (path.relative_to(self.layout.root) for path in self.layout.root.glob("**/*.parquet"))
        return sorted(str(path) for path in found if path.parts[0] != "_staging")

    def rows(self, folder: Path | None = None) -> list[Row]:
        """What a reader finds."""
        found = f"{folder or self.layout.dataset(BIKES.name)}/**/*.parquet"
        with duckdb.connect() as connection:
            return connection.execute(f"SELECT * FROM '{found}' ORDER BY kafka_offset").fetchall()

    def offsets(self) -> list[int]:
        """The messages that a reader finds, in order."""
        found = f"{self.layout.dataset(BIKES.name)}/**/*.parquet"
        with duckdb.connect() as connection:
            rows = connection.execute(f"SELECT kafka_offset FROM '{found}' ORDER BY kafka_offset").fetchall()
        return [row[0] for row in rows]

    def next_offset(self) -> int:
        head = self.log.head()
        assert head is not None
        return self._next_offset(head)

    @staticmethod
    def _next_offset(head: Entry) -> int:
        return int(head.position[TOPIC]["next_offset"]["0"])

    @staticmethod
    def _position(topic_id: str, next_offset: int) -> Mapping[str, Any]:
        return {TOPIC: {"topic_id": topic_id, "next_offset": {"0": next_offset}}}
