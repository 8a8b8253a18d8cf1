"""Messages produced once more: to their partition, with their key, headers, value and time, and the name of the first.

A dead letter keeps a message's value. Its key and its headers are Kafka's: they are taken from there while it keeps the
message, and are left out where it does not.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from spark_jobs.redrives import HEADER, Original

_SAY_NOTHING = {"log_level": 0}
_DELIVERY_TIMEOUT_S = 30.0
_LOOK_TIMEOUT_S = 5.0
_MOST_BYTES = 100_000_000
"""the broker decides what is too large, and says so of that message alone"""

Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True)
class Resend:
    """A message to send again."""

    place: Original
    """where it lies"""
    original: Original
    """what it stands for: itself, unless it is a copy"""
    value: bytes | None
    at: datetime


@dataclass(frozen=True)
class Sent:
    """Where the broker has put the copy; or why it did not take it."""

    copy: Original | None
    why_not: str = ""


class Resender:
    """Sends again; made by `resender`."""

    def __init__(self, producer: Producer, consumer: Consumer) -> None:
        self._producer = producer
        self._consumer = consumer

    def send(self, messages: Sequence[Resend]) -> list[Sent]:
        """Send all of them, and wait until the broker has each or has said why not; in their order."""
        sent = [Sent(None, f"the broker did not answer within {_DELIVERY_TIMEOUT_S:.0f} s") for _ in messages]
        for number, message in enumerate(messages):
            self._produce(message, sent, number)
        self._producer.flush(_DELIVERY_TIMEOUT_S)
        return sent

    def _produce(self, message: Resend, sent: list[Sent], number: int) -> None:
        def delivered(error: KafkaError | None, copy: Message) -> None:
            sent[number] = Sent(None, error.str()) if error else Sent(_place_of(copy))

        key, headers = self._key_and_headers(message)
        self._producer.produce(
            message.original.topic,
            message.value,
            key,
            message.original.partition,
            on_delivery=delivered,
            timestamp=_milliseconds(message.at),
            headers=[*headers, (HEADER, str(message.original).encode())],
        )

    def _key_and_headers(self, message: Resend) -> tuple[bytes | None, Headers]:
        found = self._kept(message.place)
        if found is None or found.value() != message.value:
            return None, []
        headers = cast(Headers, found.headers() or [])
        return found.key(), [(name, value) for name, value in headers if name != HEADER]

    def _kept(self, place: Original) -> Message | None:
        """The message at this place; None where Kafka no longer keeps it."""
        self._consumer.assign([TopicPartition(place.topic, place.partition, place.offset)])
        found = self._consumer.poll(_LOOK_TIMEOUT_S)
        if found is None or found.error() or found.offset() != place.offset:
            return None
        return found


@contextmanager
def resender(bootstrap_servers: str) -> Iterator[Resender]:
    """A producer that sends nothing twice by itself, and a consumer that commits nothing."""
    servers = {"bootstrap.servers": bootstrap_servers, **_SAY_NOTHING}
    timeout_ms = int(1000 * _DELIVERY_TIMEOUT_S)
    limits = {"message.timeout.ms": timeout_ms, "message.max.bytes": _MOST_BYTES}
    producer = Producer({**servers, **limits, "enable.idempotence": True, "linger.ms": 5})
    consumer = Consumer(
        {
            **servers,
            "group.id": "redrive",  # asked for by the client; nothing is committed, and no group is joined
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "queued.min.messages": 1,  # one message is looked at, not those after it
            "fetch.message.max.bytes": 65_536,
        }
    )
    try:
        yield Resender(producer, consumer)
    finally:
        consumer.close()


def _milliseconds(at: datetime) -> int:
    """As Kafka counts; 0, which the client takes for now, where the message had no time."""
    return max(0, round((at - datetime.fromtimestamp(0, UTC)).total_seconds() * 1000))


def _place_of(copy: Message) -> Original:
    return Original(str(copy.topic()), int(copy.partition() or 0), int(copy.offset() or 0))
