"""Real input: the publishers' own CSV files, replayed into a real broker, compared with the files themselves."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from playground.broker.process import Broker
from playground.run.settings import CHECKOUT
from spark_jobs.catalog import FEEDS
from spark_jobs.paths import Layout
from tests.analytics.flow.against_reference import assert_equals, reference
from tests.flow.analytics_place import AnalyticsDriver, AnalyticsPlace
from tests.flow.driver import Place
from tests.flow.killings import read_to_the_end
from tests.flow.outcome import assert_each_message_once
from tests.flow.produced import TOPICS, end_offsets, produce, settings_for

BOSTON = CHECKOUT.parent / "shared" / "data" / "boston-2018-12"
EVENTS = {"bike_trips": 60_425, "accidents": 200, "taxi_trips": 79, "weather_data": 330}
REAL_TOPICS = {feed: f"real-{topic}" for feed, topic in TOPICS.items()}

# What feeds.md sections 2 and 7 make of each file's columns, said once more in SQL on the files' texts.
FILES = {
    "bike_trips": "bike-trips.csv.gz",
    "accidents": "accidents.csv",
    "taxi_trips": "taxi-trips.csv",
    "weather_data": "weather-data.csv",
}
EVENT_TIME = {
    "bike_trips": "timezone('America/New_York', starttime::TIMESTAMP)",
    "accidents": "timezone('America/New_York', left(dispatch_ts, 19)::TIMESTAMP)",
    "taxi_trips": "make_timestamptz(time_stamp::BIGINT * 1000)",
    "weather_data": "timezone('UTC', \"DATE\"::TIMESTAMP)",
}
USABLE_SECONDS = {"bike_trips": "CASE WHEN tripduration::BIGINT BETWEEN 1 AND 86400 THEN tripduration::BIGINT END"}
SECONDS_READ = {"bike_trips": "duration_seconds"}
NO_SECONDS = "NULL::BIGINT"


@dataclass(frozen=True)
class Ingested:
    """The files in Kafka, and what the job made of them."""

    place: Place
    ends: dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def boston() -> Path:
    if not BOSTON.is_dir():
        assert os.environ.get("CI") != "true", f"{BOSTON} is missing"
        pytest.skip(f"{BOSTON} is not here: the real data are not part of the project")
    return BOSTON


@pytest.fixture(scope="module")
def ingested(boston: Path, tmp_path_factory: pytest.TempPathFactory, history: Broker) -> Ingested:
    history.create_topics(tuple(REAL_TOPICS.values()))
    place = Place(tmp_path_factory.mktemp("boston"), history.bootstrap_servers, settings_for(REAL_TOPICS))
    _replay(boston, place)
    ends = end_offsets(history.bootstrap_servers, REAL_TOPICS.values())
    assert {topic for topic, offsets in ends.items() if sum(offsets.values())} == set(REAL_TOPICS.values())
    read_to_the_end(place, ends)
    return Ingested(place, ends)


def test_a_month_of_real_boston_ends_in_parquet_and_dead_letters(boston: Path, ingested: Ingested) -> None:
    output = ingested.place.output
    assert_each_message_once(output, ingested.ends, REAL_TOPICS)
    refused = {feed: _reasons(output, feed) for feed in EVENTS}
    print(f"refused: {refused}")
    found = {feed: _from_parquet(output, feed) for feed in EVENTS}
    assert {feed: found[feed][0] + sum(refused[feed].values()) for feed in EVENTS} == EVENTS
    print("\n".join(f"{feed}: events, seconds, first, last = {figures}" for feed, figures in found.items()))
    assert found == {feed: _from_csv(boston, feed) for feed in EVENTS}
    assert not any(refused.values()), "every row of these files has all that it needs"


def test_the_analytics_of_a_month_of_real_boston_equal_the_reference(tmp_path: Path, ingested: Ingested) -> None:
    place, broker = ingested.place, ingested.place.bootstrap_servers
    driver = AnalyticsDriver(AnalyticsPlace(tmp_path, ingested=place.output))
    try:
        driver.wait_until_settled()
        produce(broker, [(REAL_TOPICS["bike_trips"], b"junk")])
        read_to_the_end(place, end_offsets(broker, REAL_TOPICS.values()))
        driver.wait_until_settled()  # a batch of refused messages alone is rolled up
        assert driver.stop() == 0, driver.said()
    finally:
        driver.end()
    assert_equals(driver.layout.root, reference(place.output))


def _replay(data: Path, place: Place) -> None:
    command = [sys.executable, "-m", "playground.replay", str(data), "--speed", "max"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=place.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _figures(event_time: str, seconds: str, source: str) -> tuple[Any, ...]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        figures = f"count(*), sum({seconds})::BIGINT, min({event_time})::VARCHAR, max({event_time})::VARCHAR"
        return connection.execute(f"SELECT {figures} FROM {source}").fetchall()[0]


def _from_csv(data: Path, feed: str) -> tuple[Any, ...]:
    seconds = USABLE_SECONDS.get(feed, NO_SECONDS)
    return _figures(EVENT_TIME[feed], seconds, f"read_csv('{data / FILES[feed]}', header=true, all_varchar=true)")


def _from_parquet(output: Path, feed: str) -> tuple[Any, ...]:
    event_time = next(known.event_time for known in FEEDS if known.name == feed)
    source = f"read_parquet('{Layout(output).dataset(feed)}/**/*.parquet')"
    return _figures(event_time, SECONDS_READ.get(feed, NO_SECONDS), source)


def _reasons(output: Path, feed: str) -> dict[str, int]:
    letters = Layout(output).dead_letters(feed)
    if next(letters.glob("**/*.parquet"), None) is None:
        return {}
    with duckdb.connect() as connection:
        counted = f"SELECT reason, count(*) FROM read_parquet('{letters}/**/*.parquet') GROUP BY ALL ORDER BY ALL"
        return dict(connection.execute(counted).fetchall())
