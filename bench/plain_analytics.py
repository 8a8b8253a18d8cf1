"""The plain contender for the analytics: nine independent Structured Streaming queries.

Each reads its topics from Kafka, parses the fields it needs, aggregates windows behind a watermark and joins them. They
compute less than the job does (no lookbacks over days, no intervals, no models).
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from bench.contender import DEFAULT_JAVA_OPTIONS
from spark_jobs.kafka.connection import connection_of
from spark_jobs.kafka.offsets import EARLIEST
from spark_jobs.kafka.query import kafka_messages
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.setting_values import in_words
from spark_jobs.settings import Settings, settings_from

_PARTITIONS = 2
_LATE = "10 minutes"
_QUARTER = "15 minutes"
_HOUR = "1 hour"
_BIKE = "struct<start_time: string, duration_seconds: int, user_type: string>"
_TAXI = (
    "struct<timestamp: double, cab_type: string, price: double, surge_multiplier: double, "
    "weather_snapshot: struct<temperature: double, precip_intensity: double, humidity: double, wind_speed: double>>"
)
_WEATHER = (
    "struct<datetime: string, observations: struct<temperature: string, wind: string, visibility: string, "
    "precipitation: string>>"
)
_ACCIDENT = "struct<dispatch_ts: string, mode_type: string, location_type: string>"


class Feeds:
    """The four topics as streams of the fields that the analytics use; every call returns a source of its own."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self.spark, self.settings = spark, settings

    def bikes(self) -> DataFrame:
        trips = self._records(self.settings.KAFKA_TOPIC_BIKE, _BIKE)
        local = F.col("start_time").try_cast("timestamp")
        return _timed(trips, F.to_utc_timestamp(local, "America/New_York"))

    def taxis(self) -> DataFrame:
        rides = self._records(self.settings.KAFKA_TOPIC_TAXI, _TAXI).select("*", "weather_snapshot.*")
        return _timed(rides, F.timestamp_seconds("timestamp"))

    def weather(self) -> DataFrame:
        reports = self._records(self.settings.KAFKA_TOPIC_WEATHER, _WEATHER).select("datetime", "observations.*")
        decoded = reports.select(
            "datetime",
            (_code("temperature", 0) / 10).alias("temperature_c"),
            (_code("wind", 3) / 10).alias("wind_ms"),
            _code("visibility", 0).alias("visibility_m"),
            (_code("precipitation", 1) / 10).alias("precipitation_mm"),
        )
        return _timed(decoded, F.col("datetime").try_cast("timestamp"))

    def accidents(self) -> DataFrame:
        accidents = self._records(self.settings.KAFKA_TOPIC_ACCIDENT, _ACCIDENT)
        local = F.substring("dispatch_ts", 1, 19).try_cast("timestamp")
        return _timed(accidents, F.to_utc_timestamp(local, "America/New_York"))

    def _records(self, topic: str, record: str) -> DataFrame:
        start = {topic: {str(partition): EARLIEST for partition in range(_PARTITIONS)}}
        limit = self.settings.MAX_OFFSETS_PER_TRIGGER
        messages = kafka_messages(self.spark, connection_of(self.settings), start, limit)
        return messages.select(F.from_json(F.col("value").cast("string"), f"data {record}").alias("m")).select(
            "m.data.*"
        )


def _timed(rows: DataFrame, event_time: Column) -> DataFrame:
    return rows.withColumn("event_time", event_time).withWatermark("event_time", _LATE)


def _code(name: str, part: int) -> Column:
    return F.split_part(name, F.lit(","), F.lit(part + 1)).try_cast("int")


def _windows(rows: DataFrame, length: str, *columns: Column, keys: tuple[str, ...] = (), slide: str = "") -> DataFrame:
    return rows.groupBy(F.window("event_time", length, slide or length), *keys).agg(*columns)


def _bike_windows(feeds: Feeds, length: str = _QUARTER) -> DataFrame:
    riders = (F.count_if(F.col("user_type") == kind).alias(kind.lower()) for kind in ("Subscriber", "Customer"))
    return _windows(feeds.bikes(), length, F.count("*").alias("bikes"), F.avg("duration_seconds"), *riders)


def _taxi_windows(feeds: Feeds, length: str = _QUARTER) -> DataFrame:
    return _windows(feeds.taxis(), length, F.count("*").alias("taxis"), F.avg("price"), F.avg("surge_multiplier"))


def _weather_windows(feeds: Feeds, length: str = _QUARTER) -> DataFrame:
    measured = ("temperature_c", "wind_ms", "visibility_m", "precipitation_mm")
    return _windows(feeds.weather(), length, *(F.avg(name).alias(name) for name in measured))


