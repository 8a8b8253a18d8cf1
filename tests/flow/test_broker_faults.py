"""What the broker may do to a running or stopped job: be away, die, lose messages, get partitions and other topics."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from bench.backlog import TOPICS, end_offsets
from bench.publications import ingested
from playground.broker.configuration import BrokerConfig
from playground.broker.process import Broker
from playground.run.ports import free_port
from spark_jobs.catalog import FEEDS
from spark_jobs.diagnosis import START_OVER
from tests.feeds.test_against_reference import mutants
from tests.flow.driver import Driver, Place
from tests.flow.outcome import assert_each_message_once, read_messages
from tests.flow.produced import ANY, Produced, produce

Start = Callable[..., Driver]
NAMES = [feed.name for feed in FEEDS]
MESSAGES = 40
"""of one feed, each time some are produced"""


@dataclass
class Faulty:
    """A broker that tests may mistreat, and all that was ever produced to it."""

    broker: Broker
    produced: Produced = field(default_factory=dict)

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.broker.bootstrap_servers, "log_level": 0})

    def produce(self, feeds: Sequence[str] = NAMES, partition: int = ANY) -> None:
        """More messages of the given feeds, good ones and bad ones."""
        values = [(TOPICS[feed], value) for feed in feeds for value in islice(mutants(feed), MESSAGES)]
        self.produced |= produce(self.broker.bootstrap_servers, values, partition)

    def messages_of(self, feed: str) -> list[tuple[int, int]]:
        return sorted((partition, offset) for topic, partition, offset in self.produced if topic == TOPICS[feed])

    def ends(self) -> dict[str, dict[str, int]]:
        return end_offsets(self.broker.bootstrap_servers)

    def add_partition(self, topic: str) -> int:
        """The new partition's number."""
        number = len(self.admin.list_topics(topic, timeout=60).topics[topic].partitions)
        self.admin.create_partitions([NewPartitions(topic, number + 1)])[topic].result(30)
        self.broker.create_topics()  # waits until every partition has its leader
        return number

    def recreate(self, topic: str) -> None:
        self.admin.delete_topics([topic])[topic].result(30)
        self.broker.create_topics()

    def forget_messages_of(self, topic: str) -> None:
        """As retention does it: nothing that is there now is kept."""
        ends = {TopicPartition(topic, int(partition), end) for partition, end in self.ends()[topic].items()}
        for deleted in self.admin.delete_records(list(ends)).values():
            deleted.result(30)

    def lose_newest_messages_of(self, topic: str) -> None:
        """As a power cut does: the last batch of each partition is not whole, and the next start cuts it off."""
        self.broker.kill()
        for segment in (self.broker.config.folder / "data").glob(f"{topic}-*/*.log"):
            os.truncate(segment, max(0, segment.stat().st_size - 1))
        self.broker.start()


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Faulty]:
    """A broker that is not started yet."""
    broker = Broker(BrokerConfig(tmp_path / "broker", free_port(), heap="256m"))
    yield Faulty(broker)
    broker.stop()


def wait_until_told(driver: Driver, feeds: Sequence[str], sentence: str) -> None:
    """Until every one of the streams says so, on the console and in its status, with a next step."""

    def told() -> bool:
        return all(sentence in (driver.stream(feed).get("last_error") or "") for feed in feeds)

    driver.wait_until(told, f"{feeds} say '{sentence}'")
    for feed in feeds:
        assert driver.stream(feed)["next_step"]
        assert f"{feed} stopped: " in driver.said()
    assert sentence in driver.said()
    assert "Next step: " in driver.said()


def wait_until_read(driver: Driver, ends: dict[str, dict[str, int]], feeds: list[str]) -> None:
    def read() -> bool:
        positions = ingested(driver.place.layout)
        return all(positions.get(TOPICS[feed]) == ends[TOPICS[feed]] for feed in feeds)

    driver.wait_until(read, f"{feeds} are read", timeout_s=240)


def wait_until_state(driver: Driver, feed: str, state: str) -> dict[str, Any]:
    driver.wait_until(lambda: driver.stream(feed).get("state") == state, f"{feed} is {state}")
    return driver.stream(feed)


