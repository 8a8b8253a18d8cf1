"""The contender that shows what the machine can do: DuckDB parses the same messages and writes the same partitions.

It reads files of raw texts, not Kafka; it has no position, no refusals and no publication. Two threads.
"""

import signal
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from bench.backlog import TOPICS

_BIKE = """
SELECT
    d.trip_id, d.duration_seconds::INT AS duration_seconds, d.start_time, d.stop_time,
    timezone('America/New_York', d.start_time::TIMESTAMP) AS start_time_ts,
    timezone('America/New_York', d.stop_time::TIMESTAMP) AS stop_time_ts,
    d.start_station.id AS start_station_id, d.start_station.name AS start_station_name,
    d.start_station.latitude::DOUBLE AS start_station_latitude,
    d.start_station.longitude::DOUBLE AS start_station_longitude,
    d.end_station.id AS end_station_id, d.end_station.name AS end_station_name,
    d.end_station.latitude::DOUBLE AS end_station_latitude, d.end_station.longitude::DOUBLE AS end_station_longitude,
    d.bike_id, d.user_type, d.birth_year::INT AS birth_year, d.gender::INT AS gender"""
_TAXI = """
SELECT
    d.id AS trip_id, d.datetime, to_timestamp(d.timestamp::DOUBLE) AS datetime_ts, d.pickup_location,
    d.dropoff_location, d.cab_type, d.product.id AS product_id, d.product.name AS product_name,
    d.price::DOUBLE AS price, d.distance::DOUBLE AS distance, d.surge_multiplier::DOUBLE AS surge_multiplier,
    d.location.latitude::DOUBLE AS latitude, d.location.longitude::DOUBLE AS longitude,
    d.weather_snapshot.temperature::DOUBLE AS temperature,
    d.weather_snapshot.apparent_temperature::DOUBLE AS apparent_temperature,
    trim(d.weather_snapshot.summary) AS weather_summary,
    d.weather_snapshot.precip_intensity::DOUBLE AS precip_intensity,
    d.weather_snapshot.humidity::DOUBLE AS humidity, d.weather_snapshot.wind_speed::DOUBLE AS wind_speed"""
_WEATHER = """
SELECT
    d.station, d.datetime, timezone('UTC', d.datetime::TIMESTAMP) AS datetime_ts, d.source AS data_source,
    d.location.latitude::DOUBLE AS latitude, d.location.longitude::DOUBLE AS longitude,
    d.location.elevation::DOUBLE AS elevation, d.station_info.name AS station_name, d.station_info.report_type,
    d.station_info.call_sign, d.station_info.quality_control, d.observations.wind, d.observations.temperature,
    d.observations.visibility, d.observations.dew_point, d.observations.sea_level_pressure, d.observations.ceiling,
    d.observations.precipitation,
    nullif(split_part(d.observations.temperature, ',', 1)::INT, 9999) / 10 AS temperature_celsius,
    nullif(split_part(d.observations.wind, ',', 4)::INT, 9999) / 10 AS wind_speed_ms,
    nullif(split_part(d.observations.wind, ',', 1)::INT, 999) AS wind_direction_deg,
    nullif(split_part(d.observations.visibility, ',', 1)::INT, 999999)::DOUBLE AS visibility_m,
    nullif(split_part(d.observations.ceiling, ',', 1)::INT, 99999) AS ceiling_height_m,
    nullif(split_part(d.observations.dew_point, ',', 1)::INT, 9999) / 10 AS dew_point_celsius,
    nullif(split_part(d.observations.sea_level_pressure, ',', 1)::INT, 99999) / 10 AS sea_level_pressure_hpa,
    nullif(TRY_CAST(split_part(d.observations.precipitation, ',', 1) AS INT), 99) AS precipitation_period_h,
    nullif(TRY_CAST(split_part(d.observations.precipitation, ',', 2) AS INT), 9999) / 10 AS precipitation_mm"""
