"""The words and numbers of rollup and analytics, over real logs and outputs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.analytics import backlog
from spark_jobs.catalog import FEEDS, ROLLUP
from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.complete_hours import CompleteHours, FeedHours, write_complete_hours
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus
from spark_jobs.maintenance.start_over import start_over
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.supervision.incidents import is_unread, stream_problems
from tests.analytics.flow.ingestion import FakeClock, tell
from tests.analytics.flow.live import LiveJob, settings_of
from tests.analytics.tiles import NOON, bikes, tile_table
from tests.monotonic import Seconds

NAME = "transport_usage_summary"
HOUR = timedelta(hours=1)
NO_DISK = Diagnosis("no disk", "mount it")
PAUSE = timedelta(minutes=5)
DRIVER = Driver("a", "here")
BEHIND = "the rollup, which is catching up"


def job_below(root: Path) -> LiveJob:
    job = LiveJob(root, names=(NAME,), clock=FakeClock(datetime(2026, 1, 1, tzinfo=UTC)))
    job.ingested.tell_status()
    job.update()
    return job


def hours_later(job: LiveJob, hours: range) -> None:
    """One entry of the rollup with a bike in each of these hours."""
    job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(NOON + number * HOUR, 1) for number in hours])})


def test_catching_up_and_never_idle_while_hours_are_still_to_compute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse feed: more hours than one go takes, and no news after them."""
    monkeypatch.setattr(backlog, "MOST_HOURS_AT_ONCE", 20)
    job = job_below(tmp_path)
    hours_later(job, range(50))
    told, due, words = job.told(NAME), [], []
    assert (told.state, told.due_hours) == (StreamState.STARTING, None)
    while not job.is_settled(NAME):
        job.tick(NAME)
        told = job.told(NAME)
        due.append(told.due_hours)
        words.append(told.state)
    assert due == [30, 10, 0]
    assert words == [StreamState.CATCHING_UP, StreamState.CATCHING_UP, StreamState.IDLE]
    assert len(list((tmp_path / NAME).glob("**/*.parquet"))) == 50


def test_an_analytic_is_as_late_as_the_oldest_change_also_once_that_is_folded(tmp_path: Path) -> None:
    job = job_below(tmp_path)
    hours_later(job, range(1))
    job.settle()
    clock = Seconds()
    job.streams[NAME].record._first_seen._monotonic = clock
    job.streams[NAME].record._monotonic = clock
    assert job.told(NAME).lag_s == 0.0
    for number in range(1, 4):
        hours_later(job, range(number, number + 1))
        job.clock.go_on(HOUR)  # type: ignore[attr-defined]
        assert job.told(NAME).lag_s == (number - 1) * 10.0
        clock.go_on(10)
    job.fold_rollup()
    told = job.told(NAME)
    assert (told.lag_s, told.lag_records) == (30.0, 3)
    job.settle()
    told = job.told(NAME)
    assert (told.state, told.lag_s, told.lag_records, told.due_hours) == (StreamState.IDLE, 0.0, 0, 0)


def test_waiting_for_ingestion_that_waits_itself_and_no_more_once_it_goes_on(tmp_path: Path) -> None:
    job = job_below(tmp_path)
    job.settle()
    away = StreamStatus("bike_trips", StreamState.WAITING, waits_for="Kafka")
    back = StreamStatus("bike_trips", StreamState.IDLE)
    for feed, says in ((away, "bike_trips, whose ingestion waits for Kafka"), (back, None)):
        job.ingested.tell_status(bike_trips=feed)
        state = StreamState.IDLE if says is None else StreamState.WAITING
        for name in (ROLLUP, NAME):
            assert (job.told(name).state, job.told(name).waits_for) == (state, says)
    job.ingested.tell_status(JobState.FAILED)
    assert job.told(ROLLUP).state == StreamState.WAITING


WAYS_TO_OWE: dict[str, tuple[Callable[[StreamRecord], None], str | None]] = {
    "its last batch failed": (lambda rollup: rollup.failed(NO_DISK, 1, False, PAUSE), "restarting: no disk"),
    "its breaker is open": (lambda rollup: rollup.failed(NO_DISK, 5, True, PAUSE), "broken: no disk"),
    "a request works on its files": (lambda rollup: rollup.paused("a request"), "which waits for a request"),
    "it starts again": (lambda rollup: rollup.starting(), "which is starting"),
    "it is switched off": (lambda rollup: rollup.switched_off(), "which is off"),
    "it takes what comes": (lambda rollup: rollup.batch_finished(1, 0.5, 5), None),
}


@pytest.mark.parametrize("way", WAYS_TO_OWE)
def test_waiting_for_the_rollup_that_may_owe_rows_and_never_an_alert_of_its_own(tmp_path: Path, way: str) -> None:
    job = job_below(tmp_path)
    job.settle()
    assert (job.told(NAME).state, job.told(NAME).waits_for) == (StreamState.IDLE, None)
    owe, says = WAYS_TO_OWE[way]
    owe(job.rollup_stream.record)
    told = job.look(NAME)
    assert says in (told.waits_for or "") if says else told.waits_for is None
    assert told.state == (StreamState.WAITING if says else StreamState.IDLE)
    assert (told.lag_records, told.lag_s) == (0, 0.0)
    assert not is_unread(told)
    status = Status("analytics", DRIVER, 1, iso(NOON), iso(NOON), JobState.RUNNING, "f", streams=(told,))
    assert list(stream_problems(status, settings_of(tmp_path))) == []


