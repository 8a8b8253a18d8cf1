"""What is unread, and what nobody can read, by the offsets that the broker tells."""

import pytest

from spark_jobs.kafka.lag import HELD_AFTER_S, OpenTransactions, reached_and_end
from spark_jobs.kafka.offsets import TopicOnBroker
from spark_jobs.runtime.looks import unread
from tests.monotonic import Seconds


def on_broker(first: dict[int, int], end: dict[int, int]) -> TopicOnBroker:
    return TopicOnBroker("bike-trips", "A", first, end)


LAGS = {
    "something in each partition": ({"0": 20, "1": 30}, {0: 0, 1: 0}, {0: 25, 1: 35}, 10),
    "nothing": ({"0": 25, "1": 35}, {0: 0, 1: 0}, {0: 25, 1: 35}, 0),
    "a partition that is new is unread from its first message on": ({"0": 25}, {0: 0, 1: 3}, {0: 25, 1: 7}, 4),
    "what Kafka dropped is not unread": ({"0": 2}, {0: 20}, {0: 25}, 5),
    "a topic that was recreated has no less than nothing": ({"0": 25}, {0: 0}, {0: 3}, 0),
}


@pytest.mark.parametrize(("read", "first", "end", "count"), LAGS.values(), ids=LAGS)
def test_what_is_unread(read: dict[str, int], first: dict[int, int], end: dict[int, int], count: int) -> None:
    assert unread(*reached_and_end(read, on_broker(first, end))) == count


def test_a_transaction_that_stays_open_is_told_after_a_minute_and_forgotten_once_it_is_over() -> None:
    clock = Seconds()
    transactions = OpenTransactions(clock)
    topic, held = on_broker({0: 0, 1: 0}, {0: 20, 1: 7}), {0: 25, 1: 7}
    assert transactions.look(topic, held) is None
    clock.go_on(HELD_AFTER_S)
    told = transactions.look(topic, held)
    assert told is not None
    assert "5 offsets of bike-trips 0 have not been readable for 60 s" in told
    assert transactions.look(on_broker({0: 0, 1: 0}, {0: 25, 1: 7}), held) is None


def test_transactions_that_follow_each_other_hold_nobody() -> None:
    clock = Seconds()
    transactions = OpenTransactions(clock)
    for end in range(0, 100, 10):
        assert transactions.look(on_broker({0: 0}, {0: end}), {0: end + 5}) is None
        clock.go_on(HELD_AFTER_S / 2)
