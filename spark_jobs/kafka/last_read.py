"""Whether Kafka still has the last message that was read of each partition.

A broker that loses its newest messages (a power cut, an unclean election, a volume put back) gives their offsets to
others: by offsets alone those would count as read. Brokers do not say so; the time of the last message does.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from spark_jobs.kafka.kept_messages import KeptMessages
from spark_jobs.redrives import MessagePlace

LastRead = Mapping[str, Sequence[int]]
"""partition as text -> [offset, Kafka's timestamp in ms]: the form the log keeps"""


def replaced(topic: str, last_read: LastRead, kept: KeptMessages) -> list[str]:
    """The partitions that have another message where the last one was read. What Kafka no longer keeps is none."""
    return [partition for partition, last in last_read.items() if _is_another(topic, partition, last, kept)]


def first_replaced(topic: str, partition: str, history: Iterable[LastRead], kept: KeptMessages) -> int:
    """The first offset that may have another message than was read there.

    `history`: what was read last after each batch that is known, newest first.
    """
    known = takewhile(lambda last: partition in last, history)
    steps = [last[partition] for last in known][::-1]
    first = bisect_left(steps, True, key=lambda last: _is_another(topic, partition, last, kept))
    return steps[first - 1][0] + 1 if first else steps[0][0]


def _is_another(topic: str, partition: str, last: Sequence[int], kept: KeptMessages) -> bool:
    offset, at = last
    place = MessagePlace(topic, int(partition), offset)
    message = kept.at([place]).get(place)
    return message is not None and message.timestamp()[1] != at
