"""The generated events that the tests of this folder take in."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from playground.generator.stream import Scenario, messages
from tests.analytics.flow.feeds import Feeds, parsed_feeds

FIRST_DAY = datetime(2018, 10, 20, tzinfo=UTC)
DAYS = 35
"""with the end of daylight saving time on 4 November"""
DUSK, DAWN = FIRST_DAY + timedelta(hours=14), FIRST_DAY + timedelta(hours=27)
SILENT_DAYS = {
    "weather_data": date(2018, 10, 30),
    "bike_trips": date(2018, 11, 1),
    "taxi_trips": date(2018, 11, 4),
    "accidents": date(2018, 11, 6),
}
DOUBLED_DAY = date(2018, 11, 8)


@pytest.fixture(scope="session", autouse=True)
def _unsynced() -> Iterator[None]:
    """What a power cut would take is not seen here, and ten thousands of small files are written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _handle: None)
        yield


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
def night() -> Feeds:
    """Thirteen hours around a midnight with many kinds of weather, small enough for many goes."""
    sent = messages(seed=3, start=FIRST_DAY, days=2, volume=0.3, defects=0.02, scenario=Scenario.ALL_WEATHER_SCORES)
    begin, end = (pa.scalar(instant, pa.timestamp("us", "UTC")) for instant in (DUSK, DAWN))
    feeds = parsed_feeds(sent)
    at_night = {feed: pc.and_(pc.greater_equal(rows[0], begin), pc.less(rows[0], end)) for feed, rows in feeds.items()}
    return {feed: rows.filter(at_night[feed]).combine_chunks() for feed, rows in feeds.items()}


def part(feeds: Feeds, number: int, of: int) -> dict[str, pa.Table]:
    """Every `of`-th event from `number` on: each part spans the whole time, so all but the first come late."""
    return {feed: rows.take(list(range(number, len(rows), of))) for feed, rows in feeds.items()}


def share(feeds: Feeds, part: float) -> dict[str, int]:
    """The offsets up to which this part of each topic goes."""
    return {feed: round(len(rows) * part) for feed, rows in feeds.items()}


def mixed(feeds: Feeds, dice: Random) -> dict[str, pa.Table]:
    """In any order, so that whatever part of them comes touches all hours."""
    return {feed: rows.take(dice.sample(range(len(rows)), len(rows))) for feed, rows in feeds.items()}


@pytest.fixture
def dice() -> Random:
    return Random(2018)
