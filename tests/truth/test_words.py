"""Each word of the status: what makes it so in the parts of the real job, and what ends it."""

import errno
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import DesiredState, write_desired_state
from spark_jobs.documents.status import JobState, Status, read_status, unread_for_s
from spark_jobs.documents.watch_memory import WatchMemory
from spark_jobs.drivers.observation import DriverObservation
from spark_jobs.ingestion import complete_hours
from spark_jobs.maintenance.start_over import start_over
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.driver import JobRun
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import INGESTION
from spark_jobs.supervision.effective_settings import EffectiveSettings
from spark_jobs.supervision.health import HealthState, judge
from spark_jobs.supervision.incidents import stream_problems
from spark_jobs.supervision.restart_policy import RestartAction, RestartContext, decide
from tests.ingestion.feed_by_hand import BIKES, NOON, Broker, broker_by_hand
from tests.patience import wait_until
from tests.truth.running_job import RunningJob

SETTINGS = settings_from({})


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = broker_by_hand(monkeypatch)
    broker.end = {0: 5}
    return broker


@pytest.fixture
def job(broker: Broker, tmp_path: Path) -> Iterator[RunningJob]:
    """A job that has read all there is."""
    with RunningJob(tmp_path, broker).started() as job:
        job.read_all_and_look()
        assert job.word() == "idle"
        yield job


def health(status: Status) -> HealthState:
    effective = EffectiveSettings(DesiredState(True), SETTINGS, None)
    return judge(INGESTION, DriverObservation(status), effective, None).state


def action_of_the_watch(status: Status) -> RestartAction | None:
    effective = EffectiveSettings(DesiredState(True), SETTINGS, None)
    found = judge(INGESTION, DriverObservation(status), effective, None)
    context = RestartContext(
        now=utc_now(),
        same_for=timedelta(0),
        running_runs=1,
        queued_runs=0,
        has_died=False,
        runs_elsewhere=False,
        unattended_for=timedelta(0),
        settled_for=timedelta(0),
        fingerprint=None,
        has_moved=False,
        restart_limit=10,
    )
    return decide(found, WatchMemory(), context)


# -- starting, healthy, idle, catching up ---------------------------------------------------------------------------


def test_starting_until_a_batch_has_finished(broker: Broker, tmp_path: Path) -> None:
    with RunningJob(tmp_path, broker).started() as job:
        assert job.word() == "starting"
        job.look()
        assert (job.word(after_s=20), job.says().lag_records) == ("starting", 5)
        assert health(job.document()) is HealthState.STARTING
        job.read()
        assert job.word() == "healthy"


def test_starting_until_nothing_is_due(broker: Broker, tmp_path: Path) -> None:
    broker.end = {0: 0}
    with RunningJob(tmp_path, broker).started() as job:
        wait_until(lambda: job.record._phase.name == "RUNNING")
        assert job.word() == "starting"
        job.look()
        assert job.word() == "idle"


def test_a_start_that_comes_to_no_end_is_stuck_after_five_minutes(broker: Broker, tmp_path: Path) -> None:
    with RunningJob(tmp_path, broker).started() as job:
        for _ in range(15):
            job.look()
            assert job.word(after_s=20) == "starting"
        assert job.word(after_s=1) == "stuck"
        job.read_all_and_look()
        assert job.word() == "idle"


def test_healthy_while_something_is_due_and_batches_finish(job: RunningJob) -> None:
    for _ in range(20):
        job.produce(3)
        job.clock.go_on(9)
        job.look()
        assert job.word() == "healthy"
        job.read()
        assert job.word(after_s=1) == "healthy", "nobody has looked since"
    job.look()
    assert job.word() == "idle"
    assert job.says().rows_per_s == round(6 * 3 / 60, 1)


def test_idle_while_nothing_is_due_however_long(job: RunningJob) -> None:
    for _ in range(100):
        job.look()
        assert (job.word(after_s=20), job.says().lag_records, job.says().lag_s) == ("idle", 0, 0.0)
    assert health(job.document()) is HealthState.IDLE


def test_catching_up_while_more_is_due_than_a_batch_takes(job: RunningJob) -> None:
    job.produce(SETTINGS.MAX_OFFSETS_PER_TRIGGER + 1)
    job.look()
    assert (job.word(), job.says().lag_records) == ("catching up", 200_001)
    job.read(most=2)
    assert job.word(after_s=1) == "catching up", "until the next look"
    job.look()
    assert job.word() == "healthy"


def test_catching_up_while_messages_wait_for_more_than_an_interval(job: RunningJob) -> None:
    job.produce(50)
    for _ in range(4):
        job.look()
        job.read(most=2)
        job.clock.go_on(9)
    job.look()
    assert (job.word(), job.says().lag_records, job.says().lag_s) == ("catching up", 42, 36.0)
    job.read_all_and_look()
    assert job.word() == "idle"


# -- stuck ----------------------------------------------------------------------------------------------------------