def test_a_broker_may_come_late_die_and_grow_under_a_running_job(
    tmp_path: Path, faulty: Faulty, drivers: Start
) -> None:
    place = Place(tmp_path, faulty.broker.bootstrap_servers)
    driver = drivers(place)
    wait_until_told(driver, NAMES, f"Kafka at {place.bootstrap_servers} cannot be reached")

    faulty.broker.start()
    for feed, topic in TOPICS.items():
        wait_until_told(driver, [feed], f"the topic {topic} does not exist on {place.bootstrap_servers}")

    faulty.broker.create_topics()
    faulty.produce()
    driver.wait_until_all_is_read(faulty.ends())

    started = driver.processes()
    faulty.broker.kill()
    wait_until_told(driver, NAMES, "cannot be reached")
    faulty.broker.start()
    faulty.produce()
    driver.wait_until_all_is_read(faulty.ends())
    assert driver.processes() == started, "survived without a restart of the job"

    faulty.produce(["taxi_trips"], partition=faulty.add_partition(TOPICS["taxi_trips"]))
    driver.wait_until_all_is_read(faulty.ends())
    assert driver.stop() == 0, driver.said()
    assert_each_message_once(place.output, faulty.ends(), TOPICS)


def test_a_recreated_topic_breaks_its_stream_alone(tmp_path: Path, faulty: Faulty, drivers: Start) -> None:
    place = Place(tmp_path, faulty.broker.bootstrap_servers)
    others = [feed for feed in NAMES if feed != "weather_data"]
    faulty.broker.start()
    faulty.broker.create_topics()
    faulty.produce()
    running = drivers(place)
    running.wait_until_all_is_read(faulty.ends())
    before = messages_of("weather_data", place)

    # At once it holds more than was read of the old one: offsets alone would give nothing away.
    faulty.recreate(TOPICS["weather_data"])
    for _ in range(3):
        faulty.produce(["weather_data"])
    faulty.produce(others)

    weather = wait_until_state(running, "weather_data", "broken")
    assert f"the topic {TOPICS['weather_data']} was recreated" in weather["last_error"]
    assert START_OVER in weather["next_step"]
    wait_until_read(running, faulty.ends(), others)
    assert messages_of("weather_data", place) == before
    assert {feed: running.stream(feed)["restarts"] for feed in others} == dict.fromkeys(others, 0)
    assert running.stop() == 0, running.said()

    lost_messages_and_a_new_partition_are_found_at_the_next_start(place, faulty, drivers)


def lost_messages_and_a_new_partition_are_found_at_the_next_start(place: Place, faulty: Faulty, drivers: Start) -> None:
    crashes, read = TOPICS["accidents"], faulty.ends()
    faulty.lose_newest_messages_of(crashes)
    assert all(end < read[crashes][partition] for partition, end in faulty.ends()[crashes].items())
    for partition in map(int, read[crashes]):
        faulty.produce(["accidents"], partition)
        faulty.produce(["accidents"], partition)
    faulty.produce(["taxi_trips"])
    faulty.forget_messages_of(TOPICS["taxi_trips"])
    faulty.produce(["taxi_trips"])
    faulty.produce(["bike_trips"], partition=faulty.add_partition(TOPICS["bike_trips"]))

    strict = drivers(place)
    taxis = wait_until_state(strict, "taxi_trips", "broken")
    assert f"messages of {TOPICS['taxi_trips']} that were not read yet" in taxis["last_error"]
    assert "ON_LOST_MESSAGES=skip" in taxis["next_step"]
    weather = wait_until_state(strict, "weather_data", "broken")
    assert f"the topic {TOPICS['weather_data']} was recreated" in weather["last_error"]
    accidents = wait_until_state(strict, "accidents", "broken")
    assert f"messages of {crashes} that were read before, and has others in their places" in accidents["last_error"]
    wait_until_read(strict, faulty.ends(), ["bike_trips"])
    assert strict.stop() == 0, strict.said()

    lenient = drivers(replace(place, settings={"ON_LOST_MESSAGES": "skip"}))
    wait_until_read(lenient, faulty.ends(), ["taxi_trips", "accidents"])
    assert f"messages of {crashes} 0 (offsets " in lenient.stream("accidents")["lost_messages"]
    assert lenient.stop() == 0, lenient.said()
    for feed in ("bike_trips", "accidents"):
        assert messages_of(feed, place) == faulty.messages_of(feed), "by their places"
    # 2 x MESSAGES of the taxis were read before or kept, MESSAGES are lost.
    assert len(messages_of("taxi_trips", place)) == len(faulty.messages_of("taxi_trips")) - MESSAGES


def messages_of(feed: str, place: Place) -> list[tuple[int, int]]:
    """(partition, offset) of what readers find of one feed, sorted, duplicates included."""
    return sorted((partition, offset) for name, partition, offset in read_messages(place.output) if name == feed)
