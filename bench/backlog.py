"""The backlog that contenders read: messages of the project's own generator in a temporary broker."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from bench.record import progress
from playground.broker.process import Broker, temporary_broker
from playground.generator.stream import Run
from playground.run.settings import CHECKOUT
from spark_jobs.catalog import FEEDS
from spark_jobs.settings import settings_from

DAYS = 14
Offsets = Mapping[str, Mapping[str, int]]
"""topic -> partition -> next offset, as Spark's checkpoints and the publication logs have it"""
TOPICS: Mapping[str, str] = {feed.name: settings_from({}).topic(feed) for feed in FEEDS}
"""feed -> topic, by the defaults"""

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


@contextmanager
def broker_with_backlog(name: str, events: int = 0) -> Iterator[tuple[Path, Broker]]:
    """Run a broker that has so many messages; yield it and a folder that is removed at the end of the block."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
        work = Path(folder)
        with temporary_broker(work, heap="512m") as broker:
            if events:
                progress(f"sending {events:,} messages")
                options = ["--events", str(events), "--days", str(DAYS), "--speed", "max"]
                if _generator(broker.bootstrap_servers, *options).wait():
                    raise RuntimeError("the generator failed; its message is above")
            yield work, broker


def _generator(bootstrap_servers: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "playground.generator", "--bootstrap-servers", bootstrap_servers, *options]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL)


@contextmanager
def trickle(bootstrap_servers: str) -> Iterator[None]:
    """Send events in order at real-time speed, about TRICKLE_PER_S a second, until the end of the block."""
    run = Run(start=TRICKLE_STARTS)
    first_hour = [run.counts(run.first_quarter + number) for number in range(4)]
    per_s = sum(counts.bikes + counts.taxis for counts in first_hour) / timedelta(hours=1).total_seconds()
    options = [
        "--speed",
        "1",
        "--volume",
        f"{TRICKLE_PER_S / per_s:.3f}",
        "--start",
        f"{TRICKLE_STARTS:%Y-%m-%dT%H:%M}",
    ]
    generator = _generator(bootstrap_servers, *options)
    try:
        yield
    finally:
        generator.terminate()
        generator.wait()


def end_offsets(bootstrap_servers: str, topics: Iterable[str] = tuple(TOPICS.values())) -> dict[str, dict[str, int]]:
    """Ask the broker for topic -> partition -> end offset, as the log writes positions."""
    client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    known = client.list_topics(timeout=60).topics
    futures = client.list_offsets(
        {
            TopicPartition(topic, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for topic in topics
            for partition in known[topic].partitions
        }
    )
    ends: dict[str, dict[str, int]] = {}
    for partition, future in futures.items():
        ends.setdefault(partition.topic, {})[str(partition.partition)] = future.result().offset
    return ends


def message_count(offsets: Offsets) -> int:
    return sum(sum(of_topic.values()) for of_topic in offsets.values())


def dump_messages(bootstrap_servers: str, folder: Path) -> None:
    """Write each topic to one Parquet file of raw texts, for the contender that cannot read Kafka."""
    for topic, ends in end_offsets(bootstrap_servers).items():
        _dump_topic(bootstrap_servers, topic, ends, folder / f"{topic}.parquet")


def _dump_topic(bootstrap_servers: str, topic: str, ends: Mapping[str, int], target: Path) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, int(partition), 0) for partition in ends])
    missing = sum(ends.values())
    with pq.ParquetWriter(target, _RAW) as writer:
        while missing:
            messages = consumer.consume(min(missing, _DUMP_BATCH), timeout=10)
            if not messages:
                raise RuntimeError(f"{topic}: no more messages after 10 s, {missing} are missing")
            rows = [(m.partition(), m.offset(), m.timestamp()[1], (m.value() or b"").decode()) for m in messages]
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), _RAW, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=_RAW))
            missing -= len(messages)
    consumer.close()