def test_stuck_while_a_batch_hangs_which_keeps_no_look_waiting(job: RunningJob) -> None:
    job.produce(3)
    with job.hung_batch():
        job.look()  # the batch has the log's lock
        assert (job.word(after_s=20), job.says().lag_records) == ("healthy", 3)
        for _ in range(2):
            job.clock.go_on(20)
            job.look()
        told = job.says(after_s=1)
        assert (told.state, told.lag_records, told.lag_s) == ("stuck", 3, 61.0)
        assert health(job.document()) is HealthState.STUCK
        assert action_of_the_watch(job.document()) is RestartAction.RESTART
    job.look()
    assert job.word() == "idle"
    assert action_of_the_watch(job.document()) is None


def test_stuck_though_nobody_can_ask_what_is_unread(job: RunningJob) -> None:
    job.produce(3)
    job.look()
    job.broker.is_away = True
    job.look()
    assert job.word(after_s=31) == "waiting"
    job.look()
    told = job.says(after_s=30)
    assert (told.state, told.lag_records) == ("stuck", None)
    assert action_of_the_watch(job.document()) is RestartAction.RESTART
    job.broker.is_away = False
    job.read_all_and_look()
    assert job.word() == "idle"


def test_stuck_though_the_last_look_found_nothing(job: RunningJob) -> None:
    job.produce(3)
    with job.hung_batch():
        job.broker.is_away = True
        job.look()
        assert job.word(after_s=61) == "stuck"


def test_a_clock_that_is_set_back_an_hour_hides_nothing_that_is_stuck(job: RunningJob) -> None:
    job.produce(3)
    with job.hung_batch():
        job.clock.go_on(61)
        an_hour_ago = utc_now() - timedelta(hours=1)
        assert job.run.heartbeat.status(an_hour_ago).streams[0].state == "stuck"


# -- waiting --------------------------------------------------------------------------------------------------------


def test_waiting_while_the_broker_is_away(job: RunningJob) -> None:
    job.broker.is_away = True
    job.look()
    assert job.word(after_s=29) == "idle", "what was seen just now"
    told = job.says(after_s=2)
    assert (told.state, told.lag_records, told.lag_s) == ("waiting", None, None)
    assert told.waits_for is not None
    assert "Kafka at localhost:9092 cannot be reached" in told.waits_for
    assert health(job.document()) is HealthState.WAITING
    job.broker.is_away = False
    job.look()
    assert (job.word(), job.says().waits_for) == ("idle", None)


