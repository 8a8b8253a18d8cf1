"""Requests to the real job, from a real broker: one run that compacts, cleans up, resets and starts over."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.backlog import end_offsets
from playground.broker.process import Broker, temporary_broker
from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.requests import Answer, Request
from tests.flow.compaction import EVENTS_A_FILE, compacted_while_reading, hour_folders, hours_of_many_files
from tests.flow.driver import Driver, Place
from tests.flow.produced import produce
from tests.maintenance.live_feed import BIKES, TOPIC, LiveFeed, trip

HOURS, FILES = 3, 30
Start = Callable[..., Driver]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with temporary_broker(tmp_path, partitions=1) as started:
        yield started


def answered(feed: LiveFeed, driver: Driver, kind: str, **arguments: Any) -> Answer:
    at = datetime.now(UTC)
    request = Request(requests.new_id(kind, at), kind, iso(at), arguments)
    requests.ask(feed.layout, request)
    found: list[Answer] = []

    def is_answered() -> bool:
        answer = requests.answer_to(feed.layout, request.id)
        found[:] = [answer] if answer is not None and answer.is_final else []
        return bool(found)

    driver.wait_until(is_answered, f"{kind} is answered")
    return found[0]


def test_a_live_job_compacts_under_a_reader_cleans_up_resets_and_starts_over(
    tmp_path: Path, broker: Broker, drivers: Start
) -> None:
    place = Place(tmp_path, broker.bootstrap_servers, {"COMPACTION_AFTER": "1 minute"})
    feed = hours_of_many_files(broker, place, HOURS, FILES)
    somebody_elses = place.checkpoints / "no_stream" / "offsets" / "0"
    aside = place.checkpoints / "bike_trips.set-aside-1" / "metadata"  # as v0.1 left them
    for file in (somebody_elses, aside):
        file.parent.mkdir(parents=True)
        file.touch()
    driver = drivers(place)
    driver.wait_until(driver.is_running, "it runs")
    driver.wait_until_all_is_read(end_offsets(broker.bootstrap_servers))

    # Compaction: one file an hour, the same rows, and right for every reader between two log entries.
    answer, readings = compacted_while_reading(place, feed, driver)
    print(answer.sentence, readings)
    assert answer.state == "done", answer.sentence
    assert [len(list(folder.glob("*.parquet"))) for folder in hour_folders(feed)] == [1] * HOURS
    assert readings.bad_undisturbed == []
    assert readings.right > 0
    driver.wait_until_all_is_read(end_offsets(broker.bootstrap_servers))
    offsets = feed.offsets()
    assert offsets == list(range(len(offsets)))
    assert len(offsets) > HOURS * FILES * EVENTS_A_FILE, "the batches went on"

    # Clean-up: what it says it would remove, it removes, and nothing of a live stream.
    planned = answered(feed, driver, requests.CLEANUP, dry_run=True)
    assert aside.exists()
    done = answered(feed, driver, requests.CLEANUP)
    assert [line["path"] for line in planned.report if line["what"] == "checkpoint"] == [str(aside.parent)]
    assert done.state == "done"
    assert not aside.exists()
    assert somebody_elses.exists()
    (checkpoint,) = (place.checkpoints / BIKES.name).iterdir()
    assert (checkpoint / "metadata").exists()

    # Reset: a new checkpoint, the same content, and the other streams undisturbed.
    assert answered(feed, driver, requests.RESET, stream=BIKES.name).state == "done"
    produce(broker.bootstrap_servers, [(TOPIC, trip("2018-03-01 12:00:00"))], partition=0)
    driver.wait_until_all_is_read(end_offsets(broker.bootstrap_servers))
    (anew,) = (place.checkpoints / BIKES.name).iterdir()
    assert anew != checkpoint

    # Start over: refused without the name, then everything once more from Kafka.
    assert answered(feed, driver, requests.START_OVER, stream=BIKES.name).state == "refused"
    assert answered(feed, driver, requests.START_OVER, stream=BIKES.name, confirm=BIKES.name).state == "done"
    driver.wait_until_all_is_read(end_offsets(broker.bootstrap_servers))
    assert feed.offsets() == list(range(end_offsets(broker.bootstrap_servers)[TOPIC]["0"]))
    assert [stream["restarts"] for stream in driver.status()["streams"]] == [0, 0, 0, 0]
    assert driver.stop() == 0, driver.said()
