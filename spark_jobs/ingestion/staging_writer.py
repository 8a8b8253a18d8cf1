"""Staging: the tasks of a batch parse and write complete Parquet files, rows by event hour, refused ones as they came.

One pass inside `mapInArrow`: Spark's own writer would need a second one for the dead letters and pays more per open
file (docs/decisions/0004-parsing-in-the-tasks.md). Only a report goes back to the driver.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext

from spark_jobs.bounded_tables import bounded_tables
from spark_jobs.feeds.parsed_messages import OUTCOME_COLUMNS, Parser
from spark_jobs.ingestion.batch_quality import message_quality, row_quality
from spark_jobs.ingestion.last_read import last_read_of, latest
from spark_jobs.ingestion.quality import Line, Quality, lines_of, quality_of, total
from spark_jobs.kafka.last_read import LastRead
from spark_jobs.paths import hour_folder
from spark_jobs.publication.parquet_files import write_parquet

REPORT_SCHEMA = "report string"
_DEAD_LETTER_COLUMNS = ("topic", "kafka_partition", "kafka_offset", "kafka_timestamp", "reason", "raw", "refused_at")
_HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StagedFile:
    """One complete file in the staging folder and the dataset folder it belongs in."""

    name: str
    folder: str
    rows: int
    refused: bool


@dataclass(frozen=True)
class TaskReport:
    """What one task tells the driver: the files it has written, and what it counted."""

    files: tuple[StagedFile, ...]
    quality: Quality
    copies: str | None = None
    """the staged file of the messages that say to be copies of refused ones, where there are any"""
    last_read: LastRead = field(default_factory=dict)

    def encoded(self) -> pa.RecordBatch:
        files = [asdict(file) for file in self.files]
        counted = {"quality": lines_of(self.quality), "copies": self.copies, "last_read": self.last_read}
        document = {"files": files, **counted}
        return pa.RecordBatch.from_arrays([pa.array([json.dumps(document)])], ["report"])

    @classmethod
    def decoded(cls, report: str) -> "TaskReport":
        document = json.loads(report)
        files = tuple(StagedFile(**file) for file in document["files"])
        quality = quality_of(Line(*line) for line in document["quality"])
        return cls(files, quality, document["copies"], document["last_read"])


def staging_task(staging: Path, parser: Parser) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What each task of a batch runs: messages in, its report out."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task = TaskContext.get()
        name = f"{task.partitionId()}-{task.attemptNumber()}" if task else "0-0"
        written: list[StagedFile] = []
        counted: list[Quality] = []
        copies: list[pa.RecordBatch] = []
        last: list[LastRead] = []
        rows_of = _parsed_batches(without_copies(_noted(batches, last), copies), parser, counted)
        for number, rows in enumerate(bounded_tables(rows_of)):
            prefix = f"{name}-{number}"
            counted.append(row_quality(rows, parser.feed))
            written += staged_hours(rows, staging, prefix, parser.feed.event_time)
            written += staged_dead_letters(rows, staging, prefix, parser.read_at)
        copied = staged_copies(copies, staging, name)
        yield TaskReport(tuple(written), total(counted), copied, latest(last)).encoded()

    return write


def _noted(batches: Iterable[pa.RecordBatch], last: list[LastRead]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        last.append(last_read_of(batch))
        yield batch


def without_copies(batches: Iterable[pa.RecordBatch], copies: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put aside what says to be a copy of a refused message: another task may have another copy of the same."""
    for batch in batches:
        named = batch["redrive_of"]
        ordinary = batch if named.null_count == len(batch) else batch.filter(pc.is_null(named))
        if len(ordinary) < len(batch):
            copies.append(batch.filter(pc.is_valid(named)))
        if len(ordinary):
            yield ordinary.drop_columns(["redrive_of"])


def staged_copies(copies: Sequence[pa.RecordBatch], staging: Path, prefix: str) -> str | None:
    """Write them as they came, for the driver to judge."""
    if not copies:
        return None
    name = f"{prefix}-copies.parquet"
    pq.write_table(pa.Table.from_batches(copies), staging / name, compression="zstd")
    return name


def _parsed_batches(
    batches: Iterable[pa.RecordBatch], parser: Parser, counted: list[Quality]
) -> Iterator[pa.RecordBatch]:
    """Batch by batch: all messages of a task next to their rows would take more memory than the rows."""
    for batch in batches:
        rows = parser.parse(pa.Table.from_batches([batch]))
        counted.append(message_quality(batch["value"]))
        yield from rows.to_batches()


def staged_hours(rows: pa.Table, staging: Path, prefix: str, event_time: str) -> Iterator[StagedFile]:
    """Write the valid rows, one file per UTC hour of their event time."""
    valid = rows.filter(pc.is_null(rows["refusal"])).drop_columns(list(OUTCOME_COLUMNS))
    if not valid.num_rows:
        return
    # Event times are never before 2000 (feeds.md section 6): integer division is the floor.
    hours = pc.divide(valid[event_time].cast(pa.int64()), _HOUR_US)
    order = pc.sort_indices(hours)
    hours, valid = hours.take(order), valid.take(order)
    for hour, start, length in _runs(hours):
        name = f"{prefix}-{hour}.parquet"
        write_parquet(valid.slice(start, length), staging / name, compression_level=1)
        yield StagedFile(name, hour_folder(_EPOCH + timedelta(hours=hour)), length, refused=False)


def _runs(sorted_values: pa.ChunkedArray) -> Iterator[tuple[int, int, int]]:
    """(value, start, length) of each run of equal values."""
    counts = sorted_values.value_counts()
    start = 0
    for run in sorted(counts.to_pylist(), key=lambda run: int(run["values"])):
        yield run["values"], start, run["counts"]
        start += run["counts"]


def staged_dead_letters(rows: pa.Table, staging: Path, prefix: str, refused_at: datetime) -> Iterator[StagedFile]:
    """Write the refused messages as they came, with the reason."""
    refused = rows.filter(pc.is_valid(rows["refusal"]))
    if not refused.num_rows:
        return
    when = pa.array([refused_at] * refused.num_rows, pa.timestamp("us", tz="UTC"))
    letters = refused.append_column("refused_at", when).rename_columns(
        [*("reason" if name == "refusal" else name for name in refused.column_names), "refused_at"]
    )
    name = f"{prefix}-refused.parquet"
    write_parquet(letters.select(list(_DEAD_LETTER_COLUMNS)), staging / name, compression_level=1)
    yield StagedFile(name, f"date={refused_at:%Y-%m-%d}", refused.num_rows, refused=True)
