"""Ingested files that were removed or damaged: who reads all of them anew waits for a person, alone."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pyarrow as pa
import pytest

from spark_jobs.catalog import ROLLUP
from spark_jobs.diagnosis import StreamFault
from spark_jobs.maintenance.rebuild import rebuild
from spark_jobs.publication.entry import ANEW, CHANGED, Entry
from spark_jobs.rollup import rollup as rolling
from spark_jobs.rollup.day_rebuild import rebuild_day
from spark_jobs.rollup.day_rows import refuse_doubled
from spark_jobs.rollup.increments import read_increment
from spark_jobs.rollup.waiting_feeds import ASK_AGAIN_S
from tests.analytics.flow.ingestion import Killed, tell
from tests.analytics.flow.live import LiveJob
from tests.rollup.events import events
from tests.rollup.four_feeds import (
    ACCIDENTS,
    BIKES,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    TAXIS,
    WEATHER,
    counted,
    job_below,
    one_of_each,
)

FEEDS = tuple(one_of_each())
OTHERS = (TAXIS, WEATHER, ACCIDENTS)


def two_days(root: Path) -> LiveJob:
    """Two bike trips on the old day, one on the next; one event a day of the others."""
    job = job_below(root)
    job.take({**one_of_each(), BIKES: events(BIKES, NOON, NOON + MINUTE)})
    job.take(one_of_each(NOON + DAY))
    return job


def old_folder(job: LiveJob, feed: str = BIKES) -> Path:
    return next(job.ingested.layout.dataset(feed).glob("**/date=2018-11-04"))


def remove(job: LiveJob) -> str:
    rmtree(old_folder(job))
    return "3 were published between two positions, 1 are in its files; the folder of 2018-11-04 is gone"


def damage(job: LiveJob) -> str:
    (file,) = old_folder(job).rglob("*.parquet")
    file.write_bytes(b"not Parquet")
    return f"{file} cannot be read"


FAULTS = pytest.mark.parametrize("fault", [remove, damage])


def upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    for user in ("rollup", "feed_position"):
        monkeypatch.setattr(f"spark_jobs.rollup.{user}.formula", lambda *_: "another")


def reads_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []

    def noted(reader: object, feed: object, *more: object) -> pa.Table:
        reads.append(feed.name)  # type: ignore[attr-defined]
        return read_increment(reader, feed, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(rolling, "read_increment", noted)
    return reads


@FAULTS
def test_a_feed_that_cannot_be_read_anew_is_not_read_at_each_entry_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[LiveJob], str]
) -> None:
    job = two_days(tmp_path)
    says = fault(job)
    upgrade(monkeypatch)
    job.rollup.begin()
    job.update()
    reads = reads_of(monkeypatch)
    for number in (1, 2, 3):
        job.take(one_of_each(NOON + DAY + number * HOUR))
    assert [counted(job, feed) for feed in FEEDS] == [3, 5, 5, 5]
    assert BIKES not in reads
    why = job.rollup.waiting.why[BIKES]
    assert says in why.message
    assert "confirm it: trigger analytics_rebuild with 'confirm'" in why.next_step
    assert f"{why.message}. Next step: {why.next_step}" in (job.told(ROLLUP).waits_for or "")
    later = time.monotonic() + ASK_AGAIN_S
    monkeypatch.setattr("spark_jobs.rollup.waiting_feeds.time.monotonic", lambda: later)
    job.update()
    assert BIKES in reads


@pytest.mark.parametrize("lost", ["2018-11-05", "2018-11-06"])
def test_a_day_that_has_a_report_of_midnight_alone_never_had_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """It lies in the folder of the next day."""
    job = job_below(tmp_path)
    midnight = NOON + HOUR * 12
    job.take({WEATHER: events(WEATHER, midnight, midnight + HOUR, NOON + 2 * DAY, midnight + 2 * DAY)})
    rmtree(next(job.ingested.layout.dataset(WEATHER).glob(f"**/date={lost}")))
    upgrade(monkeypatch)
    job.rollup.begin()
    job.update()
    assert job.tiles.days(WEATHER)[0] == NOON.date()
    assert f"; the folder of {lost} is gone" in job.rollup.waiting.why[WEATHER].message


@FAULTS
@pytest.mark.parametrize("cause", ["an upgrade", "a lost day", "a rollup started over"])
def test_somebody_confirms_that_the_rows_are_lost_and_the_feed_goes_on_with_the_rest(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[LiveJob], str],
    cause: str,
) -> None:
    job = two_days(tmp_path)
    says = fault(job)
    if cause == "an upgrade":
        upgrade(monkeypatch)
    elif cause == "a lost day":
        (job.layout.dataset(ROLLUP) / BIKES / "2018-11-05.parquet").unlink()
    else:
        rmtree(job.layout.dataset(ROLLUP))
        rmtree(job.layout.log(ROLLUP))
        job = LiveJob(tmp_path, names=())
    job.rollup.begin()
    job.update()
    job.take(one_of_each(NOON + DAY + HOUR))
    assert set(job.rollup.waiting.why) == {BIKES}
    with caplog.at_level(logging.WARNING):
        outcome = rebuild(job.rollup, lambda: [])({"from": "2018-11-05", "to": "2018-11-05", "confirm": True}, tell)
    assert "1 days" in outcome.sentence
    assert "bike_trips is read as it is: 2 rows of 4 are in its files" in caplog.text
    assert says.endswith("gone") or says in caplog.text
    lost = "" if cause == "a rollup started over" else " (2018-11-04: 2)"
    assert f"bike_trips: the tiles lose events, as confirmed{lost}\n" in caplog.text
    assert (counted(job, BIKES), job.rollup.waiting.why) == (2, {})
    for number in (2, 3):
        job.take(one_of_each(NOON + DAY + number * HOUR))
    assert [counted(job, feed) for feed in FEEDS] == [4, 5, 5, 5]
    assert job.rollup.waiting.why == {}
    head = job.rollup_head().seq
    job.rollup.begin()
    job.update()
    assert job.rollup_head().seq == head, "nothing is read a second time"
    assert job.rollup.accept_fewer_events() == []


@FAULTS
def test_what_is_confirmed_of_new_rows_takes_no_old_tiles(tmp_path: Path, fault: Callable[[LiveJob], str]) -> None:
    """Who removes old rows on purpose keeps their tiles, also where a new file is lost later."""
    job = job_below(tmp_path)
    job.take(one_of_each(NOON - DAY))
    rmtree(next(job.ingested.layout.dataset(BIKES).glob("**/date=2018-11-03")))
    job.ingested.take({BIKES: events(BIKES, NOON)})
    fault(job)
    job.ingested.take({BIKES: events(BIKES, NOON + DAY)})
    job.update()
    assert set(job.rollup.waiting.why) == {BIKES}
    assert job.rollup.accept_fewer_events() == [BIKES]
    assert counted(job, BIKES) == 2
    job.take({BIKES: events(BIKES, NOON + DAY)})
    assert (counted(job, BIKES), job.rollup.waiting.why) == (3, {})


def test_a_row_that_is_there_twice_makes_up_for_no_lost_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = two_days(tmp_path)
    remove(job)
    (file,) = job.ingested.layout.dataset(BIKES).rglob("*.parquet")
    copy = file.with_name("brought-back.parquet")
    copy.write_bytes(file.read_bytes())
    upgrade(monkeypatch)
    job.rollup.begin()
    job.update()
    with pytest.raises(StreamFault, match=r"1 rows below .*hour=12 are there more than once"):
        job.rollup.accept_fewer_events()
    assert counted(job, BIKES) == 3
    copy.unlink()
    assert job.rollup.accept_fewer_events() == [BIKES]
    assert counted(job, BIKES) == 1


def test_more_rows_than_the_log_tells_of_are_not_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was copied into another folder."""
    job = two_days(tmp_path)
    (file,) = old_folder(job).rglob("*.parquet")
    (file.parent.with_name("hour=13")).mkdir()
    (file.parent.with_name("hour=13") / file.name).write_bytes(file.read_bytes())
    upgrade(monkeypatch)
    job.rollup.begin()
    job.update()
    with pytest.raises(StreamFault, match="3 were published between two positions, 5 are in its files"):
        job.rollup.accept_fewer_events()
    assert counted(job, BIKES) == 3


