"""How far a stream is behind Kafka, asked of the broker itself: Spark commits no offsets, and a hung query is mute."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from confluent_kafka import Consumer, TopicPartition

from spark_jobs.kafka.offsets import TopicOnBroker
from spark_jobs.runtime.stream_record import Lag

_FETCH_TIMEOUT_S = 3.0
_EARLIEST_MS = datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000
_CLOCKS_MAY_DIFFER_BY = timedelta(hours=24)


def unread(next_offset: Mapping[str, int], topic: TopicOnBroker) -> dict[int, int]:
    """partition -> first unread offset, only where something is unread."""
    position = {p: next_offset.get(str(p), first) for p, first in topic.first.items()}
    return {p: max(offset, topic.first[p]) for p, offset in position.items() if offset < topic.end[p]}


def lag_of(next_offset: Mapping[str, int], topic: TopicOnBroker, oldest: Callable[[dict[int, int]], datetime]) -> Lag:
    waiting = unread(next_offset, topic)
    if not waiting:
        return Lag(0, None)
    return Lag(sum(topic.end[p] - offset for p, offset in waiting.items()), oldest(waiting))


def oldest_of(stamps_ms: Iterable[int], now: datetime) -> datetime:
    """The oldest time; those that producers gave for none (-1, 0, seconds, microseconds) say nothing: now, if any."""
    latest = (now + _CLOCKS_MAY_DIFFER_BY).timestamp() * 1000
    told = [stamp for stamp in stamps_ms if _EARLIEST_MS <= stamp <= latest]
    return datetime.fromtimestamp(min(told) / 1000, UTC) if told else now


class OldestUnread:
    """Reads the Kafka timestamp of the first unread messages of a topic."""

    def __init__(self, bootstrap_servers: str, topic: str, now: Callable[[], datetime]) -> None:
        self._topic = topic
        self._now = now
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "lag-watch",  # required by the client; nothing is ever committed
                "enable.auto.commit": False,
                "queued.max.messages.kbytes": 1024,
                "fetch.message.max.bytes": 65536,
                "log_level": 0,
            }
        )

    def __call__(self, waiting: Mapping[int, int]) -> datetime:
        self._consumer.assign([TopicPartition(self._topic, p, offset) for p, offset in waiting.items()])
        messages = self._consumer.consume(len(waiting), _FETCH_TIMEOUT_S)
        self._consumer.unassign()
        stamps = [message.timestamp()[1] for message in messages if message.error() is None]
        return oldest_of(stamps, self._now())
