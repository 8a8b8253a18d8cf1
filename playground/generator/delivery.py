"""Produce messages to Kafka in order, each once, and count errors. Used by the generator and the replay."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from playground.generator.message import Message
from spark_jobs.catalog import FEEDS
from spark_jobs.diagnosis import KAFKA_SECURITY, StreamFault
from spark_jobs.kafka.broker_client import BrokerClient
from spark_jobs.kafka.connection import Connection, client_options
from spark_jobs.kafka.offsets import topic_id_on_broker
from spark_jobs.settings import Settings

FLUSH_TIMEOUT_S = 60.0


class DeliveryError(Exception):
    """Nothing can be sent: why, and the next step."""


def topics_of(settings: Settings) -> dict[str, str]:
    return {feed.name: settings.topic(feed) for feed in FEEDS}


def _producer(connection: Connection) -> Producer:
    return Producer(
        {
            **client_options(connection),
            "enable.idempotence": True,
            "acks": "all",
            # Call back into Python for failures only: a callback per message would cost as much as generating it.
            "delivery.report.only.error": True,
            "linger.ms": 20,
            "batch.num.messages": 10_000,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 200_000,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",  # as Java producers choose: a key keeps its partition
            "log_level": 2,  # an unreachable broker is reported by DeliveryError, not by the client's log lines
        }
    )


def _refuse_what_cannot_be_reached(connection: Connection, topics: Mapping[str, str]) -> None:
    broker = BrokerClient(connection)
    try:
        for topic in topics.values():
            topic_id_on_broker(broker, topic)
    except StreamFault as fault:
        raise DeliveryError(
            f"Nothing is sent: {fault}. Start a broker with `make broker`, name another with --bootstrap-servers, set "
            f"KAFKA_TOPIC_... to the topics it has, or see to {KAFKA_SECURITY}."
        ) from None


class Delivery:
    """An idempotent producer for the four topics. Call `finish` last: it returns whether everything was delivered."""

    def __init__(self, connection: Connection, topics: Mapping[str, str]) -> None:
        self.topics = topics
        _refuse_what_cannot_be_reached(connection, topics)
        self._producer = _producer(connection)
        self._ended_by: str | None = None
        """why the producer sends nothing more"""
        self.sent: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        """reason -> messages that were not delivered"""

    def send(self, message: Message) -> None:
        """Hand the message to the producer. Raises: DeliveryError where that sends nothing more."""
        topic = self.topics[message.feed]
        while self._ended_by is None:
            try:
                with self._noting_its_end():
                    self._producer.produce(topic, message.value, message.key, on_delivery=self._count_failure)
                    self.sent[message.feed] += 1
                    return
            except BufferError:  # the queue is full: wait for the broker
                self._wait(0.05)
        raise DeliveryError(f"Sending has stopped: {_told(self._ended_by)}")

    @contextmanager
    def _noting_its_end(self) -> Iterator[None]:
        """Any call may say that the producer is no use any more."""
        try:
            yield
        except KafkaException as failure:
            self._ended_by = failure.args[0].str()
        except SystemError:
            # The client calls back while it raises, and then cannot raise; what is left in its queue it drops.
            self._wait(0)

    def _count_failure(self, error: KafkaError | None, _: Delivered) -> None:
        if error is not None:
            self.failures[error.str()] += 1

    def _wait(self, timeout_s: float) -> None:
        with self._noting_its_end():
            self._producer.poll(timeout_s)

    def poll(self) -> None:
        self._wait(0)

    def flush(self) -> bool:
        """Wait for outstanding messages; return whether everything was delivered."""
        return not self._left() and self._ended_by is None and not self.failures

    def _left(self) -> int:
        """Wait for outstanding messages; return how many are left."""
        with self._noting_its_end():
            self._producer.flush(FLUSH_TIMEOUT_S)
        return len(self._producer)

    def finish(self) -> bool:
        """Flush, drop what the broker does not take, and print failures; return whether everything was delivered."""
        if left := self._left():
            self._producer.purge()
            self.failures[self._ended_by or f"the broker did not answer for {FLUSH_TIMEOUT_S:.0f} s"] += left
        for reason, count in self.failures.items():
            print(f"{count} messages were not delivered: {_told(reason)}", file=sys.stderr)
        return self._ended_by is None and not self.failures


def _told(reason: str) -> str:
    """Add what helps. A producer without the right to write drops its queue, and does not always say why once more."""
    if "authorization failed" not in reason and "Purged in queue" not in reason:
        return f"{reason}."
    return f"{reason}. Where Kafka has ACLs, whoever sends needs Write on the topics: {KAFKA_SECURITY}."


def summary(sent: Mapping[str, int], topics: Mapping[str, str]) -> str:
    """Format one line per topic and the total."""
    lines = [f"  {topics[feed]:<16}{sent.get(feed, 0):>12,}" for feed in topics]
    return "\n".join([*lines, f"  {'total':<16}{sum(sent.values()):>12,}"])
