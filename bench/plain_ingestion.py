"""The plain contender for ingestion: four queries of `from_json` and Spark's own file sink.

The same columns, of valid messages only: one name per field, no refusals, no dead letters.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from bench.contender import DEFAULT_JAVA_OPTIONS
from spark_jobs.catalog import FEEDS, Feed
from spark_jobs.kafka.connection import connection_of
from spark_jobs.kafka.offsets import EARLIEST
from spark_jobs.kafka.query import kafka_messages
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.setting_values import in_words
from spark_jobs.settings import settings_from

_PARTITIONS = 2
_STATION = "struct<id: string, name: string, latitude: double, longitude: double>"
_RECORDS: Mapping[str, str] = {
    "bike_trips": (
        "trip_id string, duration_seconds int, start_time string, stop_time string, bike_id string, "
        f"user_type string, birth_year int, gender int, start_station {_STATION}, end_station {_STATION}"
    ),
    "taxi_trips": (
        "id string, timestamp double, datetime string, pickup_location string, dropoff_location string, "
        "cab_type string, product struct<id: string, name: string>, price double, distance double, "
        "surge_multiplier double, location struct<latitude: double, longitude: double>, "
        "weather_snapshot struct<temperature: double, apparent_temperature: double, summary: string, "
        "precip_intensity: double, humidity: double, wind_speed: double>"
    ),
    "weather_data": (
        "station string, datetime string, source string, "
        "location struct<latitude: double, longitude: double, elevation: double>, "
        "station_info struct<name: string, report_type: string, call_sign: string, quality_control: string>, "
        "observations struct<wind: string, temperature: string, visibility: string, dew_point: string, "
        "sea_level_pressure: string, ceiling: string, precipitation: string>"
    ),
    "accidents": (
        "dispatch_ts string, mode_type string, location_type string, street string, xstreet1 string, "
        "xstreet2 string, x_cord double, y_cord double, lat double, long double"
    ),
}


def _boston_time(text: str) -> str:
    return f"to_utc_timestamp(try_cast({text} AS timestamp), 'America/New_York')"


def _station(end: str) -> list[str]:
    fields = ("id", "name", "latitude", "longitude")
    return [f"d.{end}_station.{field} AS {end}_station_{field}" for field in fields]


def _code(name: str, part: int, missing: int) -> str:
    return f"nullif(try_cast(split_part(d.observations.{name}, ',', {part}) AS int), {missing})"


_COLUMNS: Mapping[str, list[str]] = {
    "bike_trips": [
        "d.trip_id",
        "d.duration_seconds",
        "d.start_time",
        "d.stop_time",
        f"{_boston_time('d.start_time')} AS start_time_ts",
        f"{_boston_time('d.stop_time')} AS stop_time_ts",
        *_station("start"),
        *_station("end"),
        "d.bike_id",
        "d.user_type",
        "d.birth_year",
        "d.gender",
    ],
    "taxi_trips": [
        "d.id AS trip_id",
        "d.datetime",
        "timestamp_seconds(d.timestamp) AS datetime_ts",
        *(f"d.{name}" for name in ("pickup_location", "dropoff_location", "cab_type")),
        "d.product.id AS product_id",
        "d.product.name AS product_name",
        *(f"d.{name}" for name in ("price", "distance", "surge_multiplier")),
        "d.location.*",
        "d.weather_snapshot.temperature",
        "d.weather_snapshot.apparent_temperature",
        "trim(d.weather_snapshot.summary) AS weather_summary",
        *(f"d.weather_snapshot.{name}" for name in ("precip_intensity", "humidity", "wind_speed")),
    ],
    "weather_data": [
        "d.station",
        "d.datetime",
        "try_cast(d.datetime AS timestamp) AS datetime_ts",
        "d.source AS data_source",
        "d.location.*",
        "d.station_info.name AS station_name",
        *(f"d.station_info.{name}" for name in ("report_type", "call_sign", "quality_control")),
        "d.observations.*",
        f"{_code('temperature', 1, 9999)} / 10 AS temperature_celsius",
        f"{_code('wind', 4, 9999)} / 10 AS wind_speed_ms",
        f"{_code('wind', 1, 999)} AS wind_direction_deg",
        f"{_code('visibility', 1, 999999)} AS visibility_m",
        f"{_code('ceiling', 1, 99999)} AS ceiling_height_m",
        f"{_code('dew_point', 1, 9999)} / 10 AS dew_point_celsius",
        f"{_code('sea_level_pressure', 1, 99999)} / 10 AS sea_level_pressure_hpa",
        f"{_code('precipitation', 1, 99)} AS precipitation_period_h",
        f"{_code('precipitation', 2, 9999)} / 10 AS precipitation_mm",
    ],
    "accidents": [
        "d.dispatch_ts",
        f"{_boston_time('substring(d.dispatch_ts, 1, 19)')} AS dispatch_timestamp",
        "lower(d.mode_type) AS mode_type",
        *(f"d.{name}" for name in ("location_type", "street", "xstreet1", "xstreet2")),
        *(f"d.{name}" for name in ("x_cord", "y_cord", "lat", "long")),
    ],
}


def _path_columns(feed: Feed) -> list[str]:
    time = feed.event_time
    return [f"{part}({time}) AS {part}" for part in ("year", "month", "date", "hour")]


def main() -> None:
    settings = settings_from(os.environ)
    spark = spark_session(
        settings, "plain ingestion", 0, os.environ, java_options=DEFAULT_JAVA_OPTIONS, lean_checkpoints=False
    )
    for feed in FEEDS:
        topic = settings.topic(feed)
        start = {topic: {str(partition): EARLIEST for partition in range(_PARTITIONS)}}
        messages = kafka_messages(spark, connection_of(settings), start, settings.MAX_OFFSETS_PER_TRIGGER)
        shape = f"data struct<{_RECORDS[feed.name]}>, timestamp string, source string"
        (
            messages.selectExpr(f"from_json(CAST(value AS string), '{shape}') AS m", "*")
            .selectExpr("m.data AS d", "m.timestamp AS event_timestamp", "m.source AS envelope_source", "*")
            .selectExpr(
                *_COLUMNS[feed.name],
                "event_timestamp",
                "envelope_source AS source",
                "kafka_timestamp",
                "kafka_partition",
                "kafka_offset",
            )
            .selectExpr("*", *_path_columns(feed))
            .writeStream.queryName(feed.name)
            .format("parquet")
            .partitionBy("year", "month", "date", "hour")
            .option("path", str(Path(settings.OUTPUT_BASE_PATH) / feed.name))
            .option("checkpointLocation", str(Path(settings.CHECKPOINT_BASE_PATH) / feed.name))
            .trigger(processingTime=in_words(settings.BATCH_INTERVAL))
            .start()
        )
    spark.streams.awaitAnyTermination()


if __name__ == "__main__":
    main()
