"""Messages produced once more: to their partition, with their key, headers, value and time, and the name of the first.

A dead letter keeps a message's value. Its key and its headers are Kafka's: they are taken from there while it keeps the
message, and are left out where it does not.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from confluent_kafka import KafkaError, Message, Producer

from spark_jobs.kafka.connection import Connection, client_options
from spark_jobs.kafka.kept_messages import KeptMessages, kept_messages
from spark_jobs.redrives import HEADER, MessagePlace

_TIMEOUT_S = 30.0
_MOST_BYTES = 100_000_000
"""the broker decides what is too large, and says so of that message alone"""

Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True)
class Resend:
    """A message to send again."""

    place: MessagePlace
    """where it lies"""
    original: MessagePlace
    """what it stands for: itself, unless it is a copy"""
    value: bytes | None
    at_us: int
    """its Kafka time, in microseconds since 1970"""


@dataclass(frozen=True)
class Sent:
    """Where the broker has put the copy; or why it did not take it."""

    copy: MessagePlace | None
    why_not: str = ""


class Resender:
    """Sends again; made by `resender`."""

    def __init__(self, producer: Producer, kept: KeptMessages) -> None:
        self._producer = producer
        self._kept = kept

    def send(self, messages: Sequence[Resend]) -> list[Sent]:
        """Send all of them, and wait until the broker has each or has said why not; in their order."""
        sent = [Sent(None, f"the broker did not answer within {_TIMEOUT_S:.0f} s") for _ in messages]
        kept = self._kept.at({message.place for message in messages})
        for number, message in enumerate(messages):
            self._produce(message, kept.get(message.place), sent, number)
        self._producer.flush(_TIMEOUT_S)
        return sent

    def _produce(self, message: Resend, kept: Message | None, sent: list[Sent], number: int) -> None:
        def delivered(error: KafkaError | None, copy: Message) -> None:
            sent[number] = Sent(None, error.str()) if error else Sent(_place_of(copy))

        key, headers = _key_and_headers(message, kept)
        self._producer.produce(
            message.original.topic,
            message.value,
            key,
            message.original.partition,
            on_delivery=delivered,
            timestamp=_milliseconds(message.at_us),
            headers=[*headers, (HEADER, str(message.original).encode())],
        )


@contextmanager
def resender(connection: Connection) -> Iterator[Resender]:
    """Send with a producer that doubles nothing by itself."""
    limits = {"message.timeout.ms": int(1000 * _TIMEOUT_S), "message.max.bytes": _MOST_BYTES}
    producer = Producer({**client_options(connection), "log_level": 0, "enable.idempotence": True, **limits})
    with kept_messages(connection) as kept:
        yield Resender(producer, kept)


def _key_and_headers(message: Resend, kept: Message | None) -> tuple[bytes | None, Headers]:
    """None of a message that is another than the one that was refused."""
    if kept is None or kept.value() != message.value:
        return None, []
    headers = cast(Headers, kept.headers() or [])
    return kept.key(), [(name, value) for name, value in headers if name != HEADER]


def _milliseconds(at_us: int) -> int:
    """As Kafka counts; 0, which the client takes for now, where the message had no time."""
    return max(0, at_us // 1000)


def _place_of(copy: Message) -> MessagePlace:
    return MessagePlace(str(copy.topic()), int(copy.partition() or 0), int(copy.offset() or 0))
