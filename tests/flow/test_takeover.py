"""Data, logs and documents of v0.1 are taken over at the first start, and not a row is lost or doubled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from bench.backlog import TOPICS, end_offsets
from playground.broker.process import Broker, temporary_broker
from spark_jobs.catalog import ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.request import ask_and_wait
from spark_jobs.settings import settings_from
from tests.analytics.flow.against_reference import assert_equals, reference
from tests.flow.analytics_place import AnalyticsDriver, AnalyticsPlace
from tests.flow.driver import Driver, Place
from tests.flow.outcome import assert_each_message_once
from tests.flow.v01_data import OldData, send, unpacked

Start = Callable[..., Driver]


@dataclass
class OldPlace(Place):
    """The ingestion job on v0.1's outputs."""

    data: OldData | None = None

    @property
    def output(self) -> Path:
        assert self.data is not None
        return self.data.processed


@dataclass
class OldAnalytics(AnalyticsPlace):
    """The analytics job on v0.1's outputs."""

    data: OldData | None = None

    @property
    def output(self) -> Path:
        assert self.data is not None
        return self.data.analytics


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with temporary_broker(tmp_path_factory.mktemp("broker")) as started:
        send(started)
        yield started


@pytest.fixture
def analytics_drivers() -> Iterator[Callable[[AnalyticsPlace], AnalyticsDriver]]:
    started: list[AnalyticsDriver] = []

    def start(place: AnalyticsPlace) -> AnalyticsDriver:
        started.append(AnalyticsDriver(place))
        return started[-1]

    yield start
    for driver in started:
        driver.end()


def places(tmp_path: Path, broker: Broker, **settings: str) -> tuple[OldPlace, OldAnalytics]:
    data = unpacked(tmp_path / "data", broker)
    ingestion = OldPlace(tmp_path / "ingestion", broker.bootstrap_servers, settings, data)
    return ingestion, OldAnalytics(tmp_path / "analytics", ingested=data.processed, data=data)


def events_in_tiles(place: OldAnalytics) -> int:
    folder = Layout(place.output).dataset(ROLLUP)
    with duckdb.connect() as connection:
        count = connection.execute(f"SELECT sum(rental_count) FROM '{folder}/bike_trips/*.parquet'").fetchall()[0][0]
    return int(count)


def test_a_rollup_that_is_ahead_waits_for_ingestion_and_all_goes_on(
    tmp_path: Path, broker: Broker, drivers: Start, analytics_drivers: Callable[[AnalyticsPlace], AnalyticsDriver]
) -> None:
    ingestion, analytics = places(tmp_path, broker)
    before, held = old_rows(ingestion), events_in_tiles(analytics)
    computing = analytics_drivers(analytics)
    computing.wait_until(
        lambda: "ingestion has still to bring 50 messages" in (computing.stream("rollup").get("waits_for") or ""),
        "it says what it waits for",
    )
    assert computing.stream("rollup")["state"] == "waiting"
    assert events_in_tiles(analytics) == held, "what there is stays until then"

    reading = drivers(ingestion)
    ends = end_offsets(broker.bootstrap_servers)
    reading.wait_until_all_is_read(ends)
    computing.wait_until_settled()
    assert computing.stream("rollup")["restarts"] == 0
    assert computing.stop() == 0, computing.said()
    assert reading.stop() == 0, reading.said()
    assert_each_message_once(ingestion.output, ends, TOPICS)
    assert old_rows(ingestion) == before, "what v0.1 ingested is there as it was"
    assert_equals(analytics.output, reference(ingestion.output))


def test_where_kafka_has_lost_what_the_rollup_had_counted_somebody_has_to_confirm_it(
    tmp_path: Path, drivers: Start, analytics_drivers: Callable[[AnalyticsPlace], AnalyticsDriver]
) -> None:
    with temporary_broker(tmp_path / "broker") as broker:
        send(broker)
        ingestion, analytics = places(tmp_path, broker, ON_LOST_MESSAGES="skip")
        forget(broker, "bike-trips")
        reading = drivers(ingestion)
        ends = end_offsets(broker.bootstrap_servers)
        reading.wait_until_all_is_read(ends)
        assert told_loss(reading) == (
            "25 messages of bike-trips 0 (offsets 280 to 304); 25 messages of bike-trips 1 (offsets 279 to 303)"
        )
        assert reading.stop() == 0, reading.said()
    held = events_in_tiles(analytics)
    computing = analytics_drivers(analytics)
    computing.wait_until(lambda: "events that the tiles hold" in waits_for(computing), "it says what is missing")
    assert "2018-11-04: " in waits_for(computing)
    assert events_in_tiles(analytics) == held, "the tiles stay as they are"

    confirmed = {"from": "2018-11-03", "to": "2018-11-04", "confirm": True}
    answer = ask_and_wait("analytics", "rebuild", confirmed, settings_from(analytics.environment()))
    assert answer.state == "done", answer.sentence
    computing.wait_until_settled()
    assert computing.stop() == 0, computing.said()
    assert events_in_tiles(analytics) < held
    assert_equals(analytics.output, reference(ingestion.output))


def waits_for(driver: Driver) -> str:
    return driver.stream("rollup").get("waits_for") or ""


def told_loss(driver: Driver) -> str:
    told = [stream["lost_messages"] for stream in driver.status()["streams"] if stream["name"] == "bike_trips"]
    return "; ".join(filter(None, told))


def forget(broker: Broker, topic: str) -> None:
    """As retention does it: nothing that is there now is kept."""
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    ends = end_offsets(broker.bootstrap_servers)[topic]
    for deleted in client.delete_records([TopicPartition(topic, int(p), end) for p, end in ends.items()]).values():
        deleted.result(30)


def old_rows(place: OldPlace) -> list[tuple[int, int]]:
    """(partition, offset) of the trips that v0.1 ingested."""
    head = PublicationLog(Layout(place.output), "bike_trips").entry(9)
    ends = head.position["bike-trips"]["next_offset"]
    below = " OR ".join(f"(kafka_partition = {p} AND kafka_offset < {end})" for p, end in ends.items())
    folder = Layout(place.output).dataset("bike_trips")
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT kafka_partition, kafka_offset FROM '{folder}/**/*.parquet' WHERE {below} ORDER BY ALL"
        ).fetchall()
