"""One generated history for the tests of this folder: parsed once, with its reference."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from playground.generator.stream import Scenario, messages
from tests.analytics.flow.against_reference import reference
from tests.analytics.flow.feeds import parsed_feeds, write_feeds
from tests.analytics.flow.live import Feeds

FIRST_DAY = datetime(2018, 10, 20, tzinfo=UTC)
DAYS = 35
"""with the end of daylight saving time on 4 November"""
SILENT_DAYS = {
    "weather_data": date(2018, 10, 30),
    "bike_trips": date(2018, 11, 1),
    "taxi_trips": date(2018, 11, 4),
    "accidents": date(2018, 11, 6),
}
DOUBLED_DAY = date(2018, 11, 8)


def on_day(rows: pa.Table, day: date) -> pa.Array:
    return pc.equal(pc.cast(rows[0], pa.date32()), pa.scalar(day, pa.date32()))


def _with_gaps_and_doubles(feeds: Feeds) -> dict[str, pa.Table]:
    """Each topic silent for a day of its own, and one whole day of every topic sent twice."""
    changed = {}
    for feed, rows in feeds.items():
        heard = rows.filter(pc.invert(on_day(rows, SILENT_DAYS[feed])))
        changed[feed] = pa.concat_tables([heard, heard.filter(on_day(heard, DOUBLED_DAY))]).combine_chunks()
    return changed


@pytest.fixture(scope="session")
def history() -> Feeds:
    """35 days with late, doubled and swapped messages, silences, and a day of every weather score."""
    sent = messages(seed=3, start=FIRST_DAY, days=DAYS, volume=0.15, defects=0.02, scenario=Scenario.ALL_WEATHER_SCORES)
    return _with_gaps_and_doubles(parsed_feeds(sent))


@pytest.fixture(scope="session")
def history_reference(history: Feeds, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    root: Path = tmp_path_factory.mktemp("feeds")
    write_feeds(dict(history), root)
    return reference(root)


@pytest.fixture(scope="session")
def days(history: Feeds) -> Feeds:
    """Two days, small enough for many goes."""
    end = pa.scalar(FIRST_DAY + timedelta(days=2), pa.timestamp("us", "UTC"))
    return {feed: rows.filter(pc.less(rows[0], end)) for feed, rows in history.items()}


@pytest.fixture(scope="session")
def expected(days: Feeds, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    root = tmp_path_factory.mktemp("days")
    write_feeds(dict(days), root)
    return reference(root)


@pytest.fixture
def dice() -> Random:
    return Random(2018)
