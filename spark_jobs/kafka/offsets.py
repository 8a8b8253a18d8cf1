"""Where a feed stands in Kafka, and where it starts: as the log says, if the broker still has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec, TopicDescription  # type: ignore[attr-defined]

from spark_jobs.diagnosis import NO_KAFKA, OF_A_SECURED_KAFKA, START_OVER, StreamFault, known_cause
from spark_jobs.kafka.broker_client import BrokerClient, Session
from spark_jobs.kafka.connection import Connection

EARLIEST = -2
"""Spark's and Kafka's word for 'the first message that is kept'"""
_REQUEST_TIMEOUT_S = 10.0

_GO_ON_BEHIND = (
    "set ON_LOST_MESSAGES=skip to go on with what comes after the last one that was read (docs/troubleshoot.md, "
    f"'Kafka has lost messages that were read'), or {START_OVER}"
)

FeedPosition = Mapping[str, Any]
"""topic -> {"topic_id": ..., "next_offset": {partition as text: offset}, "last_read": LastRead}: as the log keeps it"""


@dataclass(frozen=True)
class TopicOnBroker:
    """What the broker holds of one topic: offsets [first, end) per partition."""

    name: str
    topic_id: str
    first: Mapping[int, int]
    end: Mapping[int, int]


def topic_id_on_broker(broker: BrokerClient, topic: str) -> str:
    """The id of the topic that has this name now. StreamFault where it is missing or nobody answers."""
    try:
        return str(_described(broker.session(), topic).topic_id)
    except KafkaException as failure:
        raise _explained(failure, broker.connection, topic) from failure


def topic_on_broker(broker: BrokerClient, topic: str) -> TopicOnBroker:
    """The topic as the broker has it now. StreamFault where it is missing or nobody answers."""
    try:
        session = broker.session()
        described = _described(session, topic)
        partitions = [TopicPartition(topic, partition.id) for partition in described.partitions]
        return TopicOnBroker(
            topic,
            str(described.topic_id),
            _offsets(session, partitions, OffsetSpec.earliest()),  # type: ignore[no-untyped-call]
            _offsets(session, partitions, OffsetSpec.latest()),  # type: ignore[no-untyped-call]
        )
    except KafkaException as failure:
        raise _explained(failure, broker.connection, topic) from failure


def written_ends(broker: BrokerClient, topic: TopicOnBroker) -> dict[int, int]:
    """Partition -> its end, with the messages of open transactions, which nobody can read yet."""
    partitions = [TopicPartition(topic.name, partition) for partition in topic.end]
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    return _offsets(broker.session(), partitions, latest, IsolationLevel.READ_UNCOMMITTED)


def _described(session: Session, topic: str) -> TopicDescription:
    asked = session.client.describe_topics(TopicCollection([topic]), request_timeout=_REQUEST_TIMEOUT_S)
    described: TopicDescription = session.answers(asked)[topic]
    return described


def _offsets(
    session: Session,
    partitions: Sequence[TopicPartition],
    spec: OffsetSpec,
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[int, int]:
    asked = session.client.list_offsets(
        dict.fromkeys(partitions, spec), isolation_level=isolation, request_timeout=_REQUEST_TIMEOUT_S
    )
    return {partition.partition: found.offset for partition, found in session.answers(asked).items()}


def _explained(failure: KafkaException, connection: Connection, topic: str) -> StreamFault:
    error: KafkaError = failure.args[0]
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return StreamFault(
            f"the topic {topic} does not exist on {connection}",
            f"create {topic} or correct its KAFKA_TOPIC_ setting; the stream tries again by itself",
            external=True,
        )
    if cause := known_cause(f"{error.name()} {error.str()}", OF_A_SECURED_KAFKA):
        told = f"{cause.message}, asked at {connection} about {topic}: {error.str()}"
        return StreamFault.of(replace(cause, message=told))
    return StreamFault(
        f"Kafka at {connection} cannot be reached ({error.str()})",
        NO_KAFKA.diagnosis.next_step,
        external=True,
    )


@dataclass(frozen=True)
class Lost:
    """Messages that Kafka no longer had when they were to be read: offsets [first, end) of one partition."""

    topic: str
    partition: str
    first: int
    end: int

    def __str__(self) -> str:
        count, last = self.end - self.first, self.end - 1
        return f"{count} messages of {self.topic} {self.partition} (offsets {self.first} to {last})"


def origin(topic: TopicOnBroker) -> FeedPosition:
    """The position of a stream that has read nothing: the first message that each partition keeps."""
    next_offset = {str(partition): first for partition, first in sorted(topic.first.items())}
    return {topic.name: {"topic_id": topic.topic_id, "next_offset": next_offset}}


def checked_position(
    head: FeedPosition,
    topic: TopicOnBroker,
    on_lost_messages: Literal["stop", "skip"],
    replaced: Mapping[str, int] = MappingProxyType({}),
) -> tuple[FeedPosition, list[Lost]]:
    """Where to read on, new partitions from their start, and what is skipped for it.

    `replaced`: partition -> the first offset that may have another message than was read there (`last_read`).
    Raises: StreamFault where Kafka cannot give it: another topic, a recreated one, or messages that are lost.
    """
    known = head.get(topic.name)
    if known is None:
        raise StreamFault(
            f"the log was written from another topic than {topic.name}",
            f"set the KAFKA_TOPIC_ setting back, or choose a new output path, or {START_OVER}",
            retryable=False,
        )
    _refuse_other_id(topic.name, known["topic_id"], topic.topic_id)
    next_offset, lost = {}, []
    for partition, first in sorted(topic.first.items()):
        reached = known["next_offset"].get(str(partition), 0)  # the origin names all that there were: it is new
        if reached > topic.end[partition]:
            raise _cut_back(topic, partition, reached, is_skipped=on_lost_messages == "skip")
        if str(partition) in replaced:
            if on_lost_messages == "stop":
                raise _replaced(topic, partition, reached)
            lost.append(Lost(topic.name, str(partition), replaced[str(partition)], reached))
        if reached < first:
            if on_lost_messages == "stop":
                raise _lost(topic, partition, reached, first)
            lost.append(Lost(topic.name, str(partition), reached, first))
        next_offset[str(partition)] = max(reached, first)
    missing = sorted(set(known["next_offset"]) - set(next_offset))
    if missing:
        raise _recreated(topic.name, f"partition {missing[0]}, which was read before, does not exist any more")
    last_read = {partition: last for partition, last in known.get("last_read", {}).items() if partition not in replaced}
    return {topic.name: {**known, "next_offset": next_offset, "last_read": last_read}}, lost


def refuse_recreated(broker: BrokerClient, topic: str, known_id: str) -> None:
    """Raise StreamFault where this name is that of another topic by now: its offsets name other messages."""
    _refuse_other_id(topic, known_id, topic_id_on_broker(broker, topic))


def _refuse_other_id(topic: str, known: str, now: str) -> None:
    if known != now:
        raise _recreated(topic, "it has another id than the one that was read before")


def _recreated(topic: str, evidence: str) -> StreamFault:
    return StreamFault(
        f"the topic {topic} was recreated: {evidence}",
        f"if its messages are a new history, {START_OVER}; "
        "if the wrong broker answers, correct KAFKA_BOOTSTRAP_SERVERS",
        retryable=False,
    )


def _cut_back(topic: TopicOnBroker, partition: int, reached: int, is_skipped: bool) -> StreamFault:
    """The topic is the same, by its id."""
    step = (
        "it goes on behind them once the topic has grown beyond, and says what was lost"
        if is_skipped
        else f"correct KAFKA_BOOTSTRAP_SERVERS if the wrong broker answers; else {_GO_ON_BEHIND}"
    )
    return StreamFault(
        f"Kafka has lost messages of {topic.name} that were read before: partition {partition} ends at "
        f"{topic.end[partition]}, but {reached} were read",
        step,
        retryable=is_skipped,
        external=is_skipped,
    )


def _replaced(topic: TopicOnBroker, partition: int, reached: int) -> StreamFault:
    return StreamFault(
        f"Kafka has lost messages of {topic.name} that were read before, and has others in their places: those of "
        f"partition {partition} below offset {reached} were not read",
        _GO_ON_BEHIND,
        retryable=False,
    )


def _lost(topic: TopicOnBroker, partition: int, reached: int, first: int) -> StreamFault:
    return StreamFault(
        f"Kafka no longer keeps {first - reached} messages of {topic.name} that were not read yet: partition "
        f"{partition} was read to {reached}, the broker keeps {first} and later (its retention was too short)",
        "set ON_LOST_MESSAGES=skip to go on with what is kept, and raise the topic's retention",
        retryable=False,
    )
