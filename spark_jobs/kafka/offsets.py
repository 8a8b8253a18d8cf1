"""Where a stream stands in Kafka, and where it starts: the log decides, the broker is asked, Spark is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicDescription  # type: ignore[attr-defined]
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.diagnosis import START_OVER, StreamFault

EARLIEST = -2
"""Spark's and Kafka's word for 'the first message that is kept'"""
_REQUEST_TIMEOUT_S = 10.0

Position = Mapping[str, Any]
"""topic -> {"topic_id": ..., "next_offset": {partition as text: offset}}: the form the log keeps"""


@dataclass(frozen=True)
class TopicOnBroker:
    """What the broker holds of one topic: offsets [first, end) per partition."""

    name: str
    topic_id: str
    first: Mapping[int, int]
    end: Mapping[int, int]


def broker_client(bootstrap_servers: str) -> AdminClient:
    """A client for questions about topics. It connects when asked something, not before."""
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0, "socket.timeout.ms": 10_000})


def topic_id_on_broker(client: AdminClient, bootstrap_servers: str, topic: str) -> str:
    """The id of the topic that has this name now. StreamFault where it is missing or nobody answers."""
    try:
        return str(_described(client, topic).topic_id)
    except KafkaException as failure:
        raise _explained(failure, bootstrap_servers, topic) from failure


def topic_on_broker(client: AdminClient, bootstrap_servers: str, topic: str) -> TopicOnBroker:
    """The topic as the broker has it now. StreamFault where it is missing or nobody answers."""
    try:
        described = _described(client, topic)
        partitions = [TopicPartition(topic, partition.id) for partition in described.partitions]
        return TopicOnBroker(
            topic,
            str(described.topic_id),
            _offsets(client, partitions, OffsetSpec.earliest()),  # type: ignore[no-untyped-call]
            _offsets(client, partitions, OffsetSpec.latest()),  # type: ignore[no-untyped-call]
        )
    except KafkaException as failure:
        raise _explained(failure, bootstrap_servers, topic) from failure


def _described(client: AdminClient, topic: str) -> TopicDescription:
    answers = client.describe_topics(TopicCollection([topic]), request_timeout=_REQUEST_TIMEOUT_S)
    described: TopicDescription = answers[topic].result()
    return described


def _offsets(client: AdminClient, partitions: Sequence[TopicPartition], spec: OffsetSpec) -> dict[int, int]:
    asked = client.list_offsets(
        dict.fromkeys(partitions, spec),
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=_REQUEST_TIMEOUT_S,
    )
    return {partition.partition: future.result().offset for partition, future in asked.items()}


def _explained(failure: KafkaException, bootstrap_servers: str, topic: str) -> StreamFault:
    error: KafkaError = failure.args[0]
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return StreamFault(
            f"the topic {topic} does not exist on {bootstrap_servers}",
            f"create {topic} or correct its KAFKA_TOPIC_ setting; the stream tries again by itself",
            external=True,
        )
    return StreamFault(
        f"Kafka at {bootstrap_servers} cannot be reached ({error.str()})",
        "check that the broker runs and that KAFKA_BOOTSTRAP_SERVERS names it; the stream tries again by itself",
        external=True,
    )


def origin(topics: Sequence[TopicOnBroker]) -> Position:
    """The position of a stream that has read nothing: the first message that each partition keeps."""
    return position_of(topics, {topic.name: topic.first for topic in topics})


def position_of(topics: Sequence[TopicOnBroker], next_offset: Mapping[str, Mapping[int, int]]) -> Position:
    return {
        topic.name: {
            "topic_id": topic.topic_id,
            "next_offset": {str(partition): next_offset[topic.name][partition] for partition in sorted(topic.first)},
        }
        for topic in topics
    }


def checked_position(
    head: Position, topics: Sequence[TopicOnBroker], on_lost_messages: Literal["stop", "skip"]
) -> Position:
    """Where to read on: the log's position, new partitions from their start. StreamFault where Kafka cannot give it."""
    return {topic.name: _checked_topic(head.get(topic.name), topic, on_lost_messages) for topic in topics}


def _checked_topic(
    known: Mapping[str, Any] | None, topic: TopicOnBroker, on_lost_messages: Literal["stop", "skip"]
) -> Mapping[str, Any]:
    if known is None:
        raise StreamFault(
            f"the log was written from another topic than {topic.name}",
            f"set the KAFKA_TOPIC_ setting back, or choose a new output path, or {START_OVER}",
            retryable=False,
        )
    refuse_other_topic_id(topic.name, known["topic_id"], topic.topic_id)
    next_offset = {}
    for partition, first in sorted(topic.first.items()):
        reached = known["next_offset"].get(str(partition), first)
        if reached > topic.end[partition]:
            raise _recreated(
                topic.name,
                f"partition {partition} ends at {topic.end[partition]}, but {reached} messages were read before",
            )
        if reached < first:
            if on_lost_messages == "stop":
                raise _lost(topic, partition, reached, first)
            reached = first
        next_offset[str(partition)] = reached
    missing = sorted(set(known["next_offset"]) - set(next_offset))
    if missing:
        raise _recreated(topic.name, f"partition {missing[0]}, which was read before, does not exist any more")
    return {"topic_id": topic.topic_id, "next_offset": next_offset}


def refuse_other_topic_id(topic: str, known: str, now: str) -> None:
    if known != now:
        raise _recreated(topic, "it has another id than the one that was read before")


def _recreated(topic: str, evidence: str) -> StreamFault:
    return StreamFault(
        f"the topic {topic} was recreated: {evidence}",
        f"if its messages are a new history, {START_OVER}; "
        "if the wrong broker answers, correct KAFKA_BOOTSTRAP_SERVERS",
        retryable=False,
    )


def _lost(topic: TopicOnBroker, partition: int, reached: int, first: int) -> StreamFault:
    return StreamFault(
        f"Kafka no longer keeps {first - reached} messages of {topic.name} that were not read yet: partition "
        f"{partition} was read to {reached}, the broker keeps {first} and later (its retention was too short)",
        "set ON_LOST_MESSAGES=skip to go on with what is kept, and raise the topic's retention",
        retryable=False,
    )


def end_offsets(position: Position) -> dict[str, dict[str, int]]:
    """The position in the form of Spark's offsets: topic -> partition -> next offset."""
    return {topic: dict(state["next_offset"]) for topic, state in position.items()}


def kafka_messages(
    spark: SparkSession, bootstrap_servers: str, start: Mapping[str, Mapping[str, int]], most_per_trigger: int
) -> DataFrame:
    """The stream of messages of all topics in `start`, from there on, with the columns that the parsing takes."""
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap_servers)
        .option("subscribe", ",".join(sorted(start)))
        .option("startingOffsets", json.dumps(start))
        .option("maxOffsetsPerTrigger", most_per_trigger)
        .option("failOnDataLoss", "true")  # a loss is found and explained by checked_position at the restart
        .option("kafka.default.api.timeout.ms", 20_000)
        .option("fetchOffset.numRetries", 1)  # the client itself tries for so long; then the status is to say why
        .option("kafka.request.timeout.ms", 15_000)
        .option("kafkaConsumer.pollTimeoutMs", 30_000)
        # Spark asks the broker for both ends of the partition at every poll. Of 500 records, as by default, that was a
        # tenth of all CPU in a backlog.
        .option("kafka.max.poll.records", 5_000)
        .load()
    )
    return messages.select(
        "value",
        "topic",
        F.col("timestamp").alias("kafka_timestamp"),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
    )
