"""Messages by their places, as far as Kafka still keeps them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from spark_jobs.diagnosis import StreamFault
from spark_jobs.kafka.connection import Connection, client_options
from spark_jobs.redrives import MessagePlace

_TIMEOUT_S = 20.0
_READ_ON_FOR = 1_000
"""messages that are read over to the next one; to begin anew costs as much as some thousand"""
_NOT_KEPT = (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


class KeptMessages:
    """Looks messages up; made by `kept_messages`."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._next = MessagePlace("", 0, 0)

    def at(self, places: Collection[MessagePlace]) -> dict[MessagePlace, Message]:
        """Those that are there. StreamFault where nobody answers."""
        found = ((place, self._message(place)) for place in sorted(places))
        return {place: message for place, message in found if message is not None}

    def _message(self, place: MessagePlace) -> Message | None:
        is_near = self._next[:2] == place[:2] and 0 <= place.offset - self._next.offset <= _READ_ON_FOR
        if not is_near:
            self._consumer.assign([TopicPartition(place.topic, place.partition, place.offset)])
            self._next = place
        while self._next.offset <= place.offset:
            message = self._read()
            if message is None:
                return None
            self._next = place._replace(offset=int(message.offset() or 0) + 1)
        return message if self._next.offset == place.offset + 1 else None  # it is gone: this one is later

    def _read(self) -> Message | None:
        """The next message of the partition; None where there is none."""
        message = self._consumer.poll(_TIMEOUT_S)
        while message is not None and _is_of_the_group(message):
            message = self._consumer.poll(_TIMEOUT_S)
        if message is None:
            raise StreamFault("Kafka does not answer", "check that the broker runs", external=True)
        if error := message.error():
            self._next = MessagePlace("", 0, 0)
            if error.code() in _NOT_KEPT:
                return None
            raise KafkaException(error)
        return message


def _is_of_the_group(message: Message) -> bool:
    """Whether the client only tells that its group is not permitted: it looks for it, and no group is joined."""
    error = message.error()
    return error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


@contextmanager
def kept_messages(connection: Connection) -> Iterator[KeptMessages]:
    """Look messages up with a consumer that commits nothing."""
    consumer = Consumer(
        {
            **client_options(connection),
            "log_level": 0,
            "group.id": "redrive",  # the client wants one; no group is joined
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 4_096,  # few of those that come after are wanted
            "fetch.queue.backoff.ms": 1,
        }
    )
    try:
        yield KeptMessages(consumer)
    finally:
        consumer.close()
