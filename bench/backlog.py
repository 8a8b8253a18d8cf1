"""The backlog that contenders read: made by the project's own generator, kept in a temporary broker."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from playground.generator.stream import Run
from playground.run.settings import CHECKOUT
from spark_jobs.catalog import FEEDS
from spark_jobs.settings import settings_from

DAYS = 14
TOPICS: Mapping[str, str] = {feed.name: settings_from({}).topic(feed) for feed in FEEDS}
"""feed -> topic"""

TRICKLE_PER_S = 50
# A Wednesday after the backlog, ten in the morning in Boston: demand changes little over the next minutes.
TRICKLE_STARTS = datetime(2018, 1, 17, 15, tzinfo=UTC)
_RAW = pa.schema(
    [
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("kafka_timestamp", pa.timestamp("ms", "UTC")),
        ("value", pa.string()),
    ]
)
_DUMP_BATCH = 50_000


def send_backlog(bootstrap_servers: str, events: int) -> None:
    _generate(bootstrap_servers, "--events", str(events), "--days", str(DAYS), "--speed", "max").check_returncode()


def _generate(bootstrap_servers: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "playground.generator", "--bootstrap-servers", bootstrap_servers, *options]
    return subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=False)


@contextmanager
def a_trickle(bootstrap_servers: str) -> Iterator[None]:
    """Events in order at real-time speed, about TRICKLE_PER_S a second, until the block ends."""
    ordinary = Run(start=TRICKLE_STARTS).counts
    first = Run(start=TRICKLE_STARTS).first_quarter
    per_quarter = sum(ordinary(first + n).bikes + ordinary(first + n).taxis for n in range(4)) / 4
    volume = TRICKLE_PER_S * timedelta(minutes=15).total_seconds() / per_quarter
    options = ["--speed", "1", "--volume", f"{volume:.3f}", "--start", f"{TRICKLE_STARTS:%Y-%m-%dT%H:%M}"]
    trickle = subprocess.Popen(
        [sys.executable, "-m", "playground.generator", "--bootstrap-servers", bootstrap_servers, *options],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        trickle.terminate()
        trickle.wait()


def end_offsets(bootstrap_servers: str) -> dict[str, dict[str, int]]:
    """topic -> partition -> end offset, in the form of Spark's offsets."""
    client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    known = client.list_topics(timeout=10).topics
    asked = client.list_offsets(
        {
            TopicPartition(topic, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for topic in TOPICS.values()
            for partition in known[topic].partitions
        }
    )
    ends: dict[str, dict[str, int]] = {}
    for place, future in asked.items():
        ends.setdefault(place.topic, {})[str(place.partition)] = future.result().offset
    return ends


def messages_in(offsets: Mapping[str, Mapping[str, int]]) -> int:
    return sum(sum(of_topic.values()) for of_topic in offsets.values())


def dump_messages(bootstrap_servers: str, folder: Path) -> None:
    """Every topic as one Parquet file of raw texts, for the contender that cannot read Kafka."""
    for topic, ends in end_offsets(bootstrap_servers).items():
        _dump_topic(bootstrap_servers, topic, ends, folder / f"{topic}.parquet")


def _dump_topic(bootstrap_servers: str, topic: str, ends: Mapping[str, int], target: Path) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, int(partition), 0) for partition in ends])
    left = sum(ends.values())
    with pq.ParquetWriter(target, _RAW) as writer:
        while left:
            messages = consumer.consume(min(left, _DUMP_BATCH), timeout=10)
            if not messages:
                raise RuntimeError(f"{topic}: the broker gave no more messages, {left} short of its end")
            rows = [(m.partition(), m.offset(), m.timestamp()[1], (m.value() or b"").decode()) for m in messages]
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), _RAW, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=_RAW))
            left -= len(messages)
    consumer.close()
