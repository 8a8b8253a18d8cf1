"""The refused messages of a feed, newest first. Pure.

Folders come from the calendar, and no more files are read than are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from boston_page.period import Period
from spark_jobs.paths import Layout
from spark_jobs.refused_files import PLACE, in_order, of_time_and_reason

COLUMNS = (*PLACE, "kafka_timestamp", "reason", "refused_at")
MESSAGE = "raw"
_AT_ONCE = 500
MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Question:
    """Which messages: of one feed and period, for one reason or any; `has_right` to see what is in them."""

    feed: str
    period: Period
    reason: str | None
    has_right: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return (*COLUMNS, MESSAGE) if self.has_right else COLUMNS

    def meant(self, letters: pa.Table) -> pa.Table:
        """Return those of the letters that are asked for."""
        return letters.filter(of_time_and_reason(letters, self.period.start, self.period.end, self.reason))


def newest_letters(layout: Layout, question: Question, most: int, most_files: int) -> tuple[pa.Table, bool]:
    """Return at most so many, and whether there may be more: files or bytes were too many."""
    found: list[pa.Table] = []
    rows = size = 0
    for number, file in enumerate(_files(layout, question)):
        if rows >= most or size >= MOST_BYTES or number >= most_files:
            return _newest(found, most, question), True
        part = _of_file(file, question, most)
        rows, size = rows + part.num_rows, size + part.nbytes
        found.append(part)
    return _newest(found, most, question), rows > most


def _files(layout: Layout, question: Question) -> Iterator[Path]:
    """Newest first."""
    for day in reversed(list(question.period.days())):
        yield from reversed(in_order(_folder(layout, question.feed, day)))


def _folder(layout: Layout, feed: str, day: date) -> Path:
    return layout.dead_letters(feed) / f"date={day}"


def _of_file(file: Path, question: Question, most: int) -> pa.Table:
    """The newest of a file, some read at a time: a message may be large. One that is compacted meanwhile has none."""
    kept = _nothing(question)
    try:
        with pq.ParquetFile(file) as letters:
            for batch in letters.iter_batches(_AT_ONCE, columns=list(question.columns), use_threads=False):
                kept = pa.concat_tables([kept, question.meant(pa.Table.from_batches([batch]))])
                kept = kept.slice(max(0, kept.num_rows - most))
    except FileNotFoundError:
        return _nothing(question)
    return kept


def _newest(found: list[pa.Table], most: int, question: Question) -> pa.Table:
    rows = pa.concat_tables([_nothing(question), *found])
    order = [("refused_at", "descending"), ("kafka_partition", "ascending"), ("kafka_offset", "descending")]
    return rows.sort_by(order).slice(0, most)


def _nothing(question: Question) -> pa.Table:
    return SCHEMA.empty_table().select(list(question.columns))


SCHEMA = pa.schema(
    [
        ("topic", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("kafka_timestamp", pa.timestamp("us", tz="UTC")),
        ("reason", pa.string()),
        ("refused_at", pa.timestamp("us", tz="UTC")),
        ("raw", pa.binary()),
    ]
)
