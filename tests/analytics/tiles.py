"""Tiles for tests: rows written short, and a reader that holds them by day."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa

from spark_jobs.analytics.affected_hours import every_hour
from spark_jobs.analytics.combined_windows import Durations
from spark_jobs.analytics.declaration import Declaration
from spark_jobs.analytics.refresh import analytics_queries, declaration_of, refresh
from spark_jobs.planned_queries import PlannedQueries
from spark_jobs.rollup.day_files import TileReader, days_of, merged_day
from spark_jobs.rollup.tile_schemas import TILE_SCHEMAS

TILE = timedelta(minutes=5)
NOON = datetime(2018, 6, 20, 16, tzinfo=UTC)
"""a Wednesday, 12:00 in Boston"""

Row = dict[str, Any]


def tile_of(instant: datetime) -> datetime:
    return instant - (instant - datetime(1970, 1, 1, tzinfo=UTC)) % TILE


def bikes(at: datetime, rentals: int, seconds: int | None = 600, subscribers: int = 0, customers: int = 0) -> Row:
    """Rentals of `seconds` each; None: durations not known."""
    known = rentals if seconds is not None else 0
    return {
        "bucket_start": tile_of(at),
        "rental_count": rentals,
        "duration_n": known,
        "duration_sum": known * (seconds or 0),
        "subscriber_count": subscribers,
        "customer_count": customers,
    }


def ride(
    at: datetime,
    cab_type: str | None = "Lyft",
    price: float | None = 10.0,
    surge: float | None = 1.0,
    temperature_c: float | None = None,
    rain_mm_per_h: float | None = None,
    humidity: float | None = None,
    wind_ms: float | None = None,
) -> Row:
    """One taxi ride with the weather it reports."""
    row: Row = {"bucket_start": tile_of(at), "cab_type": cab_type, "ride_count": 1}
    row |= _known("price", price) | _known("surge", surge)
    row |= {"surge_max": surge, "surge_ride_count": int(surge is not None and surge > 1)}
    elements = (("temp", "st", temperature_c), ("precip", "sp", rain_mm_per_h))
    for name, moments, value in (*elements, ("humidity", "sh", humidity), ("wind", "sw", wind_ms)):
        row |= _known(name, value) | _moments(moments, value, surge)
    row |= _known("wet_surge", surge if rain_mm_per_h is not None and rain_mm_per_h > 0 else None)
    row |= _known("dry_surge", surge if rain_mm_per_h == 0 else None)
    return row


def report(
    at: datetime,
    temperature_c: float | None = None,
    wind_ms: float | None = None,
    visibility_m: float | None = None,
    rain_mm_per_h: float | None = None,
    trace: bool = False,
) -> Row:
    """One weather report; weather tiles hold their end and not their start."""

    def latest(value: float | None, **more: Any) -> Row | None:
        return None if value is None else {"ts": at, "rank": 3, "station": "72509014739", "value": value, **more}

    return {
        "bucket_start": tile_of(at - timedelta(microseconds=1)),
        "observation_count": 1,
        "temp_latest": latest(temperature_c),
        "wind_latest": latest(wind_ms),
        "visibility_latest": latest(visibility_m),
        "precip_latest": latest(rain_mm_per_h, trace=trace),
    }


def accidents(at: datetime, mode_type: str, count: int = 1, intersections: int = 0, streets: int = 0) -> Row:
    return {
        "bucket_start": tile_of(at),
        "mode_type": mode_type,
        "accident_count": count,
        "intersection_accidents": intersections,
        "street_accidents": streets,
    }


def _known(name: str, value: float | None) -> Row:
    return {f"{name}_n": int(value is not None), f"{name}_sum": value}


def _moments(prefix: str, x: float | None, y: float | None) -> Row:
    if x is None or y is None:
        return {f"{prefix}_n": 0}
    sums = {"x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}
    return {f"{prefix}_n": 1, **{f"{prefix}_{name}": value for name, value in sums.items()}}


def tile_table(feed: str, rows: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=TILE_SCHEMAS[feed])


def day_tables(old: TileReader, new_tiles: Mapping[str, pa.Table]) -> dict[tuple[str, date], pa.Table]:
    """What the day files that a batch touches must hold afterwards."""
    return {
        (feed, day): merged_day(old.day(feed, day), of_day, feed)
        for feed, tiles in new_tiles.items()
        for day, of_day in days_of(tiles).items()
    }


class TilesInMemory:
    """A TileReader; rows of one key merge, as they would in the day files."""

    def __init__(self, **rows: Iterable[Row]) -> None:
        self._days: dict[tuple[str, date], pa.Table] = {}
        for feed, of_feed in rows.items():
            self.add(feed, tile_table(feed, of_feed))

    def add(self, feed: str, tiles: pa.Table) -> None:
        self._days |= day_tables(self, {feed: tiles})

    def day(self, feed: str, day: date) -> pa.Table | None:
        return self._days.get((feed, day))

    def starts(self, *feeds: str) -> list[datetime]:
        return sorted(
            start for (feed, _), tiles in self._days.items() if feed in feeds for start in tiles[0].to_pylist()
        )


@cache
def queries() -> PlannedQueries:
    return analytics_queries()


def outputs(name: str, tiles: TilesInMemory, durations: Durations | None = None) -> list[Row]:
    """All rows of an analytic over all tiles, by key."""
    declaration = declaration_of(name)
    return [row for _, table in sorted(output_tables(declaration, tiles, durations)) for row in table.to_pylist()]


def output_tables(
    declaration: Declaration, tiles: TilesInMemory, durations: Durations | None = None
) -> list[tuple[datetime, pa.Table]]:
    durations = durations or Durations()
    starts = tiles.starts(*declaration.reads)
    hours = every_hour(starts[0], starts[-1], declaration, durations)
    return list(refresh(queries(), tiles, declaration, durations, hours))


def the_last(name: str, tiles: TilesInMemory, durations: Durations | None = None) -> Row:
    return outputs(name, tiles, durations)[-1]


def shown(row: Row, *columns: str) -> Row:
    return {column: row[column] for column in columns}