def test_a_damaged_file_is_told_by_who_looks_for_doubled_rows_too(tmp_path: Path) -> None:
    """A part of it that is not summed up may be damaged: what came after the rollup's position."""
    job = two_days(tmp_path)
    says = damage(job)
    everything = job.rollup.readers[BIKES].since(None)
    assert everything is not None
    with pytest.raises(StreamFault, match=says):
        refuse_doubled(everything)


def test_much_is_read_without_its_damaged_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_jobs.rollup.increments._FEW_ROWS", 0)
    job = two_days(tmp_path)
    damage(job)
    upgrade(monkeypatch)
    assert job.rollup.accept_fewer_events() == [BIKES]
    assert counted(job, BIKES) == 1


def test_a_day_is_rebuilt_without_its_damaged_file_where_somebody_confirms_it(tmp_path: Path) -> None:
    job = two_days(tmp_path)
    job.take({BIKES: events(BIKES, NOON + HOUR)})
    file = next(old_folder(job).glob("hour=12/*.parquet"))
    file.write_bytes(b"not Parquet")
    with pytest.raises(StreamFault, match="cannot be read") as fault:
        rebuild_day(job.rollup, NOON.date(), confirmed=False)
    assert "with 'confirm'" in fault.value.diagnosis.next_step
    assert counted(job, BIKES) == 4
    rebuild_day(job.rollup, NOON.date(), confirmed=True)
    assert counted(job, BIKES) == 2


