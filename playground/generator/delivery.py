"""Messages into Kafka: in order, each once, errors counted. Used by the generator and by the replay."""

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from playground.generator.message import Message
from spark_jobs.catalog import FEEDS
from spark_jobs.settings import Settings

CONNECT_WITHIN_S = 8.0
FLUSH_WITHIN_S = 60.0


class DeliveryError(Exception):
    """Why nothing can be sent: cause and next step in a sentence."""


def topics_of(settings: Settings) -> dict[str, str]:
    return {feed.name: settings.topic(feed) for feed in FEEDS}


def _producer(bootstrap_servers: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "enable.idempotence": True,
            "acks": "all",
            # Only what failed calls back into Python: a callback per message would cost as much as making it.
            "delivery.report.only.error": True,
            "linger.ms": 20,
            "batch.num.messages": 10_000,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 200_000,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",  # as Java producers choose: a key keeps its partition
            "log_level": 2,  # a broker that is away is told in a sentence, not in the client's log lines
        }
    )


def _missing_topics(producer: Producer, bootstrap_servers: str, topics: Mapping[str, str]) -> list[str]:
    try:
        known = producer.list_topics(timeout=CONNECT_WITHIN_S).topics
    except KafkaException as failure:
        raise DeliveryError(
            f"No Kafka broker answers at {bootstrap_servers} ({failure.args[0].str()}). "
            "Start one with `make broker`, or name another with --bootstrap-servers."
        ) from None
    return sorted(topic for topic in topics.values() if topic not in known)


class Delivery:
    """An open way to the broker. Leave with `finish`, which says whether everything arrived."""

    def __init__(self, bootstrap_servers: str, topics: Mapping[str, str]) -> None:
        self._topics = topics
        self._producer = _producer(bootstrap_servers)
        missing = _missing_topics(self._producer, bootstrap_servers, topics)
        if missing:
            raise DeliveryError(
                f"The broker at {bootstrap_servers} has no topic {', '.join(missing)}. "
                "Create it there (kafka-topics.sh --create), or set KAFKA_TOPIC_... to the names it has."
            )
        self.sent: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        """Reason -> messages that the broker did not take."""

    def send(self, message: Message) -> None:
        topic = self._topics[message.feed]
        while True:
            try:
                self._producer.produce(topic, message.value, message.key, on_delivery=self._failed)
                break
            except BufferError:  # the broker is slower than we are: wait for room
                self._producer.poll(0.05)
        self.sent[message.feed] += 1

    def _failed(self, error: KafkaError | None, _: Delivered) -> None:
        if error is not None:
            self.failures[error.str()] += 1

    def poll(self) -> None:
        self._producer.poll(0)

    def flush(self) -> bool:
        """Whether all that was sent has arrived."""
        waiting: Any = self._producer.flush(FLUSH_WITHIN_S)
        return waiting == 0 and not self.failures

    def finish(self) -> bool:
        waiting: Any = self._producer.flush(FLUSH_WITHIN_S)
        if waiting:
            self._producer.purge()
            self.failures[f"the broker did not answer for {FLUSH_WITHIN_S:.0f} s"] += waiting
        for reason, count in self.failures.items():
            print(f"{count} messages were not delivered: {reason}.", file=sys.stderr)
        return not self.failures


def summary(sent: Mapping[str, int], topics: Mapping[str, str]) -> str:
    """One line per topic and the sum."""
    lines = [f"  {topics[feed]:<16}{sent.get(feed, 0):>12,}" for feed in topics]
    return "\n".join([*lines, f"  {'together':<16}{sum(sent.values()):>12,}"])
