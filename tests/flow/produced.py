"""Messages for the flow tests: from the project's own generator, or given bytes, sent to a real broker."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from confluent_kafka import KafkaError, Message, Producer

from bench.backlog import TOPICS
from playground.generator.stream import messages
from spark_jobs.catalog import FEEDS
from spark_jobs.kafka.broker_client import BrokerClient
from spark_jobs.kafka.connection import Connection
from spark_jobs.kafka.offsets import topic_id_on_broker

ANY = -1
"""any partition: the producer's choice, by key"""

Produced = dict[tuple[str, int, int], bytes | None]
"""(topic, partition, offset) -> value"""


def produce(bootstrap_servers: str, values: Iterable[tuple[str, bytes | None]], partition: int = ANY) -> Produced:
    """Send (topic, value) pairs and wait until the broker has them all; says where it keeps them."""
    kept: Produced = {}
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "linger.ms": 20, "log_level": 0}
    )
    for number, (topic, value) in enumerate(values):
        while True:
            try:
                producer.produce(topic, value, str(number), partition, on_delivery=_keeper(kept, value))
                break
            except BufferError:  # the broker is slower than we are
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(120) == 0
    return kept


def _keeper(kept: Produced, value: bytes | None) -> Callable[[KafkaError | None, Message], None]:
    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        kept[str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)] = value

    return delivered


def generated(count: int, seed: int = 1, defects: float = 0.05) -> Iterable[tuple[str, bytes]]:
    """The first `count` messages of a generated history, some of them with defects."""
    history = messages(seed=seed, days=40, defects=defects)
    return ((TOPICS[message.feed], message.value) for message in islice(history, count))


def topic_id(bootstrap_servers: str, topic: str) -> str:
    """The id by which logs know the topic."""
    return topic_id_on_broker(BrokerClient(Connection(bootstrap_servers)), topic)


def settings_for(topics: Mapping[str, str]) -> dict[str, str]:
    """The settings that make a job read these topics (feed -> topic)."""
    return {feed.topic_setting: topics[feed.name] for feed in FEEDS}
