"""Compaction: the many small files of a closed hour become one, with the same rows, while batches go on.

The merged file is written and synced without the dataset's lock. Under it, between two batches, the folder is looked at
once more, and one log entry brings the new file in and takes the old ones out. A file that comes later is merged at the
next compaction.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.diagnosis import START_OVER, StreamFault
from spark_jobs.paths import is_partition
from spark_jobs.publication import durable_files
from spark_jobs.publication.commit import PublicationLog, Transaction
from spark_jobs.publication.doubled_rows import REMOVE_ADDED, REMOVE_DOUBLED, doubled_rows
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.parquet_files import CHECKED, DamagedParquet, footer, parquet_file, read_parquet
from spark_jobs.publication.staging import staging_of_requests
from spark_jobs.refused_files import PLACE
from spark_jobs.runtime.dataset import Dataset, find_stream
from spark_jobs.runtime.request_queue import Outcome, ReportProgress, Work
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings

log = logging.getLogger(__name__)

MOST_MINUTES = 30
"""a run takes as many hours as fit in here; the rest is left to the next run"""
_ROWS_AT_ONCE = 200_000
_BYTES_AT_ONCE = 64 * 1024 * 1024


@dataclass(frozen=True)
class ClosedFolder:
    """A partition folder that gets no new files at the moment, with its files in the order they came."""

    path: Path
    files: tuple[Path, ...]


class FolderLeft(StreamFault):
    """Something is wrong with the folder's files: it stays as it is, and the other folders are compacted."""

    def __init__(self, folder: Path, why: object, next_step: str) -> None:
        super().__init__(f"{folder} is not compacted: {why}", next_step)


@dataclass(frozen=True)
class Compacted:
    """What became of one folder."""

    feed: str
    files: int
    rows: int
    bytes_saved: int


def compaction(settings: Settings, writer: Writer, feeds: Sequence[Dataset], now: Callable[[], datetime]) -> Work:
    """Arguments: `feed`, one feed only; `most_minutes`, instead of MOST_MINUTES."""

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        name = arguments.get("feed")
        chosen = [find_stream(feeds, name)] if name else feeds
        deadline = time.monotonic() + 60 * float(arguments.get("most_minutes", MOST_MINUTES))
        closed_since = now() - settings.COMPACTION_AFTER
        waiting = [
            (feed, folder)
            for feed in chosen
            # Not its days of quality and redrives: each is one file, read by its name.
            for home in (feed.log.layout.dataset(feed.name), feed.log.layout.dead_letters(feed.name))
            for folder in closed_folders(home, closed_since, settings.COMPACTION_FROM_FILES)
        ]
        # Most files first: should the time not suffice, readers have gained the most.
        waiting.sort(key=lambda found: -len(found[1].files))
        done: list[Compacted] = []
        faults: list[FolderLeft] = []
        for number, (feed, folder) in enumerate(waiting):
            if time.monotonic() > deadline:
                break
            tell(f"{folder.path.relative_to(feed.log.layout.root)}: {len(folder.files)} files", number, len(waiting))
            try:
                compacted = compact(feed, folder, writer, now)
            except FolderLeft as fault:
                faults.append(fault)
                continue
            if compacted is not None:
                done.append(compacted)
        if faults:
            raise faults[0]
        return Outcome(_summary(done, len(waiting)), _by_feed(done))

    return work


def _summary(done: Sequence[Compacted], found: int) -> str:
    files, rows = sum(one.files for one in done), sum(one.rows for one in done)
    left = f"; {found - len(done)} folders are left for the next run" if found > len(done) else ""
    return f"{len(done)} folders compacted: {files} files became {len(done)}, {rows} rows{left}"


def _by_feed(done: Sequence[Compacted]) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    for one in done:
        line = sums.setdefault(one.feed, {"what": one.feed, "folders": 0, "files": 0, "rows": 0, "bytes_saved": 0})
        line["folders"] += 1
        line["files"] += one.files
        line["rows"] += one.rows
        line["bytes_saved"] += one.bytes_saved
    return list(sums.values())


def closed_folders(home: Path, closed_since: datetime, from_files: int) -> Iterator[ClosedFolder]:
    """Partition folders with several files and none that came after `closed_since`, by the folder's own clock.

    Looks at every folder once and into no file: a quarter of a CPU second for a feed's year of hours.
    """
    for folder, names in _partition_folders(str(home)):
        path = Path(folder)
        if len(names) >= from_files and path.stat().st_mtime <= closed_since.timestamp():
            yield ClosedFolder(path, tuple(path / name for name in sorted(names, key=_coming)))


def _partition_folders(folder: str) -> Iterator[tuple[str, list[str]]]:
    """(folder, names of its Parquet files) for each folder that has some."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return
    names = [entry.name for entry in entries if entry.name.endswith(".parquet")]
    if names:
        yield folder, names
    for entry in entries:
        if is_partition(entry.name) and entry.is_dir(follow_symlinks=False):
            yield from _partition_folders(entry.path)


def _coming(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts `<seq>-<n>.parquet` by its numbers, and any other name after them."""
    parts = name.removesuffix(".parquet").split("-")
    return tuple((int(part), "") if part.isdigit() else (1 << 62, part) for part in parts)


