"""The refused messages of a feed, newest first. Pure.

Folders come from the calendar, and no more is read than is asked for: files and their row groups from the end, the
content only of messages that are meant, and at most so many rows, bytes and files.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from boston_page.period import Period
from boston_page.unreadable import UNREADABLE, why_unreadable
from spark_jobs.arrow_values import integers
from spark_jobs.paths import Layout
from spark_jobs.publication.parquet_files import parquet_file
from spark_jobs.refused_files import PLACE, in_order, of_time_and_reason

COLUMNS = (*PLACE, "kafka_timestamp", "reason", "refused_at")
MESSAGE = "raw"
MOST_BYTES = 32 * 1024 * 1024
MOST_FILES = 2_000
"""a third of a millisecond each"""
_AT_ONCE = 100
"""messages that are unpacked together: each may be as large as the broker allows"""


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

    def meant(self, letters: pa.Table) -> list[int]:
        """Return the numbers of the rows that are asked for."""
        are_meant = of_time_and_reason(letters, self.period.start, self.period.end, self.reason)
        numbers: list[int] = pc.indices_nonzero(are_meant).to_pylist()
        return numbers


@dataclass(frozen=True)
class Letters:
    """The newest messages that are meant."""

    rows: pa.Table
    is_cut: bool
    """whether there may be more: rows, bytes or files were too many"""
    unreadable: Sequence[str]
    """a sentence for each file that could not be read to its end"""


def newest_letters(layout: Layout, question: Question, most: int) -> Letters:
    """Return at most so many."""
    found, unreadable = list[pa.Table](), list[str]()
    rows = size = 0
    is_cut = False
    for number, file in enumerate(_files(layout, question)):
        if is_cut := is_cut or rows >= most or number >= MOST_FILES:
            break
        try:
            for part in _parts(file, question, most):
                found.append(part)
                rows, size = rows + part.num_rows, size + part.nbytes
                if is_cut := rows > most or size >= MOST_BYTES:
                    break
        except UNREADABLE as failure:
            unreadable.append(why_unreadable(file, failure))
    return Letters(_newest(found, most, question), is_cut, unreadable)


def _files(layout: Layout, question: Question) -> Iterator[Path]:
    """Newest first."""
    for day in reversed(list(question.period.days())):
        yield from reversed(in_order(_folder(layout, question.feed, day)))


def _folder(layout: Layout, feed: str, day: date) -> Path:
    return layout.dead_letters(feed) / f"date={day}"


def _parts(file: Path, question: Question, most: int) -> Iterator[pa.Table]:
    """What is meant in a file, a row group at a time, newest first. One that is compacted meanwhile has none."""
    with suppress(FileNotFoundError), parquet_file(file) as letters:
        for group in reversed(range(letters.num_row_groups)):
            read = letters.read_row_group(group, columns=_HEADS.names, use_threads=False)
            rows = read.select(_HEADS.names).cast(_HEADS)
            meant = question.meant(rows)[-most - 1 :]  # one more says that there are more
            if meant:
                yield _with_content(letters, group, rows, meant) if question.has_right else rows.take(integers(meant))


def _with_content(letters: pq.ParquetFile, group: int, rows: pa.Table, meant: list[int]) -> pa.Table:
    """These rows with what is in the messages; of more than MOST_BYTES the last."""
    contents: deque[pa.Array] = deque()
    size = start = 0
    for batch in letters.iter_batches(_AT_ONCE, row_groups=[group], columns=[MESSAGE], use_threads=False):
        here = meant[bisect_left(meant, start) : bisect_left(meant, start + batch.num_rows)]
        contents.append(batch[MESSAGE].take(integers(number - start for number in here)))
        start, size = start + batch.num_rows, size + contents[-1].nbytes
        while size - contents[0].nbytes >= MOST_BYTES:
            size -= contents.popleft().nbytes
    content = pa.chunked_array(contents, pa.binary())
    return rows.take(integers(meant[len(meant) - len(content) :])).append_column(MESSAGE, content)


def _newest(found: list[pa.Table], most: int, question: Question) -> pa.Table:
    rows = pa.concat_tables([_nothing(question), *found])
    order = [("refused_at", "descending"), ("kafka_partition", "ascending"), ("kafka_offset", "descending")]
    return rows.sort_by(order).slice(0, most)


def _nothing(question: Question) -> pa.Table:
    return pa.Table.from_batches([], SCHEMA).select(list(question.columns))


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
_HEADS = pa.schema([SCHEMA.field(name) for name in COLUMNS])
