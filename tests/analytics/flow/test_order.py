"""35 generated days, cell by cell like the reference, whatever order and lateness their events have."""

from datetime import timedelta
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.analytics.flow.against_reference import assert_equals, reference
from tests.analytics.flow.conftest import DAYS, FIRST_DAY
from tests.analytics.flow.feeds import Feeds
from tests.analytics.flow.live import LiveJob

BATCHES = 3
A_DAY = timedelta(days=1)


def delivered(feeds: Feeds, dice: Random) -> dict[str, pa.Array]:
    """When each event comes, s since the epoch: up to 2 days after it happened, and taxis a day after that."""
    behind = {"taxi_trips": A_DAY}
    return {feed: _later(rows[0], behind.get(feed, timedelta()), dice) for feed, rows in feeds.items()}


def _later(instants: pa.ChunkedArray, behind: timedelta, dice: Random) -> pa.Array:
    delays = pa.array([(behind + 2 * A_DAY * dice.random()).total_seconds() for _ in range(len(instants))])
    return pc.add(pc.divide(instants.cast(pa.int64()), 1e6), delays)


def in_batches(feeds: Feeds, arrivals: dict[str, pa.Array]) -> list[Feeds]:
    """The events by arrival; each batch in an order of its own."""
    first, length = FIRST_DAY.timestamp(), (DAYS + 4) * A_DAY.total_seconds() / BATCHES
    batches: list[Feeds] = []
    for number in range(BATCHES):
        begin, end = first + number * length, first + (number + 1) * length
        comes = {feed: pc.and_(pc.greater_equal(at, begin), pc.less(at, end)) for feed, at in arrivals.items()}
        batches.append({feed: rows.filter(comes[feed]) for feed, rows in feeds.items()})
    return batches


@pytest.fixture(scope="module")
def job(history: Feeds, tmp_path_factory: pytest.TempPathFactory) -> LiveJob:
    """The 35 days taken in three batches, with a go of each analytic between."""
    job = LiveJob(tmp_path_factory.mktemp("history"), by_hour=False)
    for batch in in_batches(history, delivered(history, Random(2018))):
        job.take(batch)
        job.tick()
    job.settle()
    return job


def test_shuffled_late_silent_and_doubled_events_give_what_the_reference_gives(job: LiveJob, history: Feeds) -> None:
    assert job.ingested.reached() == {feed: len(rows) for feed, rows in history.items()}
    assert_equals(job.root, reference(job.ingested.root))


def test_the_history_shows_every_weather_score_and_both_sides_of_the_clock_change(job: LiveJob) -> None:
    expected = reference(job.ingested.root)
    windows = expected["weather_transport_correlation"]
    scores = set(pc.unique(windows["avg_weather_score"]).to_pylist()) - {None}
    assert scores >= {20.0, 30.0, *map(float, range(40, 100, 5))}, (
        "no kind of weather makes 25, nobody rides when it is 35, and 100 needs 20 km of sight, which no report tells"
    )
    surge = expected["surge_weather_correlation"]
    assert {"weather_driven", "demand_driven", "no_surge"} <= set(pc.unique(surge["surge_reason"]).to_pylist())
    zones = expected["transport_usage_summary"]
    assert set(zones["hour_of_day"].to_pylist()) == set(range(24))
