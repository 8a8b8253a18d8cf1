"""A refused message sent again, from a real broker to its row: the sender dies at it, and the event is there once."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from bench.backlog import end_offsets
from playground.broker.process import Broker, temporary_broker
from playground.run.settings import CHECKOUT
from playground.run.waiting import wait_until
from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.identity import claim
from spark_jobs.documents.requests import Request
from spark_jobs.feeds.refusals import RedriveRefusal, Refusal
from spark_jobs.kafka.connection import Connection
from spark_jobs.kafka.kept_messages import kept_messages
from spark_jobs.redrives import MessagePlace
from tests.feeds.kafka_messages import KAFKA_TIME
from tests.flow.driver import Driver, Place
from tests.flow.produced import topic_id
from tests.maintenance.live_feed import BIKES, TOPIC, LiveFeed, trip

Start = Callable[..., Driver]
VALUE = trip("2018-01-15 09:00:00", bikeid=7)
SENT_AT_MS = int(KAFKA_TIME.timestamp() * 1000)
OLD, BEFORE = Refusal.THE_EVENT_TIME_IS_UNREADABLE, RedriveRefusal.THE_ORIGINAL_WAS_REDRIVEN_BEFORE


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with temporary_broker(tmp_path, partitions=2) as started:
        yield started


def test_a_refused_message_becomes_a_row_once_although_its_sender_dies(
    tmp_path: Path, broker: Broker, drivers: Start
) -> None:
    place = Place(tmp_path, broker.bootstrap_servers)
    send(broker, headers=[("trace", b"a-1")])
    feed = LiveFeed(place.output, topic_id(broker.bootstrap_servers, TOPIC))
    feed.refuse([VALUE], OLD)
    claim(place.output, "ingestion", now())

    # Job off: what would happen, then the real thing, by somebody who is killed before the answer.
    assert "dry run: 1 would be accepted" in asked_by_hand(place)
    assert end_offsets(broker.bootstrap_servers)[TOPIC] == {"0": 1, "1": 0}
    request = Request(
        requests.new_id(requests.REDRIVE, now()), requests.REDRIVE, iso(now()), {"stream": BIKES.name, "dry_run": False}
    )
    requests.ask(feed.layout, request)
    killed_after_sending(place)
    assert end_offsets(broker.bootstrap_servers)[TOPIC] == {"0": 2, "1": 0}

    # The job finds the request, and both copies or one; then somebody sends one more, and one that names nothing.
    driver = drivers(place)
    driver.wait_until(lambda: is_done(feed, request), "the request is done again")
    for header in (f"{TOPIC}/0/0".encode(), b"\xff"):
        send(broker, headers=[("redrive-of", header)])
    driver.wait_until_all_is_read(end_offsets(broker.bootstrap_servers))
    assert driver.stop() == 0, driver.said()

    assert feed.offsets() == [1]
    ((_, *first), *more) = outcomes(place)
    assert first == [0, 1, "accepted"]
    assert {tuple(one[1:]) for one in more} == {(0, offset, BEFORE) for offset in range(2, 2 + len(more))}
    places = [MessagePlace(TOPIC, 0, offset) for offset in (0, 1, 50, 5_000)]
    with kept_messages(Connection(broker.bootstrap_servers)) as kept:
        found = kept.at(places)
    assert list(found) == places[:2], "of what Kafka does not keep there is nothing"
    copy = found[places[1]]
    assert (copy.value(), copy.key(), copy.timestamp()[1]) == (VALUE, b"a-key", SENT_AT_MS)
    assert copy.headers() == [("trace", b"a-1"), ("redrive-of", b"bike-trips/0/0")]

    # What the broker does not take is told, and fails.
    feed.refuse([VALUE], OLD)
    broker_takes_no_message(broker)
    said = asked_by_hand(place, "dry_run=false", exit_code=1)
    assert "2 not taken by the broker (Broker: Message size too large)" in said


def now() -> datetime:
    return datetime.now(UTC)


def send(broker: Broker, headers: list[tuple[str, str | bytes | None]]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    producer.produce(TOPIC, VALUE, b"a-key", 0, timestamp=SENT_AT_MS, headers=headers)
    assert producer.flush(120) == 0


def asked_by_hand(place: Place, *more: str, exit_code: int = 0) -> str:
    command = [sys.executable, "-m", "spark_jobs.request", "ingestion", "redrive", f"stream={BIKES.name}", *more]
    done = subprocess.run(command, cwd=CHECKOUT, env=place.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


def broker_takes_no_message(broker: Broker) -> None:
    limit = ConfigEntry("max.message.bytes", "10", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[limit])
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    (answer,) = client.incremental_alter_configs([topic]).values()
    answer.result(30)


def killed_after_sending(place: Place) -> None:
    marker = place.folder / "sent"
    pause = {"STREAMS_PAUSE_AT": f"{BIKES.name}:sent again:1", "STREAMS_PAUSE_FILE": str(marker)}
    command = [sys.executable, "-m", "spark_jobs.run_requests", "ingestion"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=place.environment() | pause) as sender:
        wait_until(lambda: marker.exists() or None, "it has sent", 60)
        sender.kill()


def is_done(feed: LiveFeed, request: Request) -> bool:
    answer = requests.answer_to(feed.layout, request.id)
    return answer is not None and answer.state == requests.DONE and answer.begun == 2


def outcomes(place: Place) -> list[tuple[object, ...]]:
    """As docs/operate.md has it."""
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT original_topic, original_offset, kafka_offset, outcome "
            f"FROM read_parquet('{place.output}/_redriven/*/*/data.parquet') ORDER BY kafka_offset"
        ).fetchall()