def compact(feed: Dataset, folder: ClosedFolder, writer: Writer, now: Callable[[], datetime]) -> Compacted | None:
    """Make the folder's files one; None where the folder is left as it is."""
    whose = staging_of_requests(writer.driver.instance)
    staging = feed.log.layout.staging(feed.name) / whose / f"merged-{token_hex(4)}"
    durable_files.make_folder(staging)
    try:
        compacted = _compacted_in(staging, feed, folder, writer, now)
    except Exception:
        if not _is_promised(staging, feed.log):
            shutil.rmtree(staging, ignore_errors=True)  # a full disk must not be left fuller
        raise
    if compacted is None:
        shutil.rmtree(staging, ignore_errors=True)
    return compacted


def _is_promised(staging: Path, feed_log: PublicationLog) -> bool:
    """Whether an entry was declared, and could not be applied, that moves what is staged here."""
    newest, staged = feed_log.newest(), str(staging.relative_to(feed_log.layout.root))
    return newest is not None and any(str(Path(source).parent) == staged for source, _ in newest[1].moves)


def _compacted_in(
    staging: Path, feed: Dataset, folder: ClosedFolder, writer: Writer, now: Callable[[], datetime]
) -> Compacted | None:
    staged = staging / "merged.parquet"
    try:
        before = sum(file.stat().st_size for file in folder.files)
        rows = merged(folder.files, staged)
        if rows is not None:
            _refuse_doubled(folder, staged)
    except FileNotFoundError:
        return None  # the folder has changed under us
    except DamagedParquet as damage:
        raise FolderLeft(folder.path, damage, f"bring the file back from a backup, or {START_OVER}") from damage
    if rows is None:
        log.warning("%s is not compacted: its files have different columns", folder.path)
        return None
    after = staged.stat().st_size
    with feed.log.transaction(writer.check) as transaction:
        names = {path.name for path in folder.files}
        if {path.name for path in folder.path.glob("*.parquet")} != names:
            return None  # a file came meanwhile: the next run merges it too
        transaction.commit(_swap(transaction, folder, staged, rows, writer), now())
    return Compacted(feed.name, len(folder.files), rows, before - after)


def _refuse_doubled(folder: ClosedFolder, staged: Path) -> None:
    """Files that were brought back beside their merged one can be told apart only as long as they are files."""
    places = read_parquet(staged, PLACE)  # rows have no topic
    if "kafka_offset" not in places.column_names:
        raise FolderLeft(folder.path, "its files have no kafka_offset", REMOVE_ADDED)
    if doubled := doubled_rows(places):
        raise FolderLeft(folder.path, f"{doubled} rows are there more than once", REMOVE_DOUBLED)


def _swap(transaction: Transaction, folder: ClosedFolder, staged: Path, rows: int, writer: Writer) -> Entry:
    root, head = transaction.log.layout.root, transaction.head
    # No other entry has this number, but files may have been brought along by hand.
    names = {path.name for path in folder.files}
    free = next(name for number in count() if (name := transaction.file_name(number)) not in names)
    target = folder.path.relative_to(root) / free
    return Entry(
        kind="compaction",
        position=head.position,
        moves=((str(staged.relative_to(root)), str(target)),),
        deletes=tuple(str(path.relative_to(root)) for path in folder.files),
        rows={name: total for name, total in head.rows.items() if name == "total"},
        writer=writer.as_document(),
        details={"compacted": {"files": len(folder.files), "rows": rows}},
    )


def merged(files: Sequence[Path], target: Path) -> int | None:
    """Write the rows of all files into one, some row groups at a time; how many, None where columns differ."""
    known = [footer(file) for file in files]
    if any(not one.schema.equals(known[0].schema) for one in known):
        return None
    with pq.ParquetWriter(target, known[0].schema.to_arrow_schema(), compression="zstd", **CHECKED) as writer:
        for rows in _row_groups(files):
            writer.write_table(rows)
    durable_files.sync_file(target)
    expected = sum(one.num_rows for one in known)
    written: int = footer(target).num_rows
    if written != expected:
        raise RuntimeError(f"{target} holds {written} rows, its {len(files)} sources {expected}; nothing was changed")
    return written


def _row_groups(files: Sequence[Path]) -> Iterator[pa.Table]:
    """All rows in order, in tables of bounded size."""
    held: list[pa.Table] = []
    rows = size = 0
    for file in files:
        with parquet_file(file) as source:
            for number in range(source.num_row_groups):
                held.append(source.read_row_group(number, use_threads=False))
                rows += held[-1].num_rows
                size += source.metadata.row_group(number).total_byte_size
                if rows >= _ROWS_AT_ONCE or size >= _BYTES_AT_ONCE:
                    yield pa.concat_tables(held)
                    held, rows, size = [], 0, 0
    if held:
        yield pa.concat_tables(held)
