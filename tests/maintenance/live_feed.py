"""The ingestion job by hand: one feed's batches through its log, with neither Spark nor Kafka."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from spark_jobs.catalog import feed_named
from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.ingestion.batch_quality import row_quality
from spark_jobs.ingestion.feed_stream import moves_of
from spark_jobs.ingestion.quality_days import QualityDays
from spark_jobs.ingestion.staging_writer import StagedFile, TaskReport, staged_dead_letters, staged_hours, staging_task
from spark_jobs.maintenance.start_over import REMOVED
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog, Transaction
from spark_jobs.publication.entry import Entry
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.driver_process import driver_identity, new_instance
from spark_jobs.runtime.writer import Writer
from tests.feeds.kafka_messages import kafka_messages, naming

TOPIC = "bike-trips"
BIKES = feed_named("bike_trips")
Row = tuple[Any, ...]


def now() -> datetime:
    return datetime.now(UTC)


def may_write() -> None:
    """Nobody has taken over."""


def tell(*_: Any) -> None:
    """Nobody listens to what a request tells of its progress."""


def put(path: Path, content: str = "{}") -> Path:
    """A file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def trip(start: str, **more: Any) -> bytes:
    return json.dumps({"starttime": start, "gender": None, **more}).encode()


class LiveFeed:
    """The bike trips below one root; a new one at the same root is what a restart would be."""

    def __init__(self, root: Path, topic_id: str = "t", reached: Callable[[str], None] = lambda _step: None) -> None:
        self.layout = Layout(root)
        self.writer = Writer(driver_identity(new_instance(now()), None), 1, may_write)
        self.log = PublicationLog(self.layout, BIKES.name, reached)
        if self.log.recover() is None:
            self.log.begin(Entry("origin", self._position(topic_id, 0), rows={"total": 0}), now())
        self.dataset = Dataset(BIKES.name, self.log, root / "checkpoints" / BIKES.name)

    def take(self, values: Sequence[bytes | None], refused_at: datetime | None = None) -> None:
        """One batch: the next messages of the topic's only partition."""
        with self.log.transaction(may_write) as transaction:
            messages = naming(kafka_messages(values, first_offset=self._next_offset(transaction.head)), {})
            staging = transaction.new_staging(self.writer.driver.instance)
            task = staging_task(staging, Parser(BIKES, "UTC", refused_at or now()))
            (report,) = task(messages.to_batches())
            files = TaskReport.decoded(report["report"][0].as_py()).files
            self._commit(transaction, staging, files, len(values))

    def refuse(self, values: Sequence[bytes | None], reason: str, refused_at: datetime | None = None) -> None:
        """One batch that an older version has refused, all of it."""
        with self.log.transaction(may_write) as transaction:
            messages = kafka_messages(values, self._next_offset(transaction.head), TOPIC)
            rows = Parser(BIKES, "UTC", now()).parse(messages)
            for name, column in {"refusal": pa.array([reason] * len(values)), "raw": messages["value"]}.items():
                rows = rows.set_column(rows.schema.get_field_index(name), name, column)
            staging = transaction.new_staging(self.writer.driver.instance)
            at = refused_at or now()
            files = list(staged_dead_letters(rows, staging, "refused", at))
            days = QualityDays(self.layout, BIKES)
            counted = days.staged(days.with_batch(at.date(), [row_quality(rows, BIKES)]), at.date(), staging)
            self._commit(transaction, staging, files, len(values), counted)

    def take_in_pieces(self, values: Sequence[bytes | None], pieces: int) -> None:
        """One batch of valid messages by so many tasks: as many files in each hour that all of them have."""
        with self.log.transaction(may_write) as transaction:
            messages = kafka_messages(values, first_offset=self._next_offset(transaction.head))
            rows, size = Parser(BIKES, "UTC", now()).parse(messages), len(values) // pieces
            staging = transaction.new_staging(self.writer.driver.instance)
            files = [
                file
                for piece in range(pieces)
                for file in staged_hours(rows.slice(piece * size, size), staging, f"{piece:04}", BIKES.event_time)
            ]
            self._commit(transaction, staging, files, len(values))

    def _commit(
        self, transaction: Transaction, staging: Path, files: Sequence[StagedFile], count: int, *more: tuple[str, str]
    ) -> None:
        head = transaction.head
        written, refused = (sum(file.rows for file in files if file.refused == is_so) for is_so in (False, True))
        draft = Entry(
            "batch",
            self._position(head.position[TOPIC]["topic_id"], self._next_offset(head) + count),
            (*moves_of(BIKES, files, staging.relative_to(self.layout.root), transaction), *more),
            rows={"written": written, "refused": refused, "total": head.rows["total"] + written},
            writer=self.writer.as_document(),
        )
        transaction.commit(draft, now())

    def files(self) -> list[str]:
        found = (path.relative_to(self.layout.root) for path in self.layout.root.glob("**/*.parquet"))
        return sorted(str(path) for path in found if path.parts[0] not in ("_staging", REMOVED))

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
