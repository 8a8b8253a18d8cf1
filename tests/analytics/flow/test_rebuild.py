"""The rebuild: whatever happened to the rollup, the ingested rows bring back what it would have been."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.catalog import ROLLUP, Feed
from spark_jobs.diagnosis import StreamFault
from spark_jobs.maintenance import rebuild as rebuilding
from spark_jobs.maintenance.analytics_requests import analytics_requests_at_rest
from spark_jobs.maintenance.rebuild import days_asked_for, rebuild
from spark_jobs.rollup import ingested_days
from spark_jobs.rollup.day_files import day_file
from spark_jobs.rollup.tiles import tiles_of
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.request_queue import Outcome, Refused
from tests.analytics.flow.against_reference import assert_equals
from tests.analytics.flow.conftest import FIRST_DAY
from tests.analytics.flow.ingestion import Ingested, position, settings_of
from tests.analytics.flow.live import Feeds, LiveJob, now
from tests.analytics.tiles import bikes, tile_table

Reference = dict[str, pa.Table]
FIRST, LAST = FIRST_DAY.date(), (FIRST_DAY + timedelta(days=1)).date()
NEVER = LAST + timedelta(days=1)
"""a day of which nothing was sent"""
BEFORE = FIRST - timedelta(days=1)
"""the first report, at midnight, ends a tile of the day before"""
DAYS = {"from": str(BEFORE), "to": str(NEVER)}
TILES_OF = "spark_jobs.rollup.ingested_days.tiles_of"
STEPS = ("staging", "staged", "declared", "half moved", "moved", "applied")


class Killed(BaseException):
    """Stands for the end of the process."""


def share(feeds: Feeds, part: float) -> dict[str, int]:
    return {feed: round(len(rows) * part) for feed, rows in feeds.items()}


def between(feeds: Feeds, start: float, end: float) -> Feeds:
    first, last = share(feeds, start), share(feeds, end)
    return {feed: rows.slice(first[feed], last[feed] - first[feed]) for feed, rows in feeds.items()}


def taken(job: LiveJob, feeds: Feeds, start: float, end: float) -> None:
    job.take(between(feeds, start, end), position(share(feeds, end)))


def tell(*_: Any) -> None:
    """Nobody listens."""


def rebuilt(job: LiveJob, root: Path, telling: Callable[..., None] = tell, **days: str) -> Outcome:
    owned = Dataset(ROLLUP, job.rollup, root / "checkpoints" / ROLLUP)
    return rebuild(settings_of(root), job.writer, owned, lambda: [], now)(days or DAYS, telling)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "_PAUSE_S", 0.0)
    monkeypatch.setattr(ingested_days, "_PAUSE_S", 0.0)


def damage(job: LiveJob) -> None:
    """Doubled tiles, a tile on a day that never was, a day file lost, another unreadable, an output lost."""
    known = {feed: job.tiles.day(feed, FIRST) for feed in ("taxi_trips", "weather_data")}
    job.take_tiles({feed: tiles for feed, tiles in known.items() if tiles is not None})
    job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(FIRST_DAY + timedelta(days=2, hours=12), 5)])})
    job.settle()
    root = job.layout.dataset(ROLLUP)
    day_file(root, "bike_trips", LAST).unlink()
    day_file(root, "accidents", LAST).write_bytes(b"not Parquet")
    rmtree(job.layout.dataset("precipitation_impact"))


def test_damaged_days_are_made_again_from_rows_below_the_rollups_position(
    days: Feeds, expected: Reference, tmp_path: Path
) -> None:
    job = LiveJob(tmp_path)
    taken(job, days, 0, 0.3)
    taken(job, days, 0.3, 0.7)
    job.settle()
    damage(job)
    Ingested(tmp_path, days).take(share(days, 1))  # ahead of the rollup: what is beyond comes with the next batch
    outcome = rebuilt(job, tmp_path)
    assert [line["what"] for line in outcome.report] == [str(BEFORE), str(FIRST), str(LAST), str(NEVER)]
    taken(job, days, 0.7, 1)
    job.settle()
    assert_equals(tmp_path, expected)


def test_a_rollup_that_kafka_no_longer_has_comes_back_from_what_was_ingested(
    days: Feeds, expected: Reference, tmp_path: Path
) -> None:
    Ingested(tmp_path, days).take(share(days, 1))
    job = LiveJob(tmp_path, begun=position(share(days, 0.6)))  # started over: Kafka keeps no more than this
    taken(job, days, 0.6, 0.8)
    rebuilt(job, tmp_path)
    taken(job, days, 0.8, 1)
    job.settle()
    assert_equals(tmp_path, expected)


def test_batches_between_computing_and_declaring_are_not_lost(
    days: Feeds, expected: Reference, tmp_path: Path, dice: Random
) -> None:
    # In any order, so that every batch touches both days.
    mixed = {feed: rows.take(dice.sample(range(len(rows)), len(rows))) for feed, rows in days.items()}
    Ingested(tmp_path, mixed).take(share(mixed, 1))
    job, live = LiveJob(tmp_path), LiveJob(tmp_path, names=())
    taken(job, mixed, 0, 0.4)
    job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(FIRST_DAY, 5)])})
    batches = iter([0.4, 0.5, 0.6, 0.7, 0.8, 0.9])

    def reached(step: str) -> None:
        start = next(batches, None) if step == "staging" else None
        if start is not None:  # another batch, which touches both days, is faster than this declaration
            taken(live, mixed, start, start + 0.1)

    job.rollup.reached = reached
    told: list[str] = []
    rebuilt(job, tmp_path, lambda sentence, *_: told.append(sentence), **{"from": str(FIRST), "to": str(LAST)})
    assert f"a batch touched {FIRST} meanwhile: computing it again" in told
    assert next(batches, None) is None
    again = LiveJob(tmp_path)
    again.settle()
    assert_equals(tmp_path, expected)


def test_it_waits_for_ingestion_and_reads_a_day_again_that_is_compacted_meanwhile(
    days: Feeds, expected: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingested = Ingested(tmp_path, days)
    ingested.take(share(days, 0.5))
    job = LiveJob(tmp_path)
    taken(job, days, 0, 1)
    damage(job)
    told: list[str] = []

    def telling(sentence: str, *_: Any) -> None:
        told.append(sentence)
        if "waiting for the ingestion job" in sentence:
            ingested.take(share(days, 1))

    def and_compacted(rows: pa.Table, feed: Feed) -> pa.Table:
        monkeypatch.setattr(TILES_OF, tiles_of)
        ingested.compact()
        return tiles_of(rows, feed)

    monkeypatch.setattr(TILES_OF, and_compacted)
    rebuilt(job, tmp_path, telling)
    assert [sentence for sentence in told if "messages behind the rollup" in sentence]
    job.settle()
    assert_equals(tmp_path, expected)


def test_kills_are_mended_by_asking_again_and_where_the_job_is_off_the_analytics_follow_too(
    days: Feeds, expected: Reference, tmp_path: Path
) -> None:
    Ingested(tmp_path, days).take(share(days, 1))
    job = LiveJob(tmp_path)
    taken(job, days, 0, 1)
    damage(job)
    for step in STEPS:
        killed = LiveJob(tmp_path, names=())

        def reached(name: str, step: str = step) -> None:
            if name == step:
                raise Killed

        killed.rollup.reached = reached
        with pytest.raises(Killed):
            rebuilt(killed, tmp_path)
    at_rest = analytics_requests_at_rest(settings_of(tmp_path), job.writer)
    outcome = at_rest["rebuild"](DAYS, tell)
    assert outcome.sentence.endswith("the analytics have followed")
    assert_equals(tmp_path, expected)


def test_what_cannot_be_made_again_is_refused_in_words(days: Feeds, tmp_path: Path) -> None:
    for wrong in ({}, {"from": "2018-10-21", "to": "2018-10-20"}, {"from": "a", "to": "b"}):
        with pytest.raises(Refused, match="'from'"):
            days_asked_for(wrong)
    job = LiveJob(tmp_path, names=(), begun=position(share(days, 0)))
    with pytest.raises(Refused, match="nothing of bike_trips was ingested"):
        rebuilt(job, tmp_path)
    Ingested(tmp_path, days, begun=7)
    with pytest.raises(Refused, match="began at offset 7 of partition 0, the rollup at 0"):
        rebuilt(job, tmp_path)
    taken(job, days, 0, 0.1)
    rmtree(job.layout.dataset(ROLLUP))
    with pytest.raises(StreamFault, match="the rollup was removed"):
        rebuilt(job, tmp_path)
