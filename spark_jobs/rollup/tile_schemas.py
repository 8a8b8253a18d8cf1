"""The four tile tables (analytics.md section 2): one row per 5 minutes and key, in measures that merge.

A tile row holds sums, counts and maxima only, so that two partial rows of one key merge into what one pass over all
their events would have given, in any order and any grouping.
"""

from collections.abc import Sequence
from enum import Enum

import pyarrow as pa

from spark_jobs.task_database import result_over

BUCKET_START = "bucket_start"

_TIME = pa.timestamp("us", tz="UTC")


class Merge(Enum):
    """How two partial values of one measure become one."""

    COUNT = "sum({0})::BIGINT"
    AMOUNT = "sum({0})"
    HIGHEST = "max({0})"
    # The whole tuple decides: a later report, then the better report type, then the station, value and trace.
    LATEST = "max({0})"


_LATEST = pa.struct([("ts", _TIME), ("rank", pa.int32()), ("station", pa.string()), ("value", pa.float64())])
_LATEST_PRECIPITATION = pa.struct([*_LATEST, ("trace", pa.bool_())])

# Moments of x against surge, one set per weather element that a ride reports: n, x, y, x^2, y^2, x*y.
SURGE_MOMENTS = ("st", "sp", "sh", "sw")


def _moments(prefix: str) -> dict[str, tuple[pa.DataType, Merge]]:
    sums = {f"{prefix}_{name}": (pa.float64(), Merge.AMOUNT) for name in ("x", "y", "xx", "yy", "xy")}
    return {f"{prefix}_n": (pa.int64(), Merge.COUNT), **sums}


def _counts(*names: str) -> dict[str, tuple[pa.DataType, Merge]]:
    return {name: (pa.int64(), Merge.COUNT) for name in names}


def _mean_of(*names: str) -> dict[str, tuple[pa.DataType, Merge]]:
    """Count and sum of the known values of each."""
    both: dict[str, tuple[pa.DataType, Merge]] = {}
    for name in names:
        both[f"{name}_n"] = (pa.int64(), Merge.COUNT)
        both[f"{name}_sum"] = (pa.float64(), Merge.AMOUNT)
    return both


_KEYS: dict[str, dict[str, pa.DataType]] = {
    "bike_trips": {},
    "taxi_trips": {"cab_type": pa.string()},
    "weather_data": {},
    "accidents": {"mode_type": pa.string()},
}

_MEASURES: dict[str, dict[str, tuple[pa.DataType, Merge]]] = {
    "bike_trips": _counts("rental_count", "duration_n", "duration_sum", "subscriber_count", "customer_count"),
    "taxi_trips": {
        **_counts("ride_count"),
        **_mean_of("price", "surge"),
        "surge_max": (pa.float64(), Merge.HIGHEST),
        **_counts("surge_ride_count"),
        **_mean_of("temp", "precip", "humidity", "wind"),
        **_moments("st"),
        **_moments("sp"),
        **_moments("sh"),
        **_moments("sw"),
        **_mean_of("wet_surge", "dry_surge"),
    },
    "weather_data": {
        **_counts("observation_count"),
        "temp_latest": (_LATEST, Merge.LATEST),
        "wind_latest": (_LATEST, Merge.LATEST),
        "visibility_latest": (_LATEST, Merge.LATEST),
        "precip_latest": (_LATEST_PRECIPITATION, Merge.LATEST),
    },
    "accidents": _counts("accident_count", "intersection_accidents", "street_accidents"),
}

TILE_SCHEMAS: dict[str, pa.Schema] = {
    feed: pa.schema(
        [(BUCKET_START, _TIME), *keys.items(), *((name, kind) for name, (kind, _) in _MEASURES[feed].items())]
    )
    for feed, keys in _KEYS.items()
}
"""feed name -> the columns of its tiles, in order."""


def tile_keys(feed: str) -> tuple[str, ...]:
    """What makes a tile row of this feed unique; a null key is a key like any other."""
    return (BUCKET_START, *_KEYS[feed])


def no_tiles(feed: str) -> pa.Table:
    return TILE_SCHEMAS[feed].empty_table()


def merged(parts: Sequence[pa.Table], feed: str) -> pa.Table:
    """The tiles of all parts, one row per key, sorted by key."""
    schema = TILE_SCHEMAS[feed]
    keys = ", ".join(tile_keys(feed))
    measures = [f"{rule.value.format(name)} AS {name}" for name, (_, rule) in _MEASURES[feed].items()]
    parts_together = pa.concat_tables([part.cast(schema) for part in parts])
    merge = f"SELECT {keys}, {', '.join(measures)} FROM partial_tiles GROUP BY {keys} ORDER BY {keys}"  # noqa: S608
    return result_over({"partial_tiles": parts_together}, merge).cast(schema)