def test_waiting_for_a_rollup_that_works_for_longer_than_usual_and_not_for_one_that_takes_what_comes(
    tmp_path: Path,
) -> None:
    """Made again after an upgrade: all that was ingested is counted already, and no look finds anything due."""
    job = job_below(tmp_path)
    job.settle()
    clock, rollup = Seconds(), job.rollup_stream.record
    rollup._monotonic = clock
    assert job.told(NAME).state == StreamState.IDLE
    for _ in range(5):
        clock.go_on(8)
        with rollup.working():
            assert (job.told(NAME).state, job.told(NAME).waits_for) == (StreamState.IDLE, None)
            clock.go_on(2)
            rollup.batch_finished(1, 2.0, 5)
        assert (job.told(NAME).state, job.told(NAME).waits_for) == (StreamState.IDLE, None)
    with rollup.working():
        for _ in range(5):
            clock.go_on(30)
            assert (job.told(NAME).state, job.told(NAME).waits_for) == (StreamState.WAITING, BEHIND)
            assert job.told(ROLLUP).state == StreamState.CATCHING_UP
            rollup.moved()
        clock.go_on(61)
        assert "the rollup, which is stuck: it finishes no batch" in (job.told(NAME).waits_for or "")
        rollup.batch_finished(1, 200.0, 5)
    assert (job.told(NAME).state, job.told(NAME).waits_for) == (StreamState.IDLE, None)


def test_waiting_for_the_first_batch_of_a_rollup_that_starts(tmp_path: Path) -> None:
    job_below(tmp_path).settle()
    job = LiveJob(tmp_path, names=(NAME,), clock=FakeClock(datetime(2026, 1, 1, tzinfo=UTC)))
    rollup = job.rollup_stream.record
    with rollup.working():
        assert (job.told(ROLLUP).state, job.told(NAME).state) == (StreamState.STARTING, StreamState.WAITING)
        assert job.told(NAME).waits_for == "the rollup, which is starting"
        rollup.batch_finished(1, 0.5, 5)
    assert {job.told(name).state for name in (ROLLUP, NAME)} == {StreamState.IDLE}


def test_waiting_for_a_rollup_that_cannot_begin_and_never_an_alert_of_its_own(tmp_path: Path) -> None:
    job = LiveJob(tmp_path, names=(NAME,), begins=False)
    job.rollup_stream.record.failed(NO_DISK, 1, False, PAUSE)
    job.streams[NAME].record.running()
    told = job.look(NAME)
    assert (told.state, told.waits_for) == (StreamState.WAITING, "the rollup, which is restarting: no disk")
    assert (told.lag_records, told.lag_s) == (0, 0.0), "it has no entry that could be due"
    assert not is_unread(told)


def test_caught_up_to_the_last_hour_that_was_complete_when_nothing_was_due(tmp_path: Path) -> None:
    def complete(before: datetime) -> None:
        hours = {feed.name: FeedHours(iso(NOON), "log", iso(before), None) for feed in FEEDS}
        write_complete_hours(job.ingested.layout, CompleteHours(hours))

    def caught_up_to() -> list[str | None]:
        return [job.told(name).caught_up_to for name in (ROLLUP, NAME)]

    job = job_below(tmp_path)
    assert caught_up_to() == [None, None]
    hours_later(job, range(2))
    complete(NOON + 2 * HOUR)
    assert caught_up_to() == [iso(NOON + HOUR), None], "the analytic has still to take it"
    job.settle()
    assert caught_up_to() == [iso(NOON + HOUR)] * 2
    hours_later(job, range(2, 3))
    complete(NOON + 3 * HOUR)
    assert caught_up_to() == [iso(NOON + 2 * HOUR), iso(NOON + HOUR)]


@pytest.mark.parametrize("started_over", [ROLLUP, NAME])
def test_caught_up_to_no_hour_of_an_output_that_was_started_over(tmp_path: Path, started_over: str) -> None:
    job = job_below(tmp_path)
    hours_later(job, range(2))
    hours = {feed.name: FeedHours(iso(NOON), "log", iso(NOON + 2 * HOUR), None) for feed in FEEDS}
    write_complete_hours(job.ingested.layout, CompleteHours(hours))
    job.told(ROLLUP)
    job.settle()
    assert job.told(NAME).caught_up_to == iso(NOON + HOUR)
    log = job.rollup.log if started_over == ROLLUP else job.analytics[NAME].log
    start_over([Dataset(started_over, log, tmp_path / "checkpoints")])(
        {"stream": started_over, "confirm": started_over}, tell
    )
    assert job.look(started_over).caught_up_to is None, "nothing is there"
    (tmp_path / "feeds/_control/complete.json").unlink()
    job.rollup.begin()
    job.analytics[NAME].resume()
    assert job.told(started_over).caught_up_to is None
    assert job.told(NAME).caught_up_to is None
    job.settle()
    assert job.told(NAME).caught_up_to is None