_ACCIDENT = """
SELECT
    d.dispatch_ts, timezone('America/New_York', d.dispatch_ts[:19]::TIMESTAMP) AS dispatch_timestamp,
    lower(d.mode_type) AS mode_type, d.location_type, nullif(d.street, '') AS street, d.xstreet1, d.xstreet2,
    d.x_cord::DOUBLE AS x_cord, d.y_cord::DOUBLE AS y_cord, d.lat::DOUBLE AS lat, d.long::DOUBLE AS long"""

_STATION = {"id": "VARCHAR", "name": "VARCHAR", "latitude": "VARCHAR", "longitude": "VARCHAR"}
_BIKE_FIELDS = (
    "trip_id",
    "duration_seconds",
    "start_time",
    "stop_time",
    "bike_id",
    "user_type",
    "birth_year",
    "gender",
)
_TAXI_FIELDS = ("id", "timestamp", "datetime", "pickup_location", "dropoff_location", "cab_type", "price", "distance")
_SNAPSHOT = ("temperature", "apparent_temperature", "summary", "precip_intensity", "humidity", "wind_speed")
_CODES = ("wind", "ceiling", "visibility", "temperature", "dew_point", "sea_level_pressure", "precipitation")
_ACCIDENT_FIELDS = ("dispatch_ts", "mode_type", "location_type", "street", "xstreet1", "xstreet2", "x_cord", "y_cord")


def _texts(*names: str) -> dict[str, object]:
    return dict.fromkeys(names, "VARCHAR")


# feed -> the shape of its record, its event time, its columns
_FEEDS: dict[str, tuple[dict[str, object], str, str]] = {
    "bike_trips": (
        {**_texts(*_BIKE_FIELDS), "start_station": _STATION, "end_station": _STATION},
        "start_time_ts",
        _BIKE,
    ),
    "taxi_trips": (
        {
            **_texts(*_TAXI_FIELDS, "surge_multiplier"),
            "product": _texts("id", "name"),
            "location": _texts("latitude", "longitude"),
            "weather_snapshot": _texts(*_SNAPSHOT),
        },
        "datetime_ts",
        _TAXI,
    ),
    "weather_data": (
        {
            **_texts("station", "datetime", "source"),
            "location": _texts("latitude", "longitude", "elevation"),
            "station_info": _texts("name", "report_type", "call_sign", "quality_control"),
            "observations": _texts(*_CODES),
        },
        "datetime_ts",
        _WEATHER,
    ),
    "accidents": (_texts(*_ACCIDENT_FIELDS, "lat", "long"), "dispatch_timestamp", _ACCIDENT),
}


def write_feed(connection: duckdb.DuckDBPyConnection, feed: str, raw: Path, output: Path) -> None:
    record, event_time, columns = _FEEDS[feed]
    shape = str({"data": record, "timestamp": "VARCHAR", "source": "VARCHAR"}).replace("'", '"')
    connection.execute(f"""
        COPY (
            SELECT *, year({event_time}) AS year, month({event_time}) AS month,
                strftime({event_time}, '%Y-%m-%d') AS date, hour({event_time}) AS hour
            FROM (
                {columns},
                    m.timestamp AS event_timestamp, m.source AS source,
                    kafka_timestamp, kafka_partition, kafka_offset
                FROM (SELECT *, m.data AS d FROM (SELECT *, from_json(value, '{shape}') AS m FROM '{raw}'))
            )
        ) TO '{output / feed}' (FORMAT parquet, PARTITION_BY (year, month, date, hour))
    """)


def main(
    raw: Annotated[Path, typer.Argument(help="Folder with one Parquet file of raw messages per topic.")],
    output: Annotated[Path, typer.Argument(help="Folder to create for the partitions.")],
) -> None:
    """Write the feeds' partitions from raw messages, then wait to be ended."""
    output.mkdir()
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    (output / "started").touch()
    for feed, topic in TOPICS.items():
        write_feed(connection, feed, raw / f"{topic}.parquet", output)
    (output / "done").touch()
    signal.pause()  # the benchmark reads its memory, then ends it


if __name__ == "__main__":
    typer.run(main)
