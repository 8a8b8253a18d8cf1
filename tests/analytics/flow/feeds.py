"""Messages -> the four feeds' Parquet, without Kafka and Spark: the job's own parsing, run over all at once."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from playground.generator.message import Message
from spark_jobs.catalog import FEEDS, feed_named
from spark_jobs.rollup.tiles import measured

ZONE = "America/New_York"
AT_ONCE = 50_000
_ONE_PLACE = "year=0/month=0/date=0/hour=0"
"""readers of the feeds look at the event time, not at the folder"""


def parsed_feeds(messages: Iterable[Message]) -> dict[str, pa.Table]:
    """feed -> its valid rows as far as the analytics need them, in the order in which they were sent."""
    sent: dict[str, list[Message]] = {feed.name: [] for feed in FEEDS}
    for message in messages:
        sent[message.feed].append(message)
    return {feed: _parsed(feed, of_feed) for feed, of_feed in sent.items()}


def _parsed(feed: str, sent: list[Message]) -> pa.Table:
    parts = [
        measured(_kafka_messages(feed, sent[start : start + AT_ONCE]), feed_named(feed), ZONE)
        for start in range(0, len(sent), AT_ONCE)
    ]
    rows = pa.concat_tables(parts).drop_columns(["refusal", "topic", "raw"])
    time = feed_named(feed).event_time
    return rows.select([time, *(name for name in rows.column_names if name != time)])


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


def write_feeds(feeds: dict[str, pa.Table], root: Path) -> None:
    """As datasets that the reference reads."""
    for feed, rows in feeds.items():
        folder = root / feed / _ONE_PLACE
        folder.mkdir(parents=True)
        pq.write_table(rows, folder / "rows.parquet")
