"""Staging: the tasks of a batch parse and write complete Parquet files, rows by event hour, refused ones as they came.

One pass inside `mapInArrow`: Spark's own writer would need a second one for the dead letters and pays more per open
file (docs/decisions/0004-parsing-in-the-tasks.md). Only a list of the files goes back to the driver.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext

from spark_jobs.bounded_tables import bounded_tables
from spark_jobs.catalog import Feed
from spark_jobs.feeds.parsed_messages import OUTCOME_COLUMNS, parsed
from spark_jobs.paths import hour_folder
from spark_jobs.publication import durable_files

MANIFEST_SCHEMA = "staged string, folder string, rows bigint, refused boolean"
_MANIFEST = pa.schema([("staged", pa.string()), ("folder", pa.string()), ("rows", pa.int64()), ("refused", pa.bool_())])
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


def staging_task(
    staging: Path, feed: Feed, accident_time_zone: str, read_at: datetime
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What each task of a batch runs: messages in, a manifest of written files out."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task = TaskContext.get()
        name = f"{task.partitionId()}-{task.attemptNumber()}" if task else "0-0"
        written: list[StagedFile] = []
        for number, rows in enumerate(bounded_tables(_parsed_batches(batches, feed, accident_time_zone, read_at))):
            prefix = f"{name}-{number}"
            written += staged_hours(rows, staging, prefix, feed.event_time)
            written += staged_dead_letters(rows, staging, prefix, read_at)
        yield _manifest(written)

    return write


def _parsed_batches(
    batches: Iterable[pa.RecordBatch], feed: Feed, accident_time_zone: str, read_at: datetime
) -> Iterator[pa.RecordBatch]:
    """Batch by batch: all messages of a task next to their rows would take more memory than the rows."""
    for batch in batches:
        yield from parsed(pa.Table.from_batches([batch]), feed, accident_time_zone, read_at).to_batches()


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
        _write(valid.slice(start, length), staging / name)
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
    _write(letters.select(list(_DEAD_LETTER_COLUMNS)), staging / name)
    yield StagedFile(name, f"date={refused_at:%Y-%m-%d}", refused.num_rows, refused=True)


def _write(rows: pa.Table, path: Path) -> None:
    """A complete file, on disk before anything promises it."""
    pq.write_table(rows, path, compression="zstd", compression_level=1)
    durable_files.sync_file(path)


def _manifest(files: list[StagedFile]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([file.name for file in files], pa.string()),
            pa.array([file.folder for file in files], pa.string()),
            pa.array([file.rows for file in files], pa.int64()),
            pa.array([file.refused for file in files], pa.bool_()),
        ],
        schema=_MANIFEST,
    )
