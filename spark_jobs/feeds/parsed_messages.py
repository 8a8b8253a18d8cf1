# ruff: noqa: S608 - the SQL is made of the feeds' rules
"""The one entrance: Kafka messages -> the dataset's columns, or a reason to refuse.

Messages come as Arrow tables, in the tasks of a batch. orjson reads each once, Arrow holds the values as columns, and
DuckDB applies the rules (docs/decisions/0004-parsing-in-the-tasks.md). Nothing here needs Spark.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.catalog import Feed
from spark_jobs.feeds.accidents import accidents
from spark_jobs.feeds.bike_trips import BIKE_TRIPS
from spark_jobs.feeds.extract import Extracted, extract
from spark_jobs.feeds.instants import INSTANT, PLAIN_TIME, in_utc, irregular_instants
from spark_jobs.feeds.refusals import Refusal
from spark_jobs.feeds.rules import FeedRules, Step
from spark_jobs.feeds.taxi_trips import TAXI_TRIPS
from spark_jobs.feeds.weather_data import WEATHER_DATA
from spark_jobs.task_database import result_over

COMMON_TAIL: Mapping[str, pa.DataType] = {
    "event_timestamp": pa.string(),
    "source": pa.string(),
    "kafka_timestamp": INSTANT,
    "kafka_partition": pa.int32(),
    "kafka_offset": pa.int64(),
}
"""the columns every dataset ends with, before the partition columns that stand in the path only"""

OUTCOME_COLUMNS: Mapping[str, pa.DataType] = {
    "refusal": pa.string(),
    "change": pa.string(),
    "topic": pa.string(),
    "raw": pa.binary(),
}
"""why a message is refused (null: it is not), what a change event does, and the message itself where it is refused"""

_OLDEST = "TIMESTAMP '2000-01-01'"
_CLOCKS_MAY_DIFFER_BY = "INTERVAL 24 HOURS"
_CLOCK = pa.timestamp("us")


def dataset_columns(feed: Feed) -> dict[str, pa.DataType]:
    """The dataset's columns in order, without the partition columns."""
    return {**layouts_of(feed, "UTC")[0].columns, **COMMON_TAIL}


@dataclass(frozen=True)
class Parser:
    """Turns messages of one feed into rows; `read_at` is when they are read."""

    feed: Feed
    accident_time_zone: str
    read_at: datetime

    def parse(self, messages: pa.Table) -> pa.Table:
        """Return one row per message, in order: the dataset's columns, then the verdict.

        A message is its bytes (`value`), and where and when Kafka took it: `topic`, `kafka_timestamp`,
        `kafka_partition` and `kafka_offset`.
        """
        feed = self.feed
        columns = dataset_columns(feed)
        layouts = layouts_of(feed, self.accident_time_zone)
        parts = extract(messages["value"], feed.name, layouts)
        ruled = [_ruled(part, messages, feed, layouts[part.layout], [*columns], self.read_at) for part in parts]
        result = _in_order(parts, ruled)
        raw = pc.if_else(pc.is_valid(result["refusal"]), messages["value"], None)
        schema = pa.schema({**columns, **OUTCOME_COLUMNS})
        return result.append_column("raw", raw).select(schema.names).cast(schema)


def layouts_of(feed: Feed, accident_time_zone: str) -> Sequence[FeedRules]:
    """The layouts of a feed: all have the same columns, and the first that a field of a record tells is its own."""
    match feed.name:
        case "bike_trips":
            return (BIKE_TRIPS,)
        case "taxi_trips":
            return (TAXI_TRIPS,)
        case "weather_data":
            return WEATHER_DATA
        case "accidents":
            return (accidents(accident_time_zone),)
    raise KeyError(f"no rules for the feed {feed.name!r}")


def _in_order(parts: list[Extracted], results: list[pa.Table]) -> pa.Table:
    """The rows of all parts in the order of the messages."""
    if len(parts) == 1:
        return results[0]
    return pa.concat_tables(results).take(pc.sort_indices(pa.concat_arrays([part.at for part in parts])))


