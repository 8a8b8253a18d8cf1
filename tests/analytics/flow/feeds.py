"""Messages -> the rows of the four feeds, without Kafka and Spark: the job's own parsing, run over all at once."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from playground.generator.message import Message
from spark_jobs.catalog import FEEDS, feed_named
from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.rollup.tiles import MEASURED

ZONE = "America/New_York"
AT_ONCE = 50_000
READ_AT = datetime(2026, 1, 1, tzinfo=UTC)

Feeds = Mapping[str, pa.Table]
"""feed -> rows, the event time first"""


def parsed_feeds(messages: Iterable[Message]) -> dict[str, pa.Table]:
    """feed -> its valid rows as far as the analytics need them, in the order in which they were sent."""
    sent: dict[str, list[Message]] = {feed.name: [] for feed in FEEDS}
    for message in messages:
        sent[message.feed].append(message)
    return {feed: _parsed(feed, of_feed) for feed, of_feed in sent.items()}


def _parsed(name: str, sent: list[Message]) -> pa.Table:
    feed = feed_named(name)
    wanted = [feed.event_time, *MEASURED[name]]
    parts = [
        Parser(feed, ZONE, READ_AT).parse(_kafka_messages(name, sent[start : start + AT_ONCE]))
        for start in range(0, len(sent), AT_ONCE)
    ]
    rows = pa.concat_tables(parts)
    return rows.filter(pc.is_null(rows["refusal"])).select(wanted).combine_chunks()


def _kafka_messages(feed: str, sent: list[Message]) -> pa.Table:
    count = len(sent)
    return pa.table(
        {
            "value": pa.array([message.value for message in sent], pa.binary()),
            "topic": pa.array([feed] * count),
            "kafka_timestamp": pa.array([message.sent_at for message in sent], pa.timestamp("us", "UTC")),
            "kafka_partition": pa.array([0] * count, pa.int32()),
            "kafka_offset": pa.array(range(count), pa.int64()),
        }
    )
