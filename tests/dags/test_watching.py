"""A watch over a folder: what it publishes, finds and remembers, with real documents and no Airflow around it."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from spark_streams import lasting, watching
from spark_streams.lasting import Lasted
from spark_streams.settings_reader import SettingsReader
from spark_streams.watching import Finding, Watch

from spark_jobs.documents import watch_memory
from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import held_because, hold, read_desired_state
from spark_jobs.documents.failed_start import FailedStart, write_failed_start
from spark_jobs.documents.status import Driver, JobState, Process, Status, StreamState, StreamStatus, write_status
from spark_jobs.documents.watch_memory import Incident, Restarts, UnwrittenMemory, WatchMemory
from spark_jobs.drivers import processes
from spark_jobs.paths import Layout
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION, StreamJob
from spark_jobs.supervision.restart_policy import RestartAction
from spark_jobs.supervision.restarts import another, given_up
from tests.dags.conftest import Disk


class EagerReader(SettingsReader):
    """Reads every Variable at each look."""

    def _due(self) -> Iterable[str]:
        return self.fallbacks


def watch_of(
    job: StreamJob,
    layout: Layout,
    variables: dict[str, str],
    count_runs: Callable[..., int],
    unwritten: UnwrittenMemory | None = None,
    lasted: Lasted | None = None,
) -> Watch:
    reader = EagerReader(job, job.defaults, variables.get, lambda name, text, _: variables.update({name: text}))
    return Watch(job, layout, reader, count_runs, unwritten, lasted)


@dataclass
class Place:
    """The Variables, the runs of the job's DAG, and the folder that all of them share."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=lambda: {"running": 0, "queued": 0})

    def __post_init__(self) -> None:
        self.variables["OUTPUT_BASE_PATH"] = str(self.root)

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def watch(self, unwritten: UnwrittenMemory | None = None, lasted: Lasted | None = None) -> Watch:
        return watch_of(INGESTION, self.layout, self.variables, lambda state, _: self.runs[state], unwritten, lasted)

    def driver(self, state: str = JobState.RUNNING, **more: object) -> Status:
        """A driver that is this very process."""
        me = Process("python", os.getpid(), processes.started_at(psutil.Process()))
        status = Status(
            "ingestion",
            Driver("a-1", processes.this_host(), (me,)),
            token=1,
            at=iso(datetime.now(UTC)),
            started_at=iso(datetime.now(UTC)),
            state=JobState(state),
            settings_fingerprint=INGESTION.fingerprint(settings_from({"OUTPUT_BASE_PATH": str(self.root)})),
            streams=(StreamStatus("bike_trips", state=StreamState.HEALTHY),),
        )
        status = replace(status, **more)  # type: ignore[arg-type]
        write_status(self.layout, status)
        self.runs["running"] = 1
        return status


def told(place: Place, found: Finding) -> None:
    """As the task does it: everybody has got what was to be sent."""
    watch_memory.write_memory(place.layout, replace(found.memory, undelivered=()), datetime.now(UTC))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_job_that_never_ran_is_started_and_then_left_alone(place: Place) -> None:
    watch = place.watch()
    found = watch.look()
    assert found
    assert (found.action, found.alerts) == (RestartAction.START, [])
    place.runs["running"] = 1  # its run launches the driver
    assert watch.look() is None
    place.driver()
    assert watch.look() is None
    assert watch_memory.read_memory(place.layout).health == "healthy"


def test_a_value_that_is_not_allowed_is_told_once_and_changes_nothing(place: Place) -> None:
    place.driver()
    watch = place.watch()
    assert watch.look() is None
    place.variables["BATCH_INTERVAL"] = "soon"
    found = watch.look()
    assert found
    assert found.action is None
    assert [alert.key for alert in found.alerts] == ["setting:BATCH_INTERVAL"]
    desired = read_desired_state(place.layout)
    assert desired
    assert "BATCH_INTERVAL is 'soon'; allowed:" in desired.rejected["BATCH_INTERVAL"]
    assert place.watch().look(), "nobody was told yet"
    told(place, found)
    assert place.watch().look() is None, "told already"
    place.variables["BATCH_INTERVAL"] = "10 seconds"
    assert place.watch().look() is None
    desired = read_desired_state(place.layout)
    assert desired
    assert desired.rejected == {}