def _ruled(
    part: Extracted, messages: pa.Table, feed: Feed, rules: FeedRules, columns: Sequence[str], read_at: datetime
) -> pa.Table:
    """The columns and the verdict of the messages of one layout."""
    given = _given(part, messages, rules)
    read = pa.repeat(pa.scalar(read_at.astimezone(UTC).replace(tzinfo=None), _CLOCK), len(given))
    return result_over({"given": given.append_column("read_at", read)}, _rules_sql(feed, rules, columns))


def _given(part: Extracted, messages: pa.Table, rules: FeedRules) -> pa.Table:
    """The looked-up values as columns, times read, next to what Kafka says of the message."""
    given = part.values
    of_kafka = messages.drop_columns(["value"])
    if len(part.at) < len(messages):
        of_kafka = of_kafka.take(part.at)
    for name in of_kafka.column_names:
        given = given.append_column(name, of_kafka[name])
    sent = given.schema.get_field_index("kafka_timestamp")
    given = given.set_column(sent, "kafka_timestamp", given["kafka_timestamp"].cast(_CLOCK))
    for name, instants in _times(given, rules).items():
        given = given.append_column(name, instants.cast(_CLOCK))
    return given


def _times(given: pa.Table, rules: FeedRules) -> dict[str, pa.Array]:
    """instant column -> instants. The plain texts are read by DuckDB, the odd ones one by one."""
    texts = ", ".join(f"{text} AS text_of_{name}" for name, text in rules.times.items())
    clocks = ", ".join(
        f"CASE WHEN regexp_full_match(text_of_{name}, '{PLAIN_TIME}') THEN try_cast(text_of_{name} AS TIMESTAMP) END "
        f"AS {name}, CASE WHEN {name} IS NULL THEN text_of_{name} END AS odd_{name}"
        for name in rules.times
    )
    found = result_over({"given": given}, f"SELECT {clocks} FROM (SELECT {texts} FROM given)")
    return {
        name: pc.coalesce(
            in_utc(found[name].combine_chunks(), rules.time_zone),
            irregular_instants(found[f"odd_{name}"].combine_chunks(), rules.time_zone),
        )
        for name in rules.times
    }


def _rules_sql(feed: Feed, rules: FeedRules, columns: Sequence[str]) -> str:
    """The steps one after the other, then the columns and the verdict."""
    query, known = "given", {*rules.texts, *rules.numbers, *rules.as_written, *rules.times}
    for step in rules.steps:
        query = f"(SELECT * {_with_step(step, known)} FROM {query})"
        known |= set(step)
    return f"SELECT {', '.join(columns)}, change, topic, {_refusal(feed, rules)} AS refusal FROM {query}"


def _with_step(step: Step, known: Collection[str]) -> str:
    """SQL after `*`: names that are there are replaced, new ones added."""
    replaced = ", ".join(f"{rule} AS {name}" for name, rule in step.items() if name in known)
    added = ", ".join(f"{rule} AS {name}" for name, rule in step.items() if name not in known)
    return (f"REPLACE ({replaced}) " if replaced else "") + (f", {added}" if added else "")


def _refusal(feed: Feed, rules: FeedRules) -> str:
    time = feed.event_time
    # What a producer gives for the time of a message may be none: -1, 0, seconds, microseconds.
    sent = (
        f"CASE WHEN kafka_timestamp BETWEEN {_OLDEST} AND read_at + {_CLOCKS_MAY_DIFFER_BY} "
        f"THEN kafka_timestamp ELSE read_at END"
    )
    reasons = {
        **rules.refusals,
        Refusal.THE_EVENT_TIME_IS_MISSING: f"NOT ({rules.event_time_given})",
        Refusal.THE_EVENT_TIME_IS_UNREADABLE: f"{time} IS NULL",
        Refusal.THE_EVENT_TIME_IS_TOO_OLD: f"{time} < {_OLDEST}",
        Refusal.THE_EVENT_TIME_IS_IN_THE_FUTURE: f"{time} > {sent} + {_CLOCKS_MAY_DIFFER_BY}",
    }
    whens = " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in reasons.items())
    return f"CASE WHEN shape_refusal IS NOT NULL THEN shape_refusal {whens} END"
