"""Rows of a feed's hours by the footers of their files, and how many of them came late. Pure."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock

import pyarrow.compute as pc

from spark_jobs.arrow_values import integers
from spark_jobs.documents.complete_hours import HourEvent
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication.parquet_files import footer, read_parquet

MOST_KEPT = 50_000
_TRIES = 3


class RowCounts:
    """How many rows a file holds, and which of them came late. Kept: a file of a feed never changes under its name."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, int | None], int] = OrderedDict()

    def rows(self, layout: Layout, feed: str, hour: datetime) -> int:
        """Rows of the hour."""
        return self._sum(layout.dataset(feed) / hour_folder(hour), None)

    def late(self, layout: Layout, feed: str, hour: datetime, completion: HourEvent) -> int:
        """Rows of the hour that were read after it was complete."""
        return self._sum(layout.dataset(feed) / hour_folder(hour), completion)

    def _sum(self, folder: Path, completion: HourEvent | None) -> int:
        for _ in range(_TRIES):
            try:
                return sum(self._of_file(file, completion) for file in _files(folder))
            except FileNotFoundError:
                continue  # compacted while we looked
        raise TimeoutError("it changes faster than it can be read")

    def _of_file(self, path: Path, completion: HourEvent | None) -> int:
        key = (str(path), None if completion is None else completion.seq)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        count = rows_in(path) if completion is None else late_rows(path, completion.next_offset)
        with self._lock:
            self._kept[key] = count
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return count


def _files(folder: Path) -> list[Path]:
    """None where no row came. A folder that cannot be listed is an OSError, not none."""
    try:
        return [file for file in folder.iterdir() if file.suffix == ".parquet"]
    except FileNotFoundError:
        return []


def rows_in(path: Path) -> int:
    """Rows of a file, by its footer."""
    return int(footer(path).num_rows)


def late_rows(path: Path, next_offset: Mapping[str, int]) -> int:
    """Rows at or beyond these offsets; of a partition that is not named, all."""
    rows = read_parquet(path, ("kafka_partition", "kafka_offset"))
    early = 0
    for partition, end in next_offset.items():
        number, offset = integers([int(partition), end])
        of_partition = pc.equal(rows["kafka_partition"], number)
        early += pc.sum(pc.and_(of_partition, pc.less(rows["kafka_offset"], offset))).as_py() or 0
    return int(rows.num_rows - early)
