"""Rows of a feed's hours by the footers of their files, and how many of them came late. Pure.

What was read of a file is kept: a file of a feed never changes under its name.
"""

from datetime import datetime
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.arrow_values import integers
from spark_jobs.documents.complete_hours import HourEvent
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication.parquet_files import footer, read_as

MOST_KEPT = 25_000
"""files, of either count"""
_TRIES = 3
_OFFSETS = pa.schema([("kafka_partition", pa.int64()), ("kafka_offset", pa.int64())])

Offsets = tuple[tuple[str, int], ...]
"""(partition, next offset), in the order of the partitions"""


def rows(layout: Layout, feed: str, hour: datetime) -> int:
    """Rows of the hour. Raises: as `parquet_file`; OSError where it changes faster than it can be read."""
    return _sum(layout.dataset(feed) / hour_folder(hour), None)


def late(layout: Layout, feed: str, hour: datetime, completion: HourEvent) -> int:
    """Rows of the hour that were read after it was complete. Raises: as `rows`."""
    return _sum(layout.dataset(feed) / hour_folder(hour), tuple(sorted(completion.next_offset.items())))


def _sum(folder: Path, complete_up_to: Offsets | None) -> int:
    for _ in range(_TRIES):
        try:
            files = _files(folder)
            if complete_up_to is None:
                return sum(map(rows_in, files))
            return sum(late_rows(file, complete_up_to) for file in files)
        except FileNotFoundError:
            continue  # compacted while we looked
    raise TimeoutError("it changes faster than it can be read")


def _files(folder: Path) -> list[str]:
    """None where no row came. A folder that cannot be listed is an OSError, not none."""
    try:
        return [str(file) for file in folder.iterdir() if file.suffix == ".parquet"]
    except FileNotFoundError:
        return []


@lru_cache(MOST_KEPT)
def rows_in(path: str) -> int:
    """Rows of a file, by its footer."""
    return int(footer(Path(path)).num_rows)


@lru_cache(MOST_KEPT)
def late_rows(path: str, next_offset: Offsets) -> int:
    """Rows at or beyond these offsets; of a partition that is not named, all."""
    places = read_as(Path(path), _OFFSETS)
    early = 0
    for partition, end in next_offset:
        number, offset = integers([int(partition), end])
        of_partition = pc.equal(places["kafka_partition"], number)
        early += pc.sum(pc.and_(of_partition, pc.less(places["kafka_offset"], offset))).as_py() or 0
    return int(places.num_rows - early)
