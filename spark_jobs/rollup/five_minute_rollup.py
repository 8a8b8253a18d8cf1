# ruff: noqa: S608 - the SQL is made of constants
"""Events -> 5-minute tiles (analytics.md section 2): what is measured of each event, and the sums per tile.

Spark reads; each task parses and sums up its own messages, so that tiles leave it, not events. The same queries serve
a rebuild from the ingested Parquet.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.contracts.settings import TILE
from spark_jobs.contracts.streams import Feed
from spark_jobs.feeds.parsed_messages import parsed
from spark_jobs.rollup.tile_schemas import TILE_SCHEMAS, merged
from spark_jobs.runtime.task_database import result_over

TASK_COLUMNS = ("value", "topic", "kafka_timestamp")
"""what a task needs of a message: the tiles do not say where it stood"""
TASK_SCHEMA = "feed string, tiles binary"
"""what a task gives back: per feed the tiles of its rows, as an Arrow stream"""

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

_MOST_PARTS = 32
"""batches whose tiles a task keeps apart before it merges them"""

_TILE_US = int(TILE.total_seconds()) * 1_000_000


def rollup_task(
    feed_of_topic: Mapping[str, Feed], accident_time_zone: str
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What each task of a batch runs: messages of several topics in, per feed the tiles of the valid ones out."""

    def roll_up(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parts: dict[str, list[pa.Table]] = {}
        for feed, events in _measured_batches(batches, feed_of_topic, accident_time_zone):
            tiles = parts.setdefault(feed.name, [])
            tiles.append(tiles_of(events, feed))
            if len(tiles) >= _MOST_PARTS:
                parts[feed.name] = [merged(tiles, feed.name)]
        feeds = list(parts)
        streams = [_stream_of(merged(parts[feed], feed)) for feed in feeds]
        yield pa.RecordBatch.from_arrays(
            [pa.array(feeds, pa.string()), pa.array(streams, pa.binary())], ["feed", "tiles"]
        )

    return roll_up


def _measured_batches(
    batches: Iterable[pa.RecordBatch], feed_of_topic: Mapping[str, Feed], accident_time_zone: str
) -> Iterator[tuple[Feed, pa.Table]]:
    """Batch by batch, so that memory is bounded whatever a task reads."""
    for batch in batches:
        messages = pa.Table.from_batches([batch])
        for topic in pc.unique(messages["topic"]).to_pylist():
            feed = feed_of_topic[topic]
            of_topic = messages.filter(pc.equal(messages["topic"], topic))
            yield feed, measured(of_topic, feed, accident_time_zone)


def measured(messages: pa.Table, feed: Feed, accident_time_zone: str) -> pa.Table:
    """The valid messages of one feed, parsed as far as its tiles need."""
    rows = parsed(messages, feed, accident_time_zone, only=(*MEASURED[feed.name], feed.event_time))
    return rows.filter(pc.is_null(rows["refusal"]))


def _stream_of(tiles: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, tiles.schema) as writer:
        writer.write_table(tiles)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def tiles_from_stream(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()


def tiles_of(events: pa.Table, feed: Feed) -> pa.Table:
    """The tiles of the events of one feed (its event time and MEASURED columns), one row per key."""
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
