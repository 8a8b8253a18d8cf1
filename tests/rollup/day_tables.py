"""The day files that a batch changes, of several feeds at once."""

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from spark_jobs.rollup.day_files import TileReader, days_of, merged_day


def day_tables(old: TileReader, new_tiles: Mapping[str, pa.Table]) -> dict[tuple[str, date], pa.Table]:
    """What the day files that a batch touches must hold afterwards."""
    return {
        (feed, day): merged_day(old.day(feed, day), of_day, feed)
        for feed, tiles in new_tiles.items()
        for day, of_day in days_of(tiles).items()
    }
