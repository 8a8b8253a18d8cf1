"""The rebuild: whatever happened to the rollup, the ingested rows bring back what it would have been."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from shutil import copytree, rmtree
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spark_jobs.catalog import ROLLUP, Feed, feed_named
from spark_jobs.maintenance import rebuild as rebuilding
from spark_jobs.maintenance.analytics_requests import analytics_requests_at_rest
from spark_jobs.maintenance.rebuild import days_asked_for, rebuild
from spark_jobs.publication.commit import CommitConflict
from spark_jobs.publication.reader import DatasetReader, Increment
from spark_jobs.rollup import rollup as rolling
from spark_jobs.rollup.day_files import day_file
from spark_jobs.rollup.day_rows import day_folders
from spark_jobs.rollup.increments import read_increment
from spark_jobs.runtime.request_queue import Outcome, Refused
from tests.analytics.flow.against_reference import assert_equals, reference
from tests.analytics.flow.conftest import DAWN, DUSK, mixed, part, share
from tests.analytics.flow.feeds import Feeds
from tests.analytics.flow.ingestion import Killed, kill_at, tell
from tests.analytics.flow.live import OF_ALL_FEEDS, LiveJob, assert_is_current, settings_of, with_durations
from tests.analytics.tiles import bikes, tile_table

FIRST, LAST = DUSK.date(), DAWN.date()
NEVER = LAST + timedelta(days=1)
"""a day of which nothing was sent"""
DAYS = {"from": str(FIRST), "to": str(NEVER)}
STEPS = ("staging", "staged", "declared", "half moved", "moved", "applied")


def rebuilt(job: LiveJob, telling: Callable[..., None] = tell, **more: Any) -> Outcome:
    return rebuild(job.rollup, lambda: [])({**DAYS, **more}, telling)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "_PAUSE_S", 0.0)


def damage(job: LiveJob) -> None:
    """Doubled tiles, a tile on a day that never was, a day file lost, another unreadable, an output lost."""
    doubled = {feed: job.tiles.day(feed, FIRST) for feed in ("taxi_trips", "weather_data")}
    job.take_tiles({feed: tiles for feed, tiles in doubled.items() if tiles is not None})
    job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(DUSK + timedelta(days=2), 5)])})
    job.settle()
    root = job.layout.dataset(ROLLUP)
    day_file(root, "bike_trips", LAST).unlink()
    day_file(root, "accidents", FIRST).write_bytes(b"not Parquet")
    rmtree(job.layout.dataset("precipitation_impact"))


def test_an_output_is_made_anew_whatever_somebody_has_put_beside_its_hours(tmp_path: Path) -> None:
    job = LiveJob(tmp_path, names=("transport_usage_summary",))
    job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(DUSK, 5)])})
    job.settle()
    day = next(job.layout.dataset("transport_usage_summary").glob("**/date=*"))
    copytree(day, day.with_name(f"{day.name}.old"))
    job = LiveJob(tmp_path, durations=with_durations(medium=timedelta(hours=2)), names=("transport_usage_summary",))
    job.settle()
    assert job.is_settled("transport_usage_summary")


def test_damaged_days_are_made_again_from_the_rows_that_the_rollup_has_read(night: Feeds, tmp_path: Path) -> None:
    job = LiveJob(tmp_path)
    job.ingested.read(night, share(night, 0.3))
    job.update()
    job.ingested.read(night, share(night, 0.7))
    job.update()
    job.settle()
    damage(job)
    job.ingested.read(night, share(night, 1))  # ahead of the rollup: what is beyond comes with the next batch
    outcome = rebuilt(job, confirm=True)  # the doubled tiles and the day that never was have too many events
    assert [line["what"] for line in outcome.report] == [str(FIRST), str(LAST), str(NEVER)]
    job.update()
    job.settle()
    assert_is_current(job)


def test_a_day_is_made_again_while_late_events_of_it_come_and_its_files_are_compacted(
    night: Feeds, tmp_path: Path, dice: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = mixed(night, dice)
    job = LiveJob(tmp_path)
    for upto in (0.2, 0.4):
        job.ingested.read(sent, share(sent, upto))
        job.update()
    for feed in sent:
        day_file(job.layout.dataset(ROLLUP), feed, FIRST).unlink()
    reads = 0

    def while_ingestion_goes_on(reader: DatasetReader, feed: Feed, increment: Increment, *how: Any) -> pa.Table:
        """Files are listed: now others come, and those there are go."""
        nonlocal reads
        reads += 1
        job.ingested.read(sent, share(sent, 0.4 + 0.05 * reads))
        job.ingested.compact(feed.name)
        return read_increment(reader, feed, increment, *how)

    monkeypatch.setattr(rolling, "read_increment", while_ingestion_goes_on)
    outcome = rebuilt(job, to=str(LAST))
    assert reads == 8
    assert all(line["tiles"] for line in outcome.report[:1])
    job.update()
    job.ingested.read(sent, share(sent, 1))
    job.update()
    job.settle()
    assert_is_current(job)


def test_a_batch_that_was_faster_is_not_lost_and_asking_again_mends(night: Feeds, tmp_path: Path, dice: Random) -> None:
    """Batches and requests of one job take turns; a second driver knows nothing of that."""
    sent = mixed(night, dice)
    job, other = LiveJob(tmp_path), LiveJob(tmp_path, names=())
    job.ingested.read(sent, share(sent, 0.5))
    job.update()
    job.take_tiles({"bike_trips": job.tiles_of("bike_trips")})

    def reached(step: str) -> None:
        if step == "staged":
            job.rollup.log.reached = lambda _step: None
            job.ingested.read(sent, share(sent, 1))
            other.update()

    job.rollup.log.reached = reached
    with pytest.raises(CommitConflict):
        rebuilt(job, confirm=True)
    rebuilt(job, confirm=True)
    job.settle()
    assert_is_current(job)


def test_kills_are_mended_by_asking_again_and_where_the_job_is_off_the_analytics_follow_too(
    night: Feeds, tmp_path: Path
) -> None:
    job = LiveJob(tmp_path)
    job.take(night)
    damage(job)
    for step in STEPS:
        killed = LiveJob(tmp_path, names=())
        killed.take_tiles({feed: killed.tiles_of(feed).slice(0, 9) for feed in ("taxi_trips", "weather_data")})
        kill_at(killed.rollup.log, step)
        with pytest.raises(Killed):
            rebuilt(killed, to=str(FIRST), confirm=True)
    at_rest = analytics_requests_at_rest(settings_of(tmp_path), job.writer)
    outcome = at_rest["rebuild"]({**DAYS, "confirm": True}, tell)
    assert outcome.sentence.endswith("the analytics have followed")
    assert_is_current(job)


def test_it_refuses_to_make_less_of_a_day_and_says_how_many_events_are_missing(night: Feeds, tmp_path: Path) -> None:
    job = LiveJob(tmp_path)
    job.take(night)
    job.settle()
    before = {feed: job.tiles_of(feed) for feed in night}
    hour = DUSK + timedelta(hours=3)
    rmtree(next(job.ingested.layout.dataset("taxi_trips").glob(f"*/*/date={FIRST}/hour={hour.hour}")))
    rides = events_of_hour(night["taxi_trips"], hour)
    assert rides
    for _ in range(2):
        with pytest.raises(Refused, match=f"taxi_trips on {FIRST}: {rides} events that the tiles hold are not among"):
            rebuilt(job)
        assert {feed: job.tiles_of(feed) for feed in night} == before, "nothing was changed"
    rebuilt(job, confirm=True)
    job.settle()
    assert job.tiles_of("taxi_trips")["ride_count"] != before["taxi_trips"]["ride_count"]
    assert_equals(tmp_path, reference(job.ingested.root, job.analytics))  # of the files that are left


def events_of_hour(rows: pa.Table, hour: datetime) -> int:
    begin, end = (pa.scalar(at, pa.timestamp("us", "UTC")) for at in (hour, hour + timedelta(hours=1)))
    return len(rows.filter(pc.and_(pc.greater_equal(rows[0], begin), pc.less(rows[0], end))))


def test_a_rebuild_of_what_is_right_changes_no_file(night: Feeds, tmp_path: Path) -> None:
    job = LiveJob(tmp_path, names=OF_ALL_FEEDS)
    job.take(part(night, 0, 4))
    job.settle()
    before = versions(tmp_path)
    assert [line["tiles"] for line in rebuilt(job).report] == [0, 0, 0]
    job.settle()
    assert versions(tmp_path) == before


def versions(root: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in root.glob("**/*.parquet")}


def test_outputs_that_were_removed_or_damaged_under_a_sound_rollup_are_made_again(night: Feeds, tmp_path: Path) -> None:
    job = LiveJob(tmp_path)
    job.take(part(night, 0, 6))
    job.settle()
    for name in job.analytics:
        removed, *damaged = sorted(job.layout.dataset(name).glob("**/*.parquet"))
        rmtree(removed.parent)
        for file in damaged:
            file.write_bytes(b"not Parquet")
    rebuilt(job)
    job.settle()
    assert_is_current(job)


def test_all_rows_that_may_belong_to_a_days_tiles_are_in_the_folders_that_are_read() -> None:
    folders = day_folders(feed_named("weather_data"), FIRST)
    assert len(folders) == 25
    assert folders[0].endswith(f"date={FIRST}/hour=0")
    assert folders[-1].endswith(f"date={LAST}/hour=0"), "a report at midnight ends a tile of the day before"


def test_days_that_can_have_no_event_are_refused() -> None:
    """Nobody could reckon from them: hours that they reach are before the year 1, or after 9999."""
    ahead = [str(NEVER + days * timedelta(days=1)) for days in (2, 3)]
    for day in ("0001-01-01", "1999-12-30", ahead[1], "9999-12-31"):
        with pytest.raises(Refused, match=f"events are of 1999-12-31 to {ahead[0]} only"):
            days_asked_for({"from": day, "to": day}, NEVER)
    for day in ("1999-12-31", ahead[0]):
        assert [str(one) for one in days_asked_for({"from": day, "to": day}, NEVER)] == [day]


def test_what_cannot_be_made_again_is_refused_in_words(tmp_path: Path) -> None:
    for first, last in ((None, None), ("2018-10-21", "2018-10-20"), ("a", "b")):
        with pytest.raises(Refused, match="'from'"):
            days_asked_for({"from": first, "to": last}, NEVER)
    job = LiveJob(tmp_path, names=(), begins=False)
    with pytest.raises(Refused, match="there is no rollup yet"):
        rebuilt(job)
