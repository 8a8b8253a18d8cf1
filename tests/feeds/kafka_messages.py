"""Messages as Spark's Kafka source hands them over, and what became of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.contracts.streams import feed_named
from spark_jobs.feeds.parsed_messages import parsed

KAFKA_TIME = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp, timestampType int"


def kafka_messages(spark: SparkSession, values: Sequence[bytes | None]) -> DataFrame:
    rows = [(None, value, "a-topic", 0, offset, KAFKA_TIME, 0) for offset, value in enumerate(values)]
    return spark.createDataFrame(rows, SCHEMA)


def outcomes(
    spark: SparkSession, feed: str, values: Sequence[bytes | None], accident_time_zone: str = "America/New_York"
) -> list[dict[str, Any]]:
    """One dict per message, in order; instants as aware datetimes."""
    result = parsed(kafka_messages(spark, values), feed_named(feed), accident_time_zone)
    # As microseconds: a refused row may hold a year Python has no datetime for.
    instants = [name for name, kind in result.dtypes if kind == "timestamp"]
    readable = result.withColumns({name: F.unix_micros(name) for name in instants})
    rows = [row.asDict() for row in readable.orderBy("kafka_offset").collect()]
    for row in rows:
        for name in instants:
            row[name] = _aware(row[name])
    return rows


def _aware(micros: int | None) -> datetime | None:
    if micros is None or not -62_135_596_800_000_000 <= micros < 253_402_300_800_000_000:
        return None
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
