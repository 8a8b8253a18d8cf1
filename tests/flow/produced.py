"""Messages for the flow tests: from the project's own generator, or given bytes, sent to a real broker."""

from collections.abc import Iterable, Mapping
from itertools import islice

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from playground.generator.stream import messages
from spark_jobs.contracts.settings import settings_from
from spark_jobs.contracts.streams import FEEDS

TOPICS: Mapping[str, str] = {feed.name: settings_from({}).topic(feed) for feed in FEEDS}
"""feed -> topic, by the defaults"""


def produce(bootstrap_servers: str, values: Iterable[tuple[str, bytes | None]]) -> None:
    """Send (topic, value) pairs and wait until the broker has them all."""
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "linger.ms": 20, "log_level": 0}
    )
    for number, (topic, value) in enumerate(values):
        producer.produce(topic, value, key=str(number))
        producer.poll(0)
    assert producer.flush(60) == 0


def generated(count: int, seed: int = 1, defects: float = 0.05) -> Iterable[tuple[str, bytes]]:
    """The first `count` messages of a generated history, some of them with defects."""
    history = messages(seed=seed, days=40, defects=defects)
    return ((TOPICS[message.feed], message.value) for message in islice(history, count))


def end_offsets(bootstrap_servers: str) -> dict[str, dict[str, int]]:
    """topic -> partition -> end offset, as the log writes positions."""
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
