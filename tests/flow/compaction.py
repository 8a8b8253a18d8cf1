"""Hours of many files, a live job that compacts them, and a reader that counts in a loop meanwhile."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from playground.broker.process import Broker
from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.requests import Answer, Request
from spark_jobs.publication.commit import PublicationLog
from tests.flow.driver import Driver, Place
from tests.flow.produced import produce, topic_id
from tests.maintenance.live_feed import BIKES, TOPIC, LiveFeed, trip

EVENTS_A_FILE = 10
_FIRST = datetime(2018, 1, 15, tzinfo=UTC)
_LATER = "2018-03-01 12:00:00"


@dataclass
class Readings:
    """What the reader found. Undisturbed: no entry came or was being applied while it read."""

    right: int = 0
    wrong: int = 0
    failed: int = 0
    bad_undisturbed: list[str] = field(default_factory=list)


def hours_of_many_files(broker: Broker, place: Place, hours: int, files: int) -> LiveFeed:
    """Written as the job's tasks write them, from messages that Kafka has; the topic has one partition."""
    feed = LiveFeed(place.output, topic_id(broker.bootstrap_servers, TOPIC))
    for hour in range(hours):
        values = [_trip(hour, file) for file in range(files) for _ in range(EVENTS_A_FILE)]
        produce(broker.bootstrap_servers, ((TOPIC, value) for value in values), partition=0)
        feed.take_in_pieces(values, files)
    for folder in feed.layout.dataset(BIKES.name).glob("**/hour=*"):
        os.utime(folder, (0, 0))
    return feed


def _trip(hour: int, file: int) -> bytes:
    return trip(f"{_FIRST + timedelta(hours=hour, seconds=file):%Y-%m-%d %H:%M:%S}", bikeid=file)


def compacted_while_reading(place: Place, feed: LiveFeed, driver: Driver) -> tuple[Answer, Readings]:
    """Ask, and read until it is done; messages for another hour keep the batches coming."""
    rows, readings = feed.next_offset(), Readings()
    at = datetime.now(UTC)
    request = Request(requests.new_id(requests.COMPACTION, at), requests.COMPACTION, iso(at))
    requests.ask(feed.layout, request)
    for answer in _answers(feed, request, driver):
        _read(feed, rows, readings)
        produce(place.bootstrap_servers, [(TOPIC, trip(_LATER))], partition=0)
        if answer is not None and answer.is_final:
            return answer, readings
    raise AssertionError("unreachable")


def _answers(feed: LiveFeed, request: Request, driver: Driver) -> Iterator[Answer | None]:
    while driver.process.poll() is None:
        yield requests.answer_to(feed.layout, request.id)
    raise AssertionError(f"the job ended:\n{driver.said()}")


def _read(feed: LiveFeed, rows: int, readings: Readings) -> None:
    before = _newest_applied(feed)
    query = f"SELECT count(*) FROM '{feed.layout.dataset(BIKES.name)}/**/*.parquet' WHERE kafka_offset < {rows}"
    try:
        with duckdb.connect() as connection:
            found = str(connection.execute(query).fetchall()[0][0])
    except duckdb.IOException as gone:
        found = str(gone)
        readings.failed += 1
    else:
        readings.right += found == str(rows)
        readings.wrong += found != str(rows)
    if found != str(rows) and before is not None and before == _newest_entry(feed):
        readings.bad_undisturbed.append(found)


def _newest_entry(feed: LiveFeed) -> int:
    return max(PublicationLog(feed.layout, BIKES.name).seqs())


def _newest_applied(feed: LiveFeed) -> int | None:
    newest = _newest_entry(feed)
    return newest if PublicationLog(feed.layout, BIKES.name).applied_up_to() == newest else None


def mixed_ms(folder: Path) -> float:
    """How long the new file and an old one were both there, as the file system has it.

    Moving the file in sets its change time, taking the last old one out sets the folder's modification time.
    """
    (file,) = folder.glob("*.parquet")
    return (folder.stat().st_mtime_ns - file.stat().st_ctime_ns) / 1e6


def hour_folders(feed: LiveFeed) -> list[Path]:
    """Those that were there at first."""
    return sorted(feed.layout.dataset(BIKES.name).glob("year=2018/month=1/*/hour=*"))