def test_a_late_event_of_a_day_whose_tiles_and_rows_are_both_damaged_comes_in_once_it_is_confirmed(
    tmp_path: Path,
) -> None:
    job = two_days(tmp_path)
    damage(job)
    (job.layout.dataset(ROLLUP) / BIKES / "2018-11-04.parquet").write_bytes(b"not Parquet")
    job.take({BIKES: events(BIKES, NOON + HOUR)})
    assert set(job.rollup.waiting.why) == {BIKES}
    assert job.rollup.accept_fewer_events() == [BIKES]
    assert counted(job, BIKES) == 2


def test_a_feed_that_is_started_over_before_it_is_read_anew_keeps_its_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = two_days(tmp_path)
    upgrade(monkeypatch)
    job.rollup.begin()

    def start_over(step: str) -> None:
        if step == "read":
            job.rollup.log.reached = lambda _step: None
            job.ingested.start_over(BIKES, ends=3)

    job.rollup.log.reached = start_over
    job.update()
    assert [counted(job, feed) for feed in FEEDS] == [3, 2, 2, 2]
    assert "started over" in job.rollup.waiting.why[BIKES].message


def test_new_rows_of_the_others_are_in_before_a_feed_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = two_days(tmp_path)
    job.rollup.stations = frozenset({"logan"})
    job.rollup.begin()
    job.ingested.take({feed: events(feed, NOON + DAY + HOUR) for feed in FEEDS if feed != WEATHER})

    def interrupted(_reader: object, feed: object, *more: object) -> pa.Table:
        if feed.name == WEATHER:  # type: ignore[attr-defined]
            raise Killed("read anew")
        return read_increment(_reader, feed, *more)  # type: ignore[arg-type]

    with monkeypatch.context() as killed:
        killed.setattr(rolling, "read_increment", interrupted)
        with pytest.raises(Killed):
            job.update()
    assert [counted(job, feed) for feed in FEEDS] == [4, 3, 2, 3]
    assert set(job.rollup_head().details) == {CHANGED}
    job.rollup.begin()
    job.update()
    assert job.rollup_head().details == {ANEW: [WEATHER]}
    assert [counted(job, feed) for feed in FEEDS] == [4, 3, 0, 3]


TWO_STATIONS = events(WEATHER, NOON, NOON + MINUTE, station=["logan", "blue hill"])


@pytest.mark.parametrize("choice", [frozenset(), frozenset({"blue hill", "nobody"})], ids=["wider", "another"])
@pytest.mark.parametrize("confirmed", [False, True])
def test_no_day_is_rebuilt_of_other_stations_than_the_days_beside_it(
    tmp_path: Path, choice: frozenset[str], confirmed: bool
) -> None:
    """Back at the old choice nothing would tell that day from the others."""
    job = job_below(tmp_path)
    job.rollup.stations = frozenset({"logan"})
    job.take({WEATHER: TWO_STATIONS})
    head = job.rollup_head().seq
    job.rollup.stations = choice
    with pytest.raises(StreamFault, match="weather_data: its tiles are of other formulas, or of other stations"):
        rebuild_day(job.rollup, NOON.date(), confirmed)
    assert job.rollup_head().seq == head
    job.rollup.begin()
    job.update()
    assert rebuild_day(job.rollup, NOON.date(), confirmed) == 0


@pytest.mark.parametrize("before", ["a restored backup", "v0.1"])
def test_fewer_reports_of_fewer_stations_are_no_lost_events(tmp_path: Path, before: str) -> None:
    """The choice is narrowed at the same start as all of the feed has to be read for another reason."""
    job = job_below(tmp_path / "job")
    job.take({WEATHER: TWO_STATIONS})
    job.ingested.back_up(WEATHER, tmp_path / "backup")
    later = [events(WEATHER, NOON + number * HOUR, station=["logan"]) for number in (1, 2)]
    for one in later:
        job.take({WEATHER: one})
    if before == "v0.1":
        keep_as_v01_did(job)
    else:
        job.ingested.restore(WEATHER, tmp_path / "backup")
        job.ingested.take({WEATHER: pa.concat_tables(later)})
    job.rollup.stations = frozenset({"logan"})
    job.rollup.begin()
    job.update()
    assert (counted(job, WEATHER), WEATHER in job.rollup.waiting.why) == (3, False)


def keep_as_v01_did(job: LiveJob) -> None:
    """Its rollup read Kafka itself: it kept how far, by topic."""
    with job.rollup.log.transaction(job.writer.check) as transaction:
        reached = {"weather-data": {"next_offset": {"0": job.ingested.next_offset(WEATHER)}}}
        transaction.commit(Entry("batch", reached), job.clock())
