"""Where a stream reads on: the log's position, held against what the broker has."""

from dataclasses import asdict

import pytest

from spark_jobs.diagnosis import StreamFault
from spark_jobs.kafka.offsets import Lost, TopicOnBroker, checked_position, origin

HEAD = {"bike-trips": {"topic_id": "A", "next_offset": {"0": 20, "1": 30}}}


def on_broker(
    first: dict[int, int], end: dict[int, int], topic_id: str = "A", name: str = "bike-trips"
) -> TopicOnBroker:
    return TopicOnBroker(name, topic_id, first, end)


def test_a_first_start_reads_from_what_the_broker_keeps() -> None:
    assert origin(on_broker({0: 5, 1: 0}, {0: 9, 1: 9})) == {
        "bike-trips": {"topic_id": "A", "next_offset": {"0": 5, "1": 0}}
    }


def test_the_log_decides_where_to_read_on_and_a_new_partition_starts_at_its_beginning() -> None:
    position, lost = checked_position(HEAD, on_broker({0: 0, 1: 0, 2: 0}, {0: 50, 1: 50, 2: 7}), "stop")
    assert position["bike-trips"]["next_offset"] == {"0": 20, "1": 30, "2": 0}
    assert lost == []


REFUSED = {
    "another id": (on_broker({0: 0, 1: 0}, {0: 50, 1: 50}, topic_id="B"), "was recreated: it has another id"),
    "an end below the log": (on_broker({0: 0, 1: 0}, {0: 19, 1: 50}), "partition 0 ends at 19, but 20 were read"),
    "a partition gone": (on_broker({0: 0}, {0: 50}), "partition 1, which was read before"),
    "messages gone": (on_broker({0: 25, 1: 0}, {0: 50, 1: 50}), "no longer keeps 5 messages of bike-trips"),
    "the first messages of a new partition gone": (
        on_broker({0: 0, 1: 0, 2: 3}, {0: 50, 1: 50, 2: 7}),
        "no longer keeps 3 messages of bike-trips that were not read yet: partition 2 was read to 0",
    ),
    "another topic": (on_broker({0: 0}, {0: 50}, name="other"), "written from another topic than other"),
}


@pytest.mark.parametrize(("topic", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_the_broker_cannot_give_is_told_and_needs_a_person(topic: TopicOnBroker, sentence: str) -> None:
    with pytest.raises(StreamFault, match=sentence) as refused:
        checked_position(HEAD, topic, "stop")
    assert not refused.value.diagnosis.retryable
    assert refused.value.diagnosis.next_step


def test_lost_messages_are_skipped_where_the_setting_says_so_and_told_in_words() -> None:
    position, lost = checked_position(HEAD, on_broker({0: 25, 1: 90}, {0: 50, 1: 90}), "skip")
    assert position["bike-trips"]["next_offset"] == {"0": 25, "1": 90}
    assert lost == [Lost("bike-trips", "0", 20, 25), Lost("bike-trips", "1", 30, 90)]
    assert str(lost[0]) == "5 messages of bike-trips 0 (offsets 20 to 24)"
    assert Lost(**asdict(lost[0])) == lost[0], "as an entry of the log keeps it"


@pytest.mark.parametrize("name", [name for name in REFUSED if "messages" not in name])
def test_nothing_else_is_skipped(name: str) -> None:
    topic, sentence = REFUSED[name]
    with pytest.raises(StreamFault, match=sentence):
        checked_position(HEAD, topic, "skip")
