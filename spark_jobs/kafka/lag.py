"""How far a stream is behind Kafka, asked of the broker itself: Spark commits no offsets, and a hung query is mute."""

from collections.abc import Callable, Mapping

from spark_jobs.kafka.offsets import TopicOnBroker

HELD_AFTER_S = 60.0
"""a producer commits within this time, or it has left its transaction open"""


def reached_and_end(next_offset: Mapping[str, int], topic: TopicOnBroker) -> tuple[dict[str, int], dict[str, int]]:
    """Partition -> the first offset that is not read, and the end of what can be; what Kafka dropped is not unread."""
    reached = {str(p): max(next_offset.get(str(p), first), first) for p, first in topic.first.items()}
    return reached, {str(p): end for p, end in topic.end.items()}


class OpenTransactions:
    """Tells where what can be read has ended below the broker's own end, at the same offset, for a minute."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._held_since: dict[tuple[int, int], float] = {}

    def look(self, topic: TopicOnBroker, written: Mapping[int, int]) -> str | None:
        """In a sentence which messages wait. `written`: partition -> end, those of open transactions included."""
        now = self._monotonic()
        held = {(p, end) for p, end in topic.end.items() if written.get(p, end) > end}
        self._held_since = {place: self._held_since.get(place, now) for place in held}
        for (partition, end), since in sorted(self._held_since.items()):
            if now - since >= HELD_AFTER_S:
                return (
                    f"a transaction that a producer left open: {written[partition] - end} offsets of {topic.name} "
                    f"{partition} have not been readable for {now - since:.0f} s"
                )
        return None