def test_waiting_while_nobody_can_tell_which_hours_are_complete(
    job: RunningJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    job.look()
    with monkeypatch.context() as disk:
        disk.setattr(complete_hours, "write_complete_hours", full)
        for _ in range(4):
            job.look()
            told = job.says(after_s=10)
    assert told.state == "waiting"
    assert told.waits_for is not None
    assert "No space left on device" in told.waits_for
    job.look()
    assert (job.word(), job.says().waits_for) == ("idle", None)


def test_waiting_while_a_producer_leaves_a_transaction_open(job: RunningJob) -> None:
    job.broker.in_transactions = 7
    for _ in range(4):
        job.look()
        job.clock.go_on(20)
    job.look()
    told = job.says()
    assert (told.state, told.lag_records) == ("waiting", 0)
    assert told.waits_for is not None
    assert "a transaction that a producer left open: 7 offsets of bike-trips 0" in told.waits_for
    job.broker.in_transactions = 0
    job.look()
    assert job.word() == "idle"


def test_waiting_while_a_request_works_on_the_files(job: RunningJob) -> None:
    with job.supervisor.paused():
        wait_until(lambda: job.word() == "waiting")
        job.produce(3)
        job.look()
        assert (job.word(after_s=20), job.says().waits_for) == ("waiting", "a request that works on its files")
    wait_until(lambda: job.starts == 2)
    assert job.word() == "starting"
    job.read_all_and_look()
    assert job.word() == "idle"


# -- restarting, broken ---------------------------------------------------------------------------------------------


def test_restarting_while_the_next_try_waits_and_broken_where_none_can_help(broker: Broker, tmp_path: Path) -> None:
    job = RunningJob(tmp_path, broker)
    broker.is_away = True
    job.supervisor.begin()
    wait_until(lambda: job.word() == "restarting")
    told = job.says()
    assert told.last_error == "Kafka at localhost:9092 cannot be reached (timed out)"
    assert (told.next_step, told.consecutive_failures) == ("start it", 1)
    assert told.next_retry_at is not None
    assert health(job.document()) is HealthState.WAITING, "nothing moves"
    broker.is_away = False
    wait_until(lambda: job.starts == 1)
    job.read_all_and_look()
    assert job.word() == "idle"

    broker.topic_id = "B"
    with job.supervisor.paused():
        wait_until(lambda: job.word() == "waiting")
    wait_until(lambda: job.word() == "broken")
    assert "was recreated" in str(job.says().last_error)
    assert [problem.key for problem in stream_problems(job.document(), SETTINGS)] == ["broken:bike_trips"]
    broker.topic_id = "A"
    job.supervisor._wake.set()
    wait_until(lambda: job.starts == 2)
    job.look()
    assert job.word() == "idle"
    job.supervisor.stop()
    assert job.supervisor.join(10)


# -- off, ended -----------------------------------------------------------------------------------------------------


def test_off_has_no_lag_no_error_and_no_alert(job: RunningJob) -> None:
    def switch(on: bool) -> None:
        write_desired_state(job.run.layout, DesiredState(True, {BIKES.name: on}), utc_now())
        job.run._follow_switches()

    job.produce(3)
    job.look()
    switch(on=False)
    wait_until(lambda: job.word() == "off")
    for _ in range(30):
        job.look()
        job.clock.go_on(20)
    told = job.says()
    assert told.state == "off"
    assert [told.lag_records, told.lag_s, told.rows_per_s, told.last_error, told.waits_for] == [None] * 5
    assert list(stream_problems(job.document(), SETTINGS)) == []
    switch(on=True)
    wait_until(lambda: job.starts == 2)
    job.look()
    assert (job.word(), job.says().lag_s) == ("starting", 0.0), "the time while it was off does not count"


class Ended(BaseException):
    """Stands for the end of the process."""


def _exit(code: int) -> NoReturn:
    raise Ended(code)


ENDINGS: dict[str, tuple[Callable[[JobRun], NoReturn], JobState, str | None, bool]] = {
    "stopped": (lambda run: run._stop_gracefully(), JobState.STOPPED, None, False),
    "failed, and a person has to act": (
        lambda run: run._fail(Diagnosis("the disk is gone", "bring it back", retryable=False)),
        JobState.FAILED,
        "the disk is gone",
        True,
    ),
    "failed, and starting again can help": (
        lambda run: run._fail(Diagnosis("out of memory", "raise it")),
        JobState.FAILED,
        "out of memory",
        False,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_ended_is_said_in_the_last_document(ending: str, job: RunningJob, monkeypatch: pytest.MonkeyPatch) -> None:
    end, state, why, needs_person = ENDINGS[ending]
    monkeypatch.setattr(os, "_exit", _exit)
    job.produce(3)
    job.look()
    with pytest.raises(Ended):
        end(job.run)
    document = job.document()
    assert (document.state, document.last_error, document.needs_person) == (state, why, needs_person)
    told = document.streams[0]
    assert (told.state, told.lag_records, told.lag_s, told.rows_per_s) == ("ended", None, None, None)
    assert told.rows_today == 5, "what was read stays so"


def test_ended_is_read_where_a_job_gives_no_sign_of_life_until_one_does(job: RunningJob) -> None:
    later = utc_now() + timedelta(seconds=11)
    told = job.document(at=later).streams[0]
    assert (told.state, told.lag_records) == ("ended", None)
    earlier = utc_now() - timedelta(hours=1)
    assert job.document(at=earlier).streams[0].state == "ended", "it was written before the clock was set back"
    assert job.document().streams[0].state == "idle"


# -- numbers --------------------------------------------------------------------------------------------------------


def test_rows_of_today_survive_a_restart(job: RunningJob, broker: Broker, tmp_path: Path) -> None:
    job.produce(3)
    job.read_all_and_look()
    today = job.says().rows_today
    assert today is not None
    assert today >= 3
    with RunningJob(tmp_path, broker).started() as again:
        again.look()
        assert again.says().rows_today == today


def test_offsets_without_messages_are_no_rows_and_none_is_refused(job: RunningJob) -> None:
    """Control records of transactions, and messages that were aborted, take up offsets."""
    before = job.says().rows_today or 0
    job.feed.publish([], 5, {"0": 11})
    job.broker.end = {0: 11}
    job.look()
    told = job.says()
    assert (told.state, told.lag_records, told.refused_today, (told.rows_today or 0) - before) == ("idle", 0, 0, 0)


def test_the_lag_of_a_job_that_ends_again_and_again_reaches_the_alert(broker: Broker, tmp_path: Path) -> None:
    RunningJob(tmp_path, broker).feed.start()
    unread_before_s, alerts = 0.0, []
    for _ in range(4):
        job = RunningJob(tmp_path, broker, unread_before_s=unread_before_s)
        with job.started():
            job.look()
            job.clock.go_on(80)
            job.look()
            document = job.document()
        alerts.append([problem.key for problem in stream_problems(document, SETTINGS)])
        unread_before_s = unread_for_s(read_status(job.run.layout))[BIKES.name]
    assert round(unread_before_s) == 320
    assert alerts == [[], [], [], ["lag:bike_trips"]]


def test_caught_up_to_no_hour_of_a_feed_that_was_started_over(
    job: RunningJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[datetime | None] = [NOON]
    monkeypatch.setattr(job.feed.stream.hours, "passed", lambda _now: passed[0])
    job.look()
    assert job.says().caught_up_to == iso(NOON - timedelta(hours=1))
    passed[0] = None
    start_over([Dataset(BIKES.name, job.feed.log, tmp_path / "checkpoints", job.supervisor.paused)])(
        {"stream": BIKES.name, "confirm": BIKES.name}, lambda _message: None
    )
    wait_until(lambda: job.starts == 2)
    job.look()
    assert job.says().caught_up_to is None
