"""Four small feeds, and a job that follows them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from spark_jobs.rollup.tiles import events_in
from tests.analytics.flow.live import LiveJob
from tests.rollup.events import events

NOON = datetime(2018, 11, 4, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BIKES, TAXIS, WEATHER, ACCIDENTS = "bike_trips", "taxi_trips", "weather_data", "accidents"


def one_of_each(at: datetime = NOON) -> dict[str, pa.Table]:
    return {feed: events(feed, at) for feed in (BIKES, TAXIS, WEATHER, ACCIDENTS)}


def job_below(root: Path) -> LiveJob:
    return LiveJob(root, names=())


def job_with_news(root: Path) -> LiveJob:
    """It has an event of each feed, and ingestion another one."""
    job = job_below(root)
    job.take(one_of_each())
    job.ingested.take(one_of_each(NOON + HOUR))
    return job


def counted(job: LiveJob, feed: str) -> int:
    return sum(
        events_in(tiles, feed) for day in job.tiles.days(feed) if (tiles := job.tiles.day(feed, day)) is not None
    )
