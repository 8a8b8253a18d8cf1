"""The one entrance: Kafka messages -> the dataset's columns, or a reason to refuse. Pure selects, no I/O.

The steps are separate selects because Spark keeps apart what is used more than once: each value is computed once.
"""

from collections.abc import Mapping
from functools import lru_cache

from pyspark import SparkContext
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.columns.given_text import trimmed
from spark_jobs.contracts.streams import Feed
from spark_jobs.feeds.accidents import accidents
from spark_jobs.feeds.bike_trips import BIKE_TRIPS
from spark_jobs.feeds.envelope import envelope_text, given, parsed_json, record, shape_refusal, top_level
from spark_jobs.feeds.refusals import Refusal
from spark_jobs.feeds.rules import FeedRules
from spark_jobs.feeds.taxi_trips import TAXI_TRIPS
from spark_jobs.feeds.weather_data import WEATHER_DATA

COMMON_TAIL = (
    "event_timestamp string, source string, kafka_timestamp timestamp, kafka_partition int, kafka_offset bigint, "
    "year int, month int, date string, hour int"
)
DEAD_LETTER_SCHEMA = (
    "topic string, kafka_partition int, kafka_offset bigint, kafka_timestamp timestamp, "
    "reason string, raw binary, refused_at timestamp"
)

_OLDEST = "2000-01-01 00:00:00"
_CLOCKS_MAY_DIFFER_BY = "24 hours"


def _rules(feed: Feed, accident_time_zone: str) -> FeedRules:
    match feed.name:
        case "bike_trips":
            return BIKE_TRIPS
        case "taxi_trips":
            return TAXI_TRIPS
        case "weather_data":
            return WEATHER_DATA
        case "accidents":
            return accidents(accident_time_zone)
    raise KeyError(f"no rules for the feed {feed.name!r}")


def dataset_schema(feed: Feed) -> str:
    """The dataset's columns in order, as DDL."""
    return f"{_rules(feed, 'UTC').schema}, {COMMON_TAIL}"


def parsed(messages: DataFrame, feed: Feed, accident_time_zone: str) -> DataFrame:
    """Every message as the dataset's columns, then `refusal` (null = valid), `topic` and `raw` (only where refused)."""
    known = messages.select(
        "value",
        "topic",
        F.col("timestamp").alias("kafka_timestamp"),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
    )
    for columns in _steps(messages.sparkSession.sparkContext, feed, accident_time_zone):
        known = known.select("*", *columns)
    return known.select(
        *(field.split()[0] for field in dataset_schema(feed).split(", ")),
        "refusal",
        "topic",
        F.when(F.col("refusal").isNotNull(), F.col("value")).alias("raw"),
    )


@lru_cache
def _steps(_jvm: SparkContext, feed: Feed, accident_time_zone: str) -> tuple[tuple[Column, ...], ...]:
    # Building some thousand expressions takes longer than planning them; they live as long as the JVM they are in.
    rules = _rules(feed, accident_time_zone)
    steps = (_json(rules), _record(rules), _given(rules), *(step() for step in rules.steps), _verdict(feed, rules))
    return tuple(tuple(column.alias(name) for name, column in step.items()) for step in steps)


def _json(rules: FeedRules) -> Mapping[str, Column]:
    return {"json": parsed_json(F.col("value"), rules.lookups)}


def _record(rules: FeedRules) -> Mapping[str, Column]:
    json = F.col("json")
    return {
        "record": record(json, rules.lookups),
        "event_timestamp": trimmed(envelope_text(json, "timestamp")),
        "source": trimmed(envelope_text(json, "source")),
        "top_level": top_level(F.col("value"), json),
    }


def _given(rules: FeedRules) -> Mapping[str, Column]:
    return {
        **{f"given_{value}": given(F.col("record"), names) for value, names in rules.lookups.items()},
        "shape_refusal": shape_refusal(F.col("value"), F.col("json"), F.col("top_level")),
    }


def _verdict(feed: Feed, rules: FeedRules) -> Mapping[str, Column]:
    event_time = F.col(feed.event_time)
    return {
        "year": F.year(event_time),
        "month": F.month(event_time),
        "date": event_time.cast("date").cast("string"),
        "hour": F.hour(event_time),
        "refusal": _refusal(rules, event_time),
    }


def _refusal(rules: FeedRules, event_time: Column) -> Column:
    latest = F.col("kafka_timestamp") + F.expr(f"INTERVAL {_CLOCKS_MAY_DIFFER_BY}")
    reason = F.when(F.col("shape_refusal").isNotNull(), F.col("shape_refusal"))
    for refusal, applies in rules.refusals().items():
        reason = reason.when(applies, F.lit(refusal))
    no_time = F.coalesce(*(F.col(f"given_{text}") for text in rules.event_time_texts)).isNull()
    return (
        reason.when(no_time, F.lit(Refusal.THE_EVENT_TIME_IS_MISSING))
        .when(event_time.isNull(), F.lit(Refusal.THE_EVENT_TIME_IS_UNREADABLE))
        .when(event_time < F.lit(_OLDEST).cast("timestamp"), F.lit(Refusal.THE_EVENT_TIME_IS_TOO_OLD))
        .when(event_time > latest, F.lit(Refusal.THE_EVENT_TIME_IS_IN_THE_FUTURE))
    )
