"""The rows of an increment as tiles: read in the driver where there are few, in Spark's tasks where there are many.

Files are compacted while they are read. A folder that lost a file meanwhile is read again, whole and by offset; the
rows are counted in the end, and tiles that are not made of just the rows that the log tells of are refused.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from spark_jobs.bounded_tables import bounded_tables
from spark_jobs.catalog import Feed, feed_named
from spark_jobs.diagnosis import StreamFault
from spark_jobs.publication.parquet_files import DamagedParquet, footer, parquet_file
from spark_jobs.publication.reader import DatasetReader, Increment
from spark_jobs.rollup.tile_schemas import merged, no_tiles
from spark_jobs.rollup.tiles import MEASURED, tiles_from_stream, tiles_of, tiles_to_stream

log = logging.getLogger(__name__)

Bounds = Mapping[int, tuple[int, int]]
"""partition -> (first offset, next offset)"""

CONFIRM = (
    "if they are lost for good, confirm it: trigger analytics_rebuild with 'confirm' "
    "(docs/troubleshoot.md, 'The rebuild finds fewer events')"
)
"""the end of a next step: the feed is then read as it is"""
_PLACE = ("kafka_partition", "kafka_offset")
TRIES = 3
_FEW_ROWS = 20_000
_FEW_FILES = 400
_FOLDERS_TOGETHER = 200
_GROUPS_PER_CORE = 2
_TASK_SCHEMA = "folders array<string>, rows bigint, tiles binary, fault string"


class OtherRows(StreamFault):
    """The files hold other rows than the log tells of."""


@dataclass(frozen=True)
class Read:
    """What was read of some folders: tiles, or, where they are few, the events themselves."""

    folders: frozenset[str]
    rows: int
    tiles: pa.Table | None = None
    events: pa.Table | None = None


def read_increment(
    reader: DatasetReader,
    feed: Feed,
    increment: Increment,
    spark: SparkSession | None,
    stations: Collection[str],
    moved: Callable[[], None] = lambda: None,
    left_out: Collection[Path] | None = None,
) -> pa.Table:
    """The tiles of the increment's rows, one row per key. `stations`: as `tiles_of` takes them.

    `moved` is called whenever a part is read: years of rows take long, and whoever waits is to see that it goes on.
    `left_out`: damaged files, where somebody confirmed that rows are lost; then fewer than the log tells of are right.

    Raises: OtherRows where they are not those that the log tells of, StreamFault where they cannot be read.
    """
    done: list[Read] = []
    left = without(increment, left_out or ())
    for _ in range(TRIES):
        for part in _read(left, feed, spark, stations):
            done += part
            moved()
        missing = set(increment.by_folder).difference(*(one.folders for one in done))
        again = missing | reader.disturbed(left)
        rows = sum(one.rows for one in done)
        if not again and _fits(rows, increment, left_out is not None):
            if increment.rows not in (None, rows):
                log.warning("%s is read as it is: %d rows of %d are in its files", feed.name, rows, increment.rows)
            return _tiles(done, feed, stations)
        # What was read together is read again together; all of it where nothing shows which folder it was.
        again = again.union(*(one.folders for one in done if one.folders & again)) or set(increment.by_folder)
        done = [one for one in done if not one.folders & again]
        left = without(reader.again(increment, sorted(again)), left_out or ())
    if _fits(rows, increment, left_out is not None):
        raise StreamFault(f"the files of {feed.name} went during each of {TRIES} reads", "none: it is tried again")
    raise OtherRows(
        f"{feed.name} holds other rows than its log says: {increment.rows} were published between two positions, "
        f"{rows} are in its files{_emptied(left)}",
        f"look at the files below {reader.log.layout.dataset(feed.name)}: bring back what was removed, remove what was "
        f"added by hand; {CONFIRM}",
        retryable=False,
    )


def without(increment: Increment, files: Collection[Path]) -> Increment:
    """The increment, where these files are not to be read."""
    left = {folder: tuple(path for path in paths if path not in files) for folder, paths in increment.by_folder.items()}
    return replace(increment, by_folder=left)


def damaged_files(increment: Increment, feed: Feed, moved: Callable[[], None]) -> dict[Path, StreamFault]:
    """The files whose rows cannot be read, and why. Reads all of them; `moved`: as `read_increment`."""
    damaged = {}
    for paths in increment.by_folder.values():
        for path in paths:
            try:
                for _ in rows_of([path], feed, increment.bounds):
                    pass
            except FileNotFoundError:
                continue  # compacted just now, by our own job
            except StreamFault as fault:
                damaged[path] = fault
        moved()
    return damaged


def _fits(rows: int, increment: Increment, fewer_are_right: bool) -> bool:
    """Whether so many rows are believed."""
    return increment.rows in (None, rows) or (fewer_are_right and rows < increment.rows)


def _emptied(increment: Increment) -> str:
    """Which folders have no file any more, as the end of a sentence."""
    empty = sorted(folder for folder, paths in increment.by_folder.items() if not paths)
    return f"; no file is left in {', '.join(empty[:3])}{', …' if len(empty) > 3 else ''}" if empty else ""


def rows_in_files(increment: Increment) -> int:
    """How many rows the files hold, within the bounds or not. Reads footers only. StreamFault where one is damaged."""
    try:
        return sum(footer(Path(file)).num_rows for file in increment.files)
    except DamagedParquet as odd:
        raise _damaged(str(odd)) from odd


def _tiles(done: Iterable[Read], feed: Feed, stations: Collection[str]) -> pa.Table:
    parts = [one.tiles for one in done if one.tiles is not None]
    events = [one.events for one in done if one.events is not None]
    if events:
        parts.append(tiles_of(pa.concat_tables(events), feed, stations))
    return merged([no_tiles(feed.name), *parts], feed.name)


def _read(
    increment: Increment, feed: Feed, spark: SparkSession | None, stations: Collection[str]
) -> Iterator[list[Read]]:
    """What could be read, part by part; folders that changed under us are missing."""
    files = sum(len(paths) for paths in increment.by_folder.values())
    if increment.rows is not None and increment.rows <= _FEW_ROWS and files <= _FEW_FILES:
        found = (_events_of(folder, paths, feed, increment.bounds) for folder, paths in increment.by_folder.items())
    elif spark is not None and increment.by_folder:
        yield from _read_in_tasks(increment, feed, spark, stations)
        return
    else:
        groups = _groups(increment.by_folder, 1)
        found = (_tiles_of(group, _paths(increment, group), feed, increment.bounds, stations) for group in groups)
    for one in found:
        if one is not None:
            yield [one]


def _groups(by_folder: Mapping[str, tuple[Path, ...]], at_least: int) -> list[list[str]]:
    """Folders to read together: opening DuckDB's query for each alone would cost more than most of them hold."""
    folders = sorted(by_folder)
    size = max(1, min(_FOLDERS_TOGETHER, -(-len(folders) // at_least)))
    return [folders[first : first + size] for first in range(0, len(folders), size)]


def _paths(increment: Increment, folders: Iterable[str]) -> list[Path]:
    return [path for folder in folders for path in increment.by_folder[folder]]


def _events_of(folder: str, paths: Iterable[Path], feed: Feed, bounds: Bounds) -> Read | None:
    """A folder's rows within the bounds; None where a file is gone."""
    try:
        batches = list(rows_of(paths, feed, bounds))
    except FileNotFoundError:
        return None
    events = pa.Table.from_batches(batches) if batches else None
    return Read(frozenset([folder]), events.num_rows if events else 0, events=events)


def _tiles_of(
    folders: Iterable[str], paths: Iterable[Path], feed: Feed, bounds: Bounds, stations: Collection[str]
) -> Read | None:
    """The tiles of some folders' rows within the bounds; None where a file is gone."""
    rows = 0
    parts = [no_tiles(feed.name)]
    try:
        for table in bounded_tables(rows_of(paths, feed, bounds)):
            rows += table.num_rows
            parts.append(tiles_of(table, feed, stations))
    except FileNotFoundError:
        return None
    return Read(frozenset(folders), rows, tiles=merged(parts, feed.name))


def rows_of(paths: Iterable[Path], feed: Feed, bounds: Bounds) -> Iterator[pa.RecordBatch]:
    """The event times and measured columns of the rows within the bounds."""
    return _columns_of(paths, [feed.event_time, *MEASURED[feed.name]], bounds)


def places_of(paths: Iterable[Path], bounds: Bounds) -> Iterator[pa.RecordBatch]:
    """Partition and offset of the rows within the bounds: what names a row."""
    return _columns_of(paths, _PLACE, bounds)


def _columns_of(paths: Iterable[Path], wanted: Sequence[str], bounds: Bounds) -> Iterator[pa.RecordBatch]:
    for path in paths:
        try:
            yield from _columns_of_file(path, wanted, bounds)
        except DamagedParquet as odd:
            raise _damaged(str(odd)) from odd


def _columns_of_file(path: Path, wanted: Sequence[str], bounds: Bounds) -> Iterator[pa.RecordBatch]:
    with parquet_file(path) as file:
        for number in range(file.num_row_groups):
            if _may_hold(file.metadata.row_group(number), bounds):
                columns = list(dict.fromkeys([*wanted, *_PLACE]))
                rows = file.read_row_group(number, columns=columns, use_threads=False)
                yield from rows.filter(_within(rows, bounds)).select(wanted).combine_chunks().to_batches()


def _damaged(message: str) -> StreamFault:
    return StreamFault(
        message,
        f"bring the file and its rows back from a backup; {CONFIRM}",
        retryable=False,
    )


def _may_hold(group: pq.RowGroupMetaData, bounds: Bounds) -> bool:
    """Whether the group's statistics allow a row within the bounds."""
    for number in range(group.num_columns):
        column = group.column(number)
        if column.path_in_schema == "kafka_offset" and column.statistics is not None and column.statistics.has_min_max:
            lowest, highest = column.statistics.min, column.statistics.max
            return any(lowest < end and highest >= first for first, end in bounds.values())
    return True


def _within(rows: pa.Table, bounds: Bounds) -> pa.Array:
    known = pa.repeat(pa.scalar(False), len(rows))
    for partition, (first, end) in bounds.items():
        of_partition = pc.equal(rows["kafka_partition"], partition)
        offset = rows["kafka_offset"]
        inside = pc.and_(pc.greater_equal(offset, first), pc.less(offset, end))
        known = pc.or_(known, pc.and_(of_partition, inside))
    return known


# -- in Spark's tasks -------------------------------------------------------------------------------------------


def _read_in_tasks(
    increment: Increment, feed: Feed, spark: SparkSession, stations: Collection[str]
) -> Iterator[list[Read]]:
    at_once = _GROUPS_PER_CORE * spark.sparkContext.defaultParallelism
    groups = _groups(increment.by_folder, at_once)
    name, bounds = feed.name, dict(increment.bounds)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _read_groups(batch, feed_named(name), bounds, stations)

    for first in range(0, len(groups), at_once):
        some = groups[first : first + at_once]
        listed = [(group, [str(path) for path in _paths(increment, group)]) for group in some]
        tasks = spark.createDataFrame(listed, "folders array<string>, paths array<string>").repartition(len(listed))
        found = tasks.mapInArrow(read, _TASK_SCHEMA).collect()
        for _, _, _, fault in found:
            if fault is not None:
                raise _damaged(fault)
        yield [Read(frozenset(folders), rows, tiles_from_stream(bytes(tiles))) for folders, rows, tiles, _ in found]


def _read_groups(batch: pa.RecordBatch, feed: Feed, bounds: Bounds, stations: Collection[str]) -> pa.RecordBatch:
    """Each group's tiles, as an Arrow stream; one that changed under us is left out.

    What cannot be read is told, not raised: the failure of a task is not one of this feed alone.
    """
    found: list[tuple[list[str], int, bytes | None, str | None]] = []
    for folders, paths in zip(batch["folders"].to_pylist(), batch["paths"].to_pylist(), strict=True):
        try:
            read = _tiles_of(folders, map(Path, paths), feed, bounds, stations)
        except StreamFault as fault:
            found.append((folders, 0, None, fault.diagnosis.message))
            continue
        if read is not None and read.tiles is not None:
            found.append((folders, read.rows, tiles_to_stream(read.tiles), None))
    columns = [
        ("folders", pa.list_(pa.string())),
        ("rows", pa.int64()),
        ("tiles", pa.binary()),
        ("fault", pa.string()),
    ]
    schema = pa.schema(columns)
    return pa.RecordBatch.from_pylist([dict(zip(schema.names, one, strict=True)) for one in found], schema)