def _demand(feeds: Feeds, length: str = _QUARTER) -> DataFrame:
    return _bike_windows(feeds, length).join(_taxi_windows(feeds, length), "window")


def _demand_and_weather(feeds: Feeds) -> DataFrame:
    return _demand(feeds).join(_weather_windows(feeds), "window")


def _correlations(windows: DataFrame, *keys: Column) -> DataFrame:
    pairs = [(y, x) for y in ("bikes", "taxis") for x in ("temperature_c", "wind_ms", "precipitation_mm")]
    day = F.window(F.window_time("window"), "1 day").alias("day")
    return windows.groupBy(day, *keys).agg(*(F.corr(y, x).alias(f"{y}_{x}") for y, x in pairs))


def weather_transport_correlation(feeds: Feeds) -> DataFrame:
    return _demand_and_weather(feeds).withColumn("is_windy", F.col("wind_ms") > 10)


def weather_safety_analysis(feeds: Feeds) -> DataFrame:
    at_crossings = F.count_if(F.col("location_type") == "Intersection").alias("intersection_accidents")
    counted = _windows(feeds.accidents(), _HOUR, F.count("*").alias("accidents"), at_crossings, keys=("mode_type",))
    return counted.join(_weather_windows(feeds, _HOUR), "window")


def surge_weather_correlation(feeds: Feeds) -> DataFrame:
    causes = ("temperature", "precip_intensity", "humidity", "wind_speed")
    measures = [F.corr("surge_multiplier", name).alias(f"surge_{name}") for name in causes]
    measures += [F.count("*").alias("rides"), F.avg("surge_multiplier"), F.max("surge_multiplier"), F.sum("price")]
    return _windows(feeds.taxis(), _QUARTER, *measures, keys=("cab_type",), slide="5 minutes")


def transport_usage_summary(feeds: Feeds) -> DataFrame:
    return _demand(feeds, _HOUR)


def pearson_correlations(feeds: Feeds) -> DataFrame:
    return _correlations(_demand_and_weather(feeds))


def weather_binned_metrics(feeds: Feeds) -> DataFrame:
    binned = _demand_and_weather(feeds).withColumn("temp_bin", F.floor(F.col("temperature_c") / 5))
    day = F.window(F.window_time("window"), "1 day").alias("day")
    return binned.groupBy(day, "temp_bin").agg(F.count("*"), F.avg("bikes"), F.stddev("bikes"), F.avg("taxis"))


def precipitation_impact(feeds: Feeds) -> DataFrame:
    return _demand_and_weather(feeds).withColumn("is_wet", F.col("precipitation_mm") > 0)


def temporal_correlations(feeds: Feeds) -> DataFrame:
    hour = F.hour(F.from_utc_timestamp("window.start", "America/New_York"))
    return _correlations(_demand_and_weather(feeds), hour.isin(7, 8, 9, 17, 18, 19).alias("is_rush_hour"))


def multi_variable_summary(feeds: Feeds) -> DataFrame:
    day = F.window(F.window_time("window"), "1 day").alias("day")
    slopes = (F.regr_slope("bikes", name).alias(f"slope_{name}") for name in ("temperature_c", "wind_ms"))
    return _demand_and_weather(feeds).groupBy(day).agg(F.count("*"), *slopes)


QUERIES: Mapping[str, Callable[[Feeds], DataFrame]] = {
    query.__name__: query
    for query in (
        weather_transport_correlation,
        weather_safety_analysis,
        surge_weather_correlation,
        transport_usage_summary,
        pearson_correlations,
        weather_binned_metrics,
        precipitation_impact,
        temporal_correlations,
        multi_variable_summary,
    )
}


def main() -> None:
    settings = settings_from(os.environ)
    spark = spark_session(
        settings, "plain analytics", 0, os.environ, java_options=DEFAULT_JAVA_OPTIONS, lean_checkpoints=False
    )
    spark.conf.set("spark.sql.shuffle.partitions", "2")
    # A correlation of values that do not vary divides by zero: null, as in the job.
    spark.conf.set("spark.sql.ansi.enabled", "false")
    feeds = Feeds(spark, settings)
    for name, query in QUERIES.items():
        rows = query(feeds)
        # Names such as avg(price) are not Parquet's; the path columns of an hour would be the job's layout.
        named = rows.toDF(*(column.replace("(", "_").replace(")", "") for column in rows.columns))
        (
            named.writeStream.queryName(name)
            .format("parquet")
            .option("path", str(Path(settings.ANALYTICS_OUTPUT_PATH) / name))
            .option("checkpointLocation", str(Path(settings.ANALYTICS_CHECKPOINT_PATH) / name))
            .trigger(processingTime=in_words(settings.BATCH_INTERVAL))
            .start()
        )
    spark.streams.awaitAnyTermination()


if __name__ == "__main__":
    main()
