"""The four tile tables (analytics.md section 2): one row per 5 minutes and key, in measures that merge.

A tile row holds sums, counts and maxima only, so that two partial rows of one key merge into what one pass over all
their events would have given, in any order and any grouping.
"""

from collections.abc import Sequence

import pyarrow as pa

from spark_jobs.task_database import result_over

BUCKET_START = "bucket_start"

_TIME = pa.timestamp("us", tz="UTC")


Measure = tuple[pa.DataType, str]
"""its type, and the SQL that makes one value of partial ones"""

_COUNT: Measure = (pa.int64(), "sum({0})::BIGINT")
_AMOUNT: Measure = (pa.float64(), "sum({0})")
_HIGHEST: Measure = (pa.float64(), "max({0})")
_OF_A_REPORT = [("ts", _TIME), ("rank", pa.int32()), ("station", pa.string()), ("value", pa.float64())]
# The whole tuple decides: a later report, then the better report type, then the station, value and trace.
_LATEST: Measure = (pa.struct(_OF_A_REPORT), "max({0})")
_LATEST_PRECIPITATION: Measure = (pa.struct([*_OF_A_REPORT, ("trace", pa.bool_())]), "max({0})")

# Moments of x against surge, one set per weather element that a ride reports: n, x, y, x^2, y^2, x*y.
SURGE_MOMENTS = ("st", "sp", "sh", "sw")


def _moments(*prefixes: str) -> dict[str, Measure]:
    names = ("n", "x", "y", "xx", "yy", "xy")
    return {f"{prefix}_{name}": _COUNT if name == "n" else _AMOUNT for prefix in prefixes for name in names}


def _counts(*names: str) -> dict[str, Measure]:
    return dict.fromkeys(names, _COUNT)


def _mean_of(*names: str) -> dict[str, Measure]:
    """Count and sum of the known values of each."""
    return {f"{name}_{part}": measure for name in names for part, measure in (("n", _COUNT), ("sum", _AMOUNT))}


_KEYS: dict[str, dict[str, pa.DataType]] = {
    "bike_trips": {},
    "taxi_trips": {"cab_type": pa.string()},
    "weather_data": {},
    "accidents": {"mode_type": pa.string()},
}

_MEASURES: dict[str, dict[str, Measure]] = {
    "bike_trips": _counts("rental_count", "duration_n", "duration_sum", "subscriber_count", "customer_count"),
    "taxi_trips": {
        **_counts("ride_count"),
        **_mean_of("price", "surge"),
        "surge_max": _HIGHEST,
        **_counts("surge_ride_count"),
        **_mean_of("temp", "precip", "humidity", "wind"),
        **_moments(*SURGE_MOMENTS),
        **_mean_of("wet_surge", "dry_surge"),
    },
    "weather_data": {
        **_counts("observation_count"),
        "temp_latest": _LATEST,
        "wind_latest": _LATEST,
        "visibility_latest": _LATEST,
        "precip_latest": _LATEST_PRECIPITATION,
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
    measures = [f"{rule.format(name)} AS {name}" for name, (_, rule) in _MEASURES[feed].items()]
    parts_together = pa.concat_tables([part.cast(schema) for part in parts])
    merge = f"SELECT {keys}, {', '.join(measures)} FROM partial_tiles GROUP BY {keys} ORDER BY {keys}"  # noqa: S608
    return result_over({"partial_tiles": parts_together}, merge).cast(schema)
