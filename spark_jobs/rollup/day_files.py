"""Tiles as day files, `<root>/<feed>/<yyyy-MM-dd>.parquet`: read by name, and merged with a batch into new day tables.

Nothing here lists a folder, so a read costs the same after a year as after a month.
"""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.catalog import ROLLUP
from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.codec import iso
from spark_jobs.paths import Layout
from spark_jobs.publication.entry import CHANGED, Entry
from spark_jobs.publication.parquet_files import DamagedParquet, parquet_file, staged_file
from spark_jobs.rollup.tile_schemas import BUCKET_START, TILE_SCHEMAS, merged, no_tiles

ONE_DAY = timedelta(days=1)
_DAY_FILE = re.compile(r"(\d{4}-\d\d-\d\d)\.parquet", re.ASCII)
KEPT_DAYS = 160
"""40 days of four feeds: the longest lookback (28 d) and the day before, with room"""


class UnreadableDay(StreamFault):
    """A day file is damaged."""

    def __init__(self, path: Path, why: DamagedParquet) -> None:
        super().__init__(str(why), f"trigger analytics_rebuild from and to {path.stem}")


class TileReader(Protocol):
    """Where an analytic finds its tiles."""

    def day(self, feed: str, day: date) -> pa.Table | None:
        """The tiles of that day, or None where there are none."""


def day_file(root: Path, feed: str, day: date) -> Path:
    return root / feed / f"{day.isoformat()}.parquet"


def place(layout: Layout, feed: str, day: date) -> str:
    """Where the rollup keeps the day, relative to the root."""
    return str(day_file(layout.dataset(ROLLUP), feed, day).relative_to(layout.root))


def staged_days(
    tables: Mapping[tuple[str, date], pa.Table], staging: Path, layout: Layout
) -> Iterator[tuple[str, str]]:
    """Stage day files; the moves that bring them in."""
    for (feed, day), tiles in tables.items():
        target = day_file(layout.dataset(ROLLUP), feed, day)
        yield staged_file(tiles, staging / f"{feed}-{day}.parquet", target, layout.root)


class DayFiles:
    """The published day files below `root`, the last few kept in memory; may be shared by threads.

    A day file is replaced by rename and never written in place, so inode, size and time tell an old copy from a new
    one: of the 8 or 29 days an analytic looks back on, a trigger re-reads only those that changed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: OrderedDict[Path, tuple[tuple[int, int, int], pa.Table]] = OrderedDict()
        self._lock = threading.Lock()

    def day(self, feed: str, day: date) -> pa.Table | None:
        path = day_file(self._root, feed, day)
        with self._lock:
            try:
                found = path.stat()
            except FileNotFoundError:
                self._kept.pop(path, None)
                return None
            version = (found.st_ino, found.st_size, found.st_mtime_ns)
            kept = self._kept.get(path)
            if kept is None or kept[0] != version:
                kept = (version, _read(path, feed))
            self._kept[path] = kept
            self._kept.move_to_end(path)
            if len(self._kept) > KEPT_DAYS:
                self._kept.popitem(last=False)
            return kept[1]

    def readable_day(self, feed: str, day: date) -> pa.Table | None:
        """The tiles of the day, an empty table where it has no file; None where nobody can read them."""
        try:
            known = self.day(feed, day)
        except UnreadableDay:
            return None
        return no_tiles(feed) if known is None else known

    def days(self, feed: str) -> list[date]:
        """The days that have a file, sorted. Lists the folder: a few milliseconds for ten years."""
        try:
            with os.scandir(self._root / feed) as found:
                names = [match[1] for entry in found if (match := _DAY_FILE.fullmatch(entry.name))]
        except FileNotFoundError:
            return []
        return sorted(map(date.fromisoformat, names))

    def has(self, feed: str, day: date) -> bool:
        """Whether the day has a file."""
        return day_file(self._root, feed, day).exists()

    def oldest_tile(self, feeds: Iterable[str]) -> datetime | None:
        """The start of the first tile of these feeds. Lists the folders: for a refresh, not for a read."""
        return min((pc.min(tiles[BUCKET_START]).as_py() for tiles in self._day_of_each(feeds, 0)), default=None)

    def newest_tile(self, feeds: Iterable[str]) -> datetime | None:
        """The start of the last tile of these feeds."""
        return max((pc.max(tiles[BUCKET_START]).as_py() for tiles in self._day_of_each(feeds, -1)), default=None)

    def _day_of_each(self, feeds: Iterable[str], place: int) -> Iterator[pa.Table]:
        for feed in feeds:
            days = self.days(feed)
            tiles = self.day(feed, days[place]) if days else None
            if tiles is not None:
                yield tiles


def _read(path: Path, feed: str) -> pa.Table:
    try:
        with parquet_file(path) as file:
            tiles: pa.Table = file.read(use_threads=False).select(TILE_SCHEMAS[feed].names).cast(TILE_SCHEMAS[feed])
            return tiles.combine_chunks()
    except DamagedParquet as odd:
        raise UnreadableDay(path, odd) from odd


def tiles_between(reader: TileReader, feed: str, start: datetime, end: datetime) -> pa.Table:
    """The tiles of every day that touches [start, end): whole days, so a few more than needed."""
    days = (reader.day(feed, day) for day in days_between(start, end))
    return pa.concat_tables([no_tiles(feed), *(tiles for tiles in days if tiles is not None)])


def days_between(start: datetime, end: datetime) -> Iterator[date]:
    """The UTC days that touch [start, end)."""
    day = start.astimezone(UTC).date()
    while datetime.combine(day, time.min, UTC) < end:
        yield day
        day += ONE_DAY


def merged_day(old: pa.Table | None, new: pa.Table, feed: str) -> pa.Table:
    """What the file of a day must hold afterwards: its old tiles, if any, merged with the new ones."""
    return merged([new] if old is None else [old, new], feed)


def changed_tiles(new_tiles: Mapping[str, pa.Table]) -> dict[str, list[datetime]]:
    """feed -> the starts of the tiles a batch touches, sorted. The feed stays: each reaches differently far."""
    starts = {feed: sorted(set(tiles[BUCKET_START].to_pylist())) for feed, tiles in new_tiles.items()}
    return {feed: changed for feed, changed in starts.items() if changed}


def encoded_changes(new_tiles: Mapping[str, pa.Table]) -> dict[str, list[str]]:
    """The tiles that an entry changes, as the log keeps them: the change feed of the analytics."""
    return {feed: [iso(start) for start in starts] for feed, starts in changed_tiles(new_tiles).items()}


def changes_in(entry: Entry) -> dict[str, list[datetime]]:
    """feed -> the starts of the tiles that an entry of the rollup changed."""
    changed: Mapping[str, list[str]] = entry.details.get(CHANGED, {})
    return {feed: [datetime.fromisoformat(start) for start in starts] for feed, starts in changed.items()}


def days_of(tiles: pa.Table) -> dict[date, pa.Table]:
    """UTC day -> the tiles that start in it."""
    # days since the epoch: a bucket lies in the UTC day it starts in
    days = pc.floor_temporal(tiles[BUCKET_START], unit="day")
    return {midnight.date(): tiles.filter(pc.equal(days, midnight)) for midnight in pc.unique(days).to_pylist()}
