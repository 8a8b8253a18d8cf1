"""The topics of a broker."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from playground.run.waiting import wait_until

DEFAULT_TOPICS = ("bike-trips", "taxi-trips", "weather-data", "accidents")


class TopicsError(RuntimeError):
    """A topic cannot be made or used: which, and why."""


def create_missing(admin: AdminClient, topics: tuple[str, ...], partitions: int, timeout_s: float) -> None:
    """Create the topics that do not exist yet and wait for their leaders. Raises: TopicsError."""
    missing = sorted(set(topics) - set(admin.list_topics(timeout=30).topics))
    new = [NewTopic(topic, num_partitions=partitions, replication_factor=1) for topic in missing]
    for topic, created in (admin.create_topics(new) if new else {}).items():
        try:
            created.result()
        except KafkaException as failed:
            raise TopicsError(f"topic {topic} could not be created: {failed.args[0].str()}.") from None
    try:
        wait_until(lambda: all(_has_leader(admin, topic) for topic in topics), "leaders", timeout_s)
    except TimeoutError:
        raise TopicsError(f"topics {', '.join(topics)} did not become usable.") from None


def _has_leader(admin: AdminClient, topic: str) -> bool:
    found = admin.list_topics(topic, timeout=30).topics[topic]
    return found.error is None and all(partition.leader >= 0 for partition in found.partitions.values())