def test_what_is_remembered_of_an_incident_grows_with_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """People read it on the page: a lag of 3 hours is not the 6 minutes that it began with. Written every 30 s."""
    now_s = 1000.0
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: now_s))
    watch = place.watch()
    for behind_s, after_s, remembered in ((360, 0, 6), (7200, 3, 6), (10800, 30, 180)):
        now_s += after_s
        place.driver(streams=(StreamStatus("bike_trips", StreamState.CATCHING_UP, lag_records=9, lag_s=behind_s),))
        if found := watch.look():
            told(place, found)
            watch = place.watch(lasted=found.lasted)
            assert watch.look() is None
        (incident,) = watch_memory.read_memory(place.layout).incidents.values()
        assert incident.sentence == f"bike_trips is {remembered} minutes behind (more than 5 minutes)"


def test_a_job_that_is_idle_now_and_then_is_no_news(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A feed with a message now and then changes thousands of times a day; the present word is written every 30 s."""
    clock, watch = Monotonic(monkeypatch), place.watch()

    def remembered(state: StreamState, after_s: float) -> str:
        clock.now_s += after_s
        place.driver(streams=(StreamStatus("bike_trips", state, waits_for="a broker"),))
        assert watch.look() is None
        return watch_memory.read_memory(place.layout).health

    def lines() -> int:
        return sum(record.name == "spark_streams.watch_notes" for record in caplog.records)

    with caplog.at_level("INFO", "spark_streams.watch_notes"):
        assert remembered(StreamState.IDLE, 0) == "idle"
        assert remembered(StreamState.HEALTHY, 3) == "idle"
        assert remembered(StreamState.IDLE, 3) == "idle"
        assert remembered(StreamState.HEALTHY, 30) == "healthy"
        assert lines() == 1
        assert remembered(StreamState.WAITING, 3) == "waiting"
        assert lines() == 2


def test_a_job_switched_off_or_stopped_by_hand_is_not_started(place: Place) -> None:
    hold(place.layout, "the run was ended by hand", datetime.now(UTC))
    lately = Restarts(5, iso(datetime.now(UTC)))
    watch_memory.write_memory(place.layout, WatchMemory(restarts=lately), datetime.now(UTC))
    watch = place.watch()
    assert watch.look() is None
    assert "stopped by hand (the run was ended by hand)" in watch_memory.read_memory(place.layout).sentence
    place.variables["ENABLE_INGESTION"] = "false"
    assert watch.look() is None
    assert held_because(place.layout) is None, "it was switched off meanwhile: the hold is over"
    assert "switched off by ENABLE_INGESTION" in watch_memory.read_memory(place.layout).sentence
    place.variables["ENABLE_INGESTION"] = "true"
    found = watch.look()
    assert found
    assert found.action is RestartAction.START, "at once, whatever was before"


def test_a_job_that_waits_for_another_says_so_and_is_left_alone(place: Place) -> None:
    why = "waits for ingestion, which is off"
    waiting = StreamStatus("rollup", state=StreamState.WAITING, waits_for=why, lag_s=10.0)
    place.driver(streams=(waiting,))
    watch = place.watch()
    assert watch.look() is None
    memory = watch_memory.read_memory(place.layout)
    assert (memory.health, f"rollup: {why}" in memory.sentence) == ("waiting", True)
    place.driver(streams=(replace(waiting, lag_s=3600.0),))
    found = watch.look()
    assert found
    assert (found.action, [alert.key for alert in found.alerts]) == (None, ["waiting:rollup"])


def test_what_only_a_person_can_help_is_told_and_not_tried_again_before_a_setting_changes(place: Place) -> None:
    fingerprint = INGESTION.fingerprint(settings_from(place.variables))
    failed = FailedStart("/out cannot be written", "give access", retry_helps=False, settings_fingerprint=fingerprint)
    write_failed_start(place.layout, failed, datetime.now(UTC))
    watch = place.watch()
    found = watch.look()
    assert found
    assert found.action is None
    assert "trigger the DAG ingestion" in str(found.alerts[0].diagnosis)
    place.variables["CHECKPOINT_BASE_PATH"] = "/elsewhere"
    found = watch.look()
    assert found
    assert found.action is RestartAction.START


def test_a_job_that_does_not_last_is_given_up_until_a_person_starts_it(place: Place) -> None:
    tried = Restarts(10, "2026-01-01T00:00:00+00:00")
    watch_memory.write_memory(place.layout, WatchMemory(restarts=tried), datetime.now(UTC))
    found = place.watch().look()
    assert found
    assert found.action is RestartAction.GIVE_UP
    gone = given_up(tried, datetime.now(UTC) - timedelta(minutes=30))
    watch_memory.write_memory(place.layout, replace(found.memory, restarts=gone), datetime.now(UTC))
    watch = place.watch()
    found = watch.look()
    assert found
    assert found.action is None
    (alert,) = found.alerts
    assert alert.diagnosis.next_step.endswith("then trigger the DAG ingestion: until then it is tried once an hour")
    told(place, found)
    watch = place.watch()
    place.driver()  # a person has triggered the DAG
    assert watch.look() is None
    assert watch_memory.read_memory(place.layout).restarts == Restarts()


def test_a_try_after_the_giving_up_that_does_not_last_is_no_new_incident(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, now = Monotonic(monkeypatch), datetime.now(UTC)
    gone = another(given_up(Restarts(10), now - timedelta(hours=1)), now)
    down = Incident("it is down", "do it", iso(now - timedelta(hours=1)), iso(now - timedelta(minutes=5)))
    watch_memory.write_memory(place.layout, WatchMemory(restarts=gone, incidents={"down": down}), now)
    watch = place.watch()
    place.driver()
    assert watch.look() is None
    place.driver(state=JobState.FAILED, last_error="it crashed")
    place.runs["running"] = 0
    assert watch.look() is None, "told already, and tried just now"
    memory = watch_memory.read_memory(place.layout)
    assert (memory.restarts, set(memory.incidents)) == (gone, {"down"})
    place.driver()
    assert watch.look() is None
    clock.now_s += 120
    place.driver()
    assert watch.look() is None
    assert watch_memory.read_memory(place.layout).restarts == Restarts(), "well for 2 minutes"


def test_the_analytics_flags_are_published(tmp_path: Path) -> None:
    place = Place(tmp_path, {"ENABLE_PEARSON_CORRELATIONS": "off", "ENABLE_ANALYTICS": "off"})
    watch = watch_of(ANALYTICS_JOB, place.layout, place.variables, lambda *_: 0)
    assert watch.look() is None
    desired = read_desired_state(place.layout)
    assert desired
    assert not desired.job_enabled
    assert [name for name, on in desired.streams.items() if not on] == ["pearson_correlations"]


def test_a_job_that_keeps_ending_is_down_as_long_as_it_has_not_been_well(place: Place) -> None:
    """Each of its starts is another run of the watch, so that none of these sees it dead for long."""
    now = datetime.now(UTC)
    twice = another(another(Restarts(), now - timedelta(minutes=6)), now)
    watch_memory.write_memory(place.layout, WatchMemory(restarts=twice), now)
    found = place.watch().look()
    assert found
    assert [(alert.key, alert.is_over) for alert in found.alerts] == [("down", False)]
    quiet = replace(found.memory.incidents["down"], last_seen=iso(now - timedelta(minutes=2)))
    memory = replace(found.memory, undelivered=(), incidents={"down": quiet})
    watch_memory.write_memory(place.layout, memory, now)
    place.driver()
    assert place.watch().look() is None
    assert "down" in watch_memory.read_memory(place.layout).incidents


def test_a_setting_that_was_corrected_is_over_also_while_the_job_is_down(place: Place) -> None:
    now = datetime.now(UTC)
    long_ago = iso(now - timedelta(minutes=2))
    opened = {key: Incident("it is so", "do it", long_ago, long_ago) for key in ("setting:RESTART_LIMIT", "lag:bikes")}
    watch_memory.write_memory(place.layout, WatchMemory(incidents=opened), now)
    found = place.watch().look()
    assert found
    assert [(alert.key, alert.is_over) for alert in found.alerts] == [("setting:RESTART_LIMIT", True)]


def test_a_run_that_waits_in_the_queue_is_said_to(place: Place) -> None:
    place.runs["queued"] = 1
    since = datetime.now(UTC) - timedelta(minutes=6)
    watch_memory.write_memory(place.layout, WatchMemory(restarts=another(Restarts(), since)), datetime.now(UTC))
    found = place.watch().look()
    assert found
    assert [alert.diagnosis.next_step for alert in found.alerts] == [
        "a run of the DAG ingestion is queued: unpause that DAG, or see whether a worker is free"
    ]


def test_other_settings_are_reason_enough_to_try_again_what_was_given_up(place: Place) -> None:
    assert place.watch().look()
    gone = WatchMemory(restarts=Restarts(10, iso(datetime.now(UTC)), has_given_up=True))
    watch_memory.write_memory(place.layout, gone, datetime.now(UTC))
    found = place.watch().look()
    assert found
    assert found.action is None
    told(place, found)
    place.variables["BATCH_INTERVAL"] = "20 seconds"
    found = place.watch().look()
    assert found
    assert (found.action, found.memory.restarts) == (RestartAction.START, Restarts())


def test_a_wrong_value_and_then_a_death_are_a_start_with_the_last_value(place: Place) -> None:
    watch = place.watch()
    place.driver()
    assert watch.look() is None
    place.variables["BATCH_INTERVAL"] = "soon"
    found = watch.look()
    assert found
    told(place, found)
    place.driver(state=JobState.FAILED, last_error="it was killed")
    place.runs["running"] = 0
    found = place.watch().look()
    assert found
    assert found.action is RestartAction.START
    assert set(found.memory.incidents) == {"setting:BATCH_INTERVAL"}, "as long as it is wrong"


def test_a_value_that_was_never_right_is_the_reason_that_is_told(place: Place) -> None:
    place.variables["CHECKPOINT_BASE_PATH"] = "relative"
    found = place.watch().look()
    assert found
    assert found.action is None
    assert "CHECKPOINT_BASE_PATH is 'relative'; allowed:" in found.health.diagnosis.message
    assert set(found.memory.incidents) == {"setting:CHECKPOINT_BASE_PATH", "down"}
    told(place, found)
    place.variables["CHECKPOINT_BASE_PATH"] = "/tmp/checkpoints"
    found = place.watch().look()
    assert found
    assert found.action is RestartAction.START, "correcting it is enough"


def test_a_root_that_goes_away_ends_the_look_and_nothing_is_written(place: Place, tmp_path: Path) -> None:
    place.root = tmp_path / "mount"
    place.variables["OUTPUT_BASE_PATH"] = str(place.root)
    place.driver()
    watch = place.watch()
    assert watch.look() is None
    place.root.rename(tmp_path / "unmounted")
    found = watch.look()
    assert found
    assert found.action is RestartAction.LEAVE
    assert "a mount is missing" in found.health.diagnosis.message
    assert not place.root.exists()
    assert watch.gauges == {"streams.ingestion.runs": 0, "streams.ingestion.incidents": 0}, "nobody sends more of it"


BEHIND = (StreamStatus("bike_trips", StreamState.CATCHING_UP, lag_s=9.0),)
LAG = "streams.ingestion.bike_trips.lag_seconds"


def test_figures_are_sent_for_as_long_as_the_heartbeat_may_be_old(place: Place) -> None:
    place.variables["HEARTBEAT_STALE_AFTER"] = "60 seconds"
    place.driver(at=iso(datetime.now(UTC) - timedelta(seconds=20)), streams=BEHIND)
    watch = place.watch()
    watch.look()
    assert watch.gauges[LAG] == 9


def test_a_driver_that_is_gone_has_no_figures_however_young_its_heartbeat(place: Place) -> None:
    place.driver(driver=Driver("a-1", processes.this_host()), streams=BEHIND)
    watch = place.watch()
    watch.look()
    assert watch.gauges["streams.ingestion.runs"] == 0
    assert LAG not in watch.gauges


def test_a_monitor_outside_sees_that_the_watch_looks(place: Place) -> None:
    place.driver()
    place.watch().look()
    sign = json.loads(place.layout.watch_alive.read_bytes())
    assert (sign["health"], sign["incidents"], sign["undelivered"]) == ("healthy", [], 0)
    assert datetime.fromisoformat(sign["at"]) <= datetime.now(UTC)


def test_a_full_disk_keeps_nobody_from_being_told_and_starts_nothing(place: Place, disk: Disk) -> None:
    place.driver(state=JobState.FAILED, last_error="the disk is full")
    place.runs["running"] = 0
    disk.fill()
    watch = place.watch()
    found = watch.look()
    assert found
    assert (found.action, [alert.key for alert in found.alerts]) == (None, ["unwritable"])
    assert "No space left on device" in found.alerts[0].diagnosis.message
    disk.free()
    found = watch.look()
    assert found
    assert found.action is RestartAction.START, "at the first look at which there is room"


def test_a_disk_that_fills_up_while_the_job_runs_is_told_and_the_job_left_alone(place: Place, disk: Disk) -> None:
    watch = place.watch()
    place.driver()
    assert watch.look() is None
    broken = StreamStatus("bike_trips", state=StreamState.BROKEN, last_error="the disk is full")
    place.driver(streams=(broken,))
    disk.fill()
    found = watch.look()
    assert found
    assert (found.action, [alert.key for alert in found.alerts]) == (None, ["broken:bike_trips"])


def test_what_could_not_be_written_is_handed_on_until_something_newer_is(place: Place) -> None:
    broken = StreamStatus("bike_trips", state=StreamState.BROKEN, last_error="the disk is full")
    place.driver(streams=(broken,))
    found = place.watch().look()
    assert found
    handed_on = UnwrittenMemory(replace(found.memory, undelivered=()), watch_memory.read_memory(place.layout))
    assert place.watch(handed_on).look() is None, "told already"
    watch_memory.write_memory(place.layout, WatchMemory(health="healthy"), datetime.now(UTC))
    found = place.watch(handed_on).look()
    assert found
    assert [alert.key for alert in found.alerts] == ["broken:bike_trips"], "what was written since holds"


class Monotonic:
    """The watch's own clock, which goes on when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        for module in (watching, lasting):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now_s))


def test_a_feed_that_cannot_be_read_is_told_whatever_the_reason(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Monotonic(monkeypatch)
    no_topic = "the topic bike-trip does not exist"
    restarting = StreamStatus("bike_trips", StreamState.RESTARTING, last_error=no_topic, next_step="correct it")
    again = replace(restarting, state=StreamState.STARTING, lag_s=0.0)
    waiting = StreamStatus("bike_trips", StreamState.WAITING, waits_for="an answer of Kafka")
    watch = place.watch()
    for stream in (restarting, again, waiting, restarting):
        place.driver(streams=(stream,))
        assert watch.look() is None
        clock.now_s += 100
    place.driver(streams=(restarting,))
    found = watch.look()
    assert found
    assert [alert.key for alert in found.alerts] == ["unread:bike_trips"]
    assert str(found.alerts[0].diagnosis) == (
        f"bike_trips has read nothing for more than 5 minutes: {no_topic}. Next step: correct it."
    )
    told(place, found)
    watch = place.watch()
    place.driver(streams=(again,))
    assert watch.look() is None
    assert set(watch_memory.read_memory(place.layout).incidents) == {"unread:bike_trips"}, "a new watch keeps it open"


def test_a_job_that_stays_out_of_date_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One restart for the same settings is enough; whatever keeps the job from taking them up, a person has to see."""
    clock, old = Monotonic(monkeypatch), {"settings_fingerprint": "before"}
    place.driver()
    watch = place.watch()
    assert watch.look() is None
    now = watch_memory.read_memory(place.layout)
    watch_memory.write_memory(place.layout, replace(now, restarted_for=now.settings), datetime.now(UTC))
    watch = place.watch()
    for after_s in (0, 200, 100):
        clock.now_s += after_s
        place.driver(**old)
        assert watch.look() is None
    clock.now_s += 2
    place.driver(**old)
    found = watch.look()
    assert found
    assert (found.action, [alert.key for alert in found.alerts]) == (None, ["out of date"])
    assert "set the Variable ENABLE_INGESTION to false" in found.alerts[0].diagnosis.next_step
    told(place, found)
    place.driver()
    assert place.watch().look() is None, "it is over once the job has run with its settings for a minute"
    assert watch_memory.read_memory(place.layout).restarted_for is None, "the next time there is a restart again"


def test_a_start_is_stuck_by_the_watchs_own_clock(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, watch = Monotonic(monkeypatch), place.watch()
    for _ in range(2):
        place.driver(JobState.STARTING, started_at="2018-01-01T00:00:00+00:00", streams=())
        assert watch.look() is None, "the clock on the wall was set forward"
        clock.now_s += 299
    place.driver(JobState.STARTING, streams=())
    found = watch.look()
    assert found
    assert found.action is RestartAction.RESTART


def test_a_driver_whose_run_is_gone_is_adopted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, watch = Monotonic(monkeypatch), place.watch()
    for _ in range(2):
        place.driver()
        place.runs["running"] = 0  # deleted, or ended as a success once its task was
        found = watch.look()
        clock.now_s += 60
    assert found
    assert (found.action, found.alerts) == (RestartAction.ADOPT, [])


@pytest.mark.parametrize(
    ("sent_before", "action"),
    [(timedelta(seconds=1), RestartAction.RESTART), (timedelta(hours=1), None)],
    ids=["just now", "by a trigger that Airflow starts again"],
)
def test_a_watch_that_has_sent_something_goes_on_counting(
    sent_before: timedelta, action: RestartAction | None, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, watch = Monotonic(monkeypatch), place.watch()
    place.driver(JobState.STARTING, streams=())
    assert watch.look() is None
    clock.now_s += 200
    place.variables["BATCH_INTERVAL"] = "soon"
    found = watch.look()
    assert found
    assert found.lasted
    told(place, found)
    clock.now_s += 10_000  # another host's
    watch = place.watch(lasted=replace(found.lasted, at=iso(datetime.now(UTC) - sent_before)))
    for _ in range(2):
        place.driver(JobState.STARTING, streams=())
        found = watch.look()
        clock.now_s += 101
    assert (found.action if found else None) == action


def test_a_start_and_a_feed_that_is_read_are_no_alert(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Monotonic(monkeypatch)
    watch = place.watch()
    for state in (StreamState.STARTING, StreamState.HEALTHY, StreamState.STARTING, StreamState.OFF) * 3:
        place.driver(streams=(StreamStatus("bike_trips", state, lag_s=None if state == StreamState.OFF else 0.0),))
        assert watch.look() is None
        clock.now_s += 250


def test_a_warning_of_the_job_is_told(place: Place) -> None:
    place.driver(warnings=("the thread for requests has ended: start the job again",))
    found = place.watch().look()
    assert found
    (alert,) = found.alerts
    assert "ingestion runs, but the thread for requests has ended" in alert.diagnosis.message
