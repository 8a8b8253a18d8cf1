"""Messages are looked up by their offsets, whatever the client says of a group that nobody joins."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

from spark_jobs.kafka.kept_messages import KeptMessages
from spark_jobs.redrives import MessagePlace

PLACE = MessagePlace("bike-trips", 0, 7)


@dataclass
class Said:
    """What a consumer gives: a message, or an error."""

    code: int | None = None

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code)

    def offset(self) -> int:
        return PLACE.offset


@dataclass
class Consuming:
    says: list[Said]
    assigned: list[Any] = field(default_factory=list)

    def assign(self, partitions: list[Any]) -> None:
        self.assigned += partitions

    def poll(self, _timeout_s: float) -> Said:
        return self.says.pop(0)


def kept(*says: Said) -> KeptMessages:
    return KeptMessages(cast(Consumer, Consuming(list(says))))


def test_a_group_without_permission_is_nobodys_concern() -> None:
    refused, message = Said(KafkaError.GROUP_AUTHORIZATION_FAILED), Said()
    found: dict[MessagePlace, Any] = dict(kept(refused, refused, message).at({PLACE}))
    assert found == {PLACE: message}


def test_a_topic_without_permission_is_told() -> None:
    with pytest.raises(KafkaException):
        kept(Said(KafkaError.TOPIC_AUTHORIZATION_FAILED)).at({PLACE})


def test_what_is_no_longer_kept_is_not_there() -> None:
    assert kept(Said(KafkaError.OFFSET_OUT_OF_RANGE)).at({PLACE}) == {}
