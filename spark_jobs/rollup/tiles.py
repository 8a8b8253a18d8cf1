# ruff: noqa: S608 - the SQL is made of constants
"""Events -> 5-minute tiles (analytics.md section 2): what is measured of each event, and the sums per tile.

The events are the ingested rows; the same queries serve an increment, the first start and a rebuild.
"""

import hashlib
from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.catalog import Feed
from spark_jobs.rollup.tile_schemas import TILE_SCHEMAS
from spark_jobs.settings import TILE
from spark_jobs.task_database import result_over

MEASURED: Mapping[str, tuple[str, ...]] = {
    "bike_trips": ("duration_seconds", "user_type"),
    "taxi_trips": (
        "cab_type",
        "price",
        "surge_multiplier",
        "temperature",
        "precip_intensity",
        "humidity",
        "wind_speed",
    ),
    "weather_data": (
        "report_type",
        "station",
        "temperature_celsius",
        "wind_speed_ms",
        "visibility_m",
        "precipitation_mm_per_h",
        "precipitation_trace",
    ),
    "accidents": ("mode_type", "location_type"),
}
"""feed -> the columns of its dataset that a tile is made of, besides the event time"""

EVENTS = {
    "bike_trips": "rental_count",
    "taxi_trips": "ride_count",
    "weather_data": "observation_count",
    "accidents": "accident_count",
}
"""feed -> the measure that counts a tile's events"""

WEATHER = "weather_data"
_TILE_US = int(TILE.total_seconds()) * 1_000_000


def events_in(tiles: pa.Table, feed: str) -> int:
    """How many events the tiles were made of."""
    events: int = pc.sum(tiles[EVENTS[feed]], min_count=0).as_py()
    return events


def formula(feed: Feed, stations: Collection[str]) -> str:
    """Changes exactly when the tiles of the same events would: those made by another are made anew."""
    told = repr(sorted(_QUERIES.items())) + repr([(name, str(schema)) for name, schema in TILE_SCHEMAS.items()])
    if stations and feed.name == WEATHER:
        told += repr(sorted(stations))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def tiles_to_stream(tiles: pa.Table) -> bytes:
    """Tiles as an Arrow stream, to leave a task in."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, tiles.schema) as writer:
        writer.write_table(tiles)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def tiles_from_stream(content: bytes) -> pa.Table:
    """The tiles that `tiles_to_stream` wrote."""
    return pa.ipc.open_stream(content).read_all()


def tiles_of(events: pa.Table, feed: Feed, stations: Collection[str]) -> pa.Table:
    """The tiles of the events of one feed (its event time and MEASURED columns), one row per key.

    Of the weather only the reports of these stations count; none given: those of all.
    """
    if stations and feed.name == WEATHER:
        events = events.filter(pc.is_in(events["station"], pa.array(sorted(stations), pa.string())))
    # DuckDB would take arithmetic on times with a zone through the calendar of the session's zone.
    position = events.schema.get_field_index(feed.event_time)
    clock = events[feed.event_time].cast(pa.timestamp("us"))
    utc = events.set_column(position, "event_time", clock)
    return result_over({"events": utc}, _QUERIES[feed.name]).cast(TILE_SCHEMAS[feed.name])


def _bucket(moved_back_us: int = 0) -> str:
    since_epoch = f"(epoch_us(event_time) - {moved_back_us})"
    return f"make_timestamp({since_epoch} // {_TILE_US} * {_TILE_US}) AS bucket_start"


def _moments(prefix: str, x: str, y: str) -> str:
    """n, x, y, x^2, y^2 and x*y over the rows where both are known."""
    both = f"FILTER ({x} IS NOT NULL AND {y} IS NOT NULL)"
    sums = {"x": x, "y": y, "xx": f"{x} * {x}", "yy": f"{y} * {y}", "xy": f"{x} * {y}"}
    return ", ".join(
        [f"count(*) {both} AS {prefix}_n", *(f"sum({of}) {both} AS {prefix}_{name}" for name, of in sums.items())]
    )


def _mean_of(name: str, value: str, where: str = "true") -> str:
    return f"count({value}) FILTER ({where}) AS {name}_n, sum({value}) FILTER ({where}) AS {name}_sum"


def _latest(value: str, trace: str = "") -> str:
    """The greatest (ts, rank, station, value[, trace]) among the rows where the value is known."""
    extra = f", trace: {trace}" if trace else ""
    report = f"{{ts: event_time, rank: rank, station: station, value: {value}{extra}}}"
    return f"max({report}) FILTER ({value} IS NOT NULL)"


_QUERIES = {
    "bike_trips": f"""
        SELECT
            {_bucket()},
            count(*) AS rental_count,
            count(duration_seconds) AS duration_n,
            sum(duration_seconds) AS duration_sum,
            count(*) FILTER (user_type = 'Subscriber') AS subscriber_count,
            count(*) FILTER (user_type = 'Customer') AS customer_count
        FROM events GROUP BY ALL
    """,
    "taxi_trips": f"""
        WITH rides AS (
            SELECT
                {_bucket()},
                cab_type,
                price,
                surge_multiplier AS s,
                (temperature - 32) / 1.8 AS t,
                precip_intensity * 25.4 AS p,
                humidity AS h,
                wind_speed * 0.44704 AS w
            FROM events
        )
        SELECT
            bucket_start,
            cab_type,
            count(*) AS ride_count,
            {_mean_of("price", "price")},
            {_mean_of("surge", "s")},
            max(s) AS surge_max,
            count(*) FILTER (s > 1.0) AS surge_ride_count,
            {_mean_of("temp", "t")}, {_mean_of("precip", "p")}, {_mean_of("humidity", "h")}, {_mean_of("wind", "w")},
            {_moments("st", "t", "s")},
            {_moments("sp", "p", "s")},
            {_moments("sh", "h", "s")},
            {_moments("sw", "w", "s")},
            {_mean_of("wet_surge", "s", "p > 0")},
            {_mean_of("dry_surge", "s", "p = 0")}
        FROM rides GROUP BY bucket_start, cab_type
    """,
    "weather_data": f"""
        WITH reports AS (
            SELECT
                {_bucket(moved_back_us=1)},
                -- A special tells the amount since the last hourly report, which is no rate; rows that were ingested
                -- before this was known have one.
                * REPLACE (
                    CASE WHEN report_type IS DISTINCT FROM 'FM-16' THEN precipitation_mm_per_h END
                        AS precipitation_mm_per_h
                ),
                (CASE report_type WHEN 'FM-15' THEN 3 WHEN 'FM-16' THEN 2 ELSE 1 END)::INTEGER AS rank
            FROM events
        )
        SELECT
            bucket_start,
            count(*) AS observation_count,
            {_latest("temperature_celsius")} AS temp_latest,
            {_latest("wind_speed_ms")} AS wind_latest,
            {_latest("visibility_m")} AS visibility_latest,
            {_latest("precipitation_mm_per_h", "precipitation_trace")} AS precip_latest
        FROM reports GROUP BY bucket_start
    """,
    "accidents": f"""
        SELECT
            {_bucket()},
            mode_type,
            count(*) AS accident_count,
            count(*) FILTER (location_type = 'Intersection') AS intersection_accidents,
            count(*) FILTER (location_type = 'Street') AS street_accidents
        FROM events GROUP BY ALL
    """,
}
