"""A feed below one root, written by hand through its log: small real Parquet files, neither Spark nor Kafka.

What becomes of a message follows from its partition and offset alone, so a test knows the rows between two positions.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog, Transaction
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.folding import fold
from spark_jobs.publication.reader import DatasetReader, Increment, Position

FEED, TOPIC = "bike_trips", "bike-trips"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOURS = (9, 10, 11)

Row = tuple[int, int]
"""partition, offset"""


class Killed(BaseException):
    """What a kill -9 at a step looks like to the log."""


def dies_at(step: str) -> Callable[[str], None]:
    """Reach no step after this one."""

    def reached(name: str) -> None:
        if name == step:
            raise Killed

    return reached


def when(step: str, action: Callable[[], object]) -> Callable[[str], None]:
    """Do something at a step, while its writer sleeps there."""

    def reached(name: str) -> None:
        if name == step:
            action()

    return reached


def may_write() -> None:
    """Nobody has taken over."""


def hour_of(partition: int, offset: int) -> int | None:
    """The hour of a message's row; None where it is refused, as every tenth is."""
    return None if offset % 10 == 9 else HOURS[(partition + offset) % len(HOURS)]


def rows_within(bounds: Mapping[int, tuple[int, int]]) -> list[Row]:
    """The rows of all messages within the bounds."""
    offsets = ((partition, offset) for partition, (first, end) in bounds.items() for offset in range(first, end))
    return sorted(row for row in offsets if hour_of(*row) is not None)


def folder_of(hour: int) -> str:
    """Relative to the root."""
    return f"{FEED}/hour={hour}"


@dataclass
class SmallFeed:
    """One writer of the feed; another one at the same root is a restart, or a second driver."""

    root: Path
    reached: Callable[[str], None] = lambda _step: None
    now: datetime = NOON
    counts_rows: bool = True
    """v0.1 did not"""

    def __post_init__(self) -> None:
        self.log = PublicationLog(Layout(self.root), FEED, self.reached)

    def begin(self, first: Mapping[int, int] | None = None, **origin: object) -> "SmallFeed":
        """Declare the origin, at these offsets."""
        rows = {"total": 0} if self.counts_rows else {}
        self.log.begin(Entry("origin", position_at(first or {0: 0, 1: 0}), rows=rows), self.now, **origin)
        return self

    def take(self, count: Mapping[int, int]) -> Entry:
        """Publish one batch: so many messages of each partition."""
        with self.log.transaction(may_write) as transaction:
            known = offsets_of(transaction.head)
            end = {**known, **{partition: known.get(partition, 0) + more for partition, more in count.items()}}
            messages = [(p, offset) for p in end for offset in range(known.get(p, 0), end[p])]
            valid = [row for row in messages if hour_of(*row) is not None]
            moves = tuple(self._staged(transaction, messages))
            rows = {"written": len(valid), "refused": len(messages) - len(valid)}
            if "total" in transaction.head.rows:
                rows["total"] = transaction.head.rows["total"] + len(valid)
            return transaction.commit(Entry("batch", position_at(end), moves, rows=rows), self.now)

    def _staged(self, transaction: Transaction, messages: list[Row]) -> Iterable[tuple[str, str]]:
        staging = transaction.new_staging("writer")
        for hour in (*HOURS, None):
            of_hour = [row for row in messages if hour_of(*row) == hour]
            if of_hour:
                write_rows(staging / f"{hour}.parquet", of_hour)
                folder = f"_dead_letters/{FEED}/date=2026-01-01" if hour is None else folder_of(hour)
                source = staging.relative_to(self.root) / f"{hour}.parquet"
                yield str(source), f"{folder}/{transaction.file_name(0)}"

    def compact(self, hour: int) -> Entry:
        """Make the hour's files one."""
        with self.log.transaction(may_write) as transaction:
            files = sorted((self.root / folder_of(hour)).glob("*.parquet"))
            merged = transaction.new_staging("requests") / "merged.parquet"
            pq.write_table(
                pa.concat_tables(pq.read_table(file, partitioning=None, use_threads=False) for file in files), merged
            )
            move = (str(merged.relative_to(self.root)), f"{folder_of(hour)}/{transaction.file_name(0)}")
            deletes = tuple(str(file.relative_to(self.root)) for file in files)
            total = {name: rows for name, rows in transaction.head.rows.items() if name == "total"}
            draft = Entry("compaction", transaction.head.position, (move,), deletes, rows=total)
            return transaction.commit(draft, self.now)

    def fold(self, kept: timedelta = timedelta(0), folded_kept: timedelta = timedelta(days=30)) -> int:
        """Fold what lies in whole hours before now."""
        return fold(self.log, kept, folded_kept, self.now)

    def head(self) -> Entry:
        """The newest entry."""
        head = self.log.head()
        assert head is not None
        return head


def position_at(next_offset: Mapping[int, int]) -> dict[str, object]:
    """A position as entries keep it."""
    offsets = {str(partition): offset for partition, offset in sorted(next_offset.items())}
    return {TOPIC: {"topic_id": "t", "next_offset": offsets}}


def offsets_of(entry: Entry) -> dict[int, int]:
    """Partition -> next offset."""
    return {int(partition): offset for partition, offset in entry.position[TOPIC]["next_offset"].items()}


def write_rows(path: Path, rows: list[Row]) -> None:
    """A Parquet file of these rows."""
    partitions, offsets = zip(*rows, strict=True)
    columns = {"kafka_partition": pa.array(partitions, pa.int32()), "kafka_offset": pa.array(offsets, pa.int64())}
    pq.write_table(pa.table(columns), path)


def data_files(root: Path) -> list[str]:
    """The files that a reader of the whole feed finds."""
    return sorted(str(path.relative_to(root)) for path in (root / FEED).glob("**/*.parquet"))


def rows_on_disk(root: Path) -> list[Row]:
    """The rows that a reader of the whole feed finds."""
    return sorted(row for file in data_files(root) for row in rows_in(root / file))


def rows_in(path: Path | str) -> list[Row]:
    """The rows of one file."""
    with pq.ParquetFile(path) as file:
        table = file.read(use_threads=False)
    return list(zip(table["kafka_partition"].to_pylist(), table["kafka_offset"].to_pylist(), strict=True))


def read_by_sql(increment: Increment) -> list[Row]:
    """The increment's rows, as a program with DuckDB reads them."""
    if not increment.files:
        return []
    columns = "kafka_partition, kafka_offset"
    with duckdb.connect() as connection:
        sql = f"SELECT {columns} FROM read_parquet($1) WHERE {increment.where} ORDER BY ALL"
        return connection.execute(sql, [increment.files]).fetchall()


class Follower:
    """Another program, which keeps its position."""

    def __init__(self, root: Path) -> None:
        self.reader = DatasetReader(root, FEED)
        self.position: Position | None = None

    def next(self) -> Increment:
        """What is new; whoever calls this has taken it."""
        increment = self.reader.since(self.position)
        assert increment is not None
        self.position = increment.position
        return increment
