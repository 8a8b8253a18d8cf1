"""The rows that a day's tiles are made of."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time

import pyarrow as pa

from spark_jobs.catalog import Feed
from spark_jobs.diagnosis import StreamFault
from spark_jobs.paths import day_folder
from spark_jobs.publication.doubled_rows import REMOVE_DOUBLED, doubled_rows
from spark_jobs.publication.reader import DatasetReader, Increment, Position
from spark_jobs.rollup.day_files import ONE_DAY
from spark_jobs.rollup.increments import places_of
from spark_jobs.rollup.tile_schemas import BUCKET_START
from spark_jobs.rollup.tiles import WEATHER
from spark_jobs.settings import TILE


def rows_of_day(reader: DatasetReader, feed: Feed, day: date, position: Position) -> Increment:
    """The rows of the day that were there at the position. StreamFault where the feed was started over since."""
    if not reader.holds(position):
        raise StreamFault(
            f"{feed.name} was started over since the rollup read it", "wait until the rollup has read it again"
        )
    return reader.below(position, day_folders(feed, day))


def day_folders(feed: Feed, day: date) -> list[str]:
    """The folders, relative to the root, whose rows may belong to tiles of the day."""
    # A weather report belongs to the tile that it ends: at midnight, to that of the day before.
    hours = [f"{feed.name}/{day_folder(day)}/hour={hour}" for hour in range(24)]
    return [*hours, f"{feed.name}/{day_folder(day + ONE_DAY)}/hour=0"]


def needs_folder(feed: Feed, day: date, tiles: pa.Table | None) -> bool:
    """Whether the rows of the day's tiles (None: nobody can read them) must lie in its own folder."""
    if feed.name != WEATHER or tiles is None:
        return True
    end = datetime.combine(day + ONE_DAY, time.min, UTC)
    # A report at midnight lies in the folder of the next day. It may be all that the last tile is made of.
    return bool(tiles[BUCKET_START].to_pylist() != [end - TILE])


def refuse_doubled(increment: Increment, moved: Callable[[], None] = lambda: None) -> None:
    """Nobody has counted the rows of single folders: files that were brought back beside their merged one pass else.

    `moved` is called after each folder.
    """
    for folder, files in increment.by_folder.items():
        with suppress(FileNotFoundError):  # compacted just now, by our own job: it is read once more
            batches = list(places_of(files, increment.bounds))
            if batches and (doubled := doubled_rows(pa.Table.from_batches(batches))):
                raise StreamFault(
                    f"{doubled} rows below {folder} are there more than once; nothing was changed",
                    REMOVE_DOUBLED,
                    retryable=False,
                )
        moved()
