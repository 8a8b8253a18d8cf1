"""The page's verdicts: never green when it is not, and a person is called where one is needed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from boston_page.health import HealthWord, Judgement, worst
from boston_page.heartbeat import Heartbeat, look_at_heartbeat
from boston_page.job_health import Supervision, judge_job
from boston_page.stream_health import StreamSwitch, judge_stream

from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus, write_status
from spark_jobs.documents.watch_memory import Incident, Restarts, WatchMemory
from spark_jobs.paths import Layout
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import INGESTION
from spark_jobs.supervision.incidents import stream_problems

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
STALE_AFTER = timedelta(seconds=10)
LOOKED_AFTER = Supervision("", WatchMemory())
PAUSED = Supervision("watch_ingestion is paused", WatchMemory())
GIVEN_UP = Supervision("", WatchMemory(sentence="it crashed", restarts=Restarts(10, None, has_given_up=True)))
LAGS = Incident("bike_trips is 9 minutes behind", "give the job more cores", iso(NOW), iso(NOW))
RUNS = Judgement(HealthWord.HEALTHY, "runs")
GOOD = {HealthWord.HEALTHY, HealthWord.IDLE}


def status(state: JobState = JobState.RUNNING, age_s: float = 1, **more: object) -> Status:
    at = iso(NOW - timedelta(seconds=age_s))
    return Status("ingestion", Driver("d", "h"), 1, at, at, state, "f", **more)  # type: ignore[arg-type]


def heartbeat(found: Status) -> Heartbeat:
    return Heartbeat(found, found.age(NOW).total_seconds(), found.is_live(NOW, STALE_AFTER))


NEVER_RAN = Heartbeat(None, why_unknown="it has never run", is_absent=True)
DAMAGED = Heartbeat(None, why_unknown="damaged")
NEEDS_HELP = status(JobState.FAILED, last_error="no topic", next_step="make it", needs_person=True)


@pytest.mark.parametrize(
    ("found", "wanted", "supervision", "verdict", "needs_person"),
    [
        (heartbeat(status()), True, LOOKED_AFTER, HealthWord.HEALTHY, False),
        (heartbeat(status(JobState.STARTING)), True, LOOKED_AFTER, HealthWord.STARTING, False),
        (heartbeat(status(JobState.STOPPING)), True, LOOKED_AFTER, HealthWord.ENDED, False),
        (heartbeat(status(JobState.STOPPED)), True, LOOKED_AFTER, HealthWord.ENDED, False),
        (heartbeat(status(JobState.STOPPED)), False, LOOKED_AFTER, HealthWord.OFF, False),
        (heartbeat(status(JobState.STOPPED)), True, replace(LOOKED_AFTER, held_because="x"), HealthWord.OFF, False),
        (heartbeat(status(JobState.FAILED, last_error="x")), True, LOOKED_AFTER, HealthWord.ENDED, False),
        (heartbeat(NEEDS_HELP), True, LOOKED_AFTER, HealthWord.ENDED, True),
        (heartbeat(status(JobState.FAILED, last_error="x")), True, GIVEN_UP, HealthWord.BROKEN, True),
        (heartbeat(status(age_s=11)), True, LOOKED_AFTER, HealthWord.ENDED, False),
        (heartbeat(status(age_s=11)), True, PAUSED, HealthWord.ENDED, True),
        (heartbeat(status(age_s=11)), False, LOOKED_AFTER, HealthWord.OFF, False),
        (heartbeat(status()), True, PAUSED, HealthWord.UNWATCHED, True),
        (heartbeat(status()), True, GIVEN_UP, HealthWord.HEALTHY, False),
        (NEVER_RAN, True, LOOKED_AFTER, HealthWord.UNKNOWN, False),
        (NEVER_RAN, True, PAUSED, HealthWord.UNKNOWN, True),
        (NEVER_RAN, False, PAUSED, HealthWord.OFF, False),
        (DAMAGED, True, LOOKED_AFTER, HealthWord.UNKNOWN, True),
    ],
)
def test_a_job(
    found: Heartbeat, wanted: bool, supervision: Supervision, verdict: HealthWord, needs_person: bool
) -> None:
    judged = judge_job(INGESTION, wanted, found, supervision)
    assert (judged.verdict, judged.needs_person) == (verdict, needs_person)
    assert judged.cause


def test_nobody_is_told_that_a_watch_acts_that_does_not_look() -> None:
    stale = heartbeat(status(age_s=60))
    assert judge_job(INGESTION, True, stale, LOOKED_AFTER).next_step == "none: the watch starts it again"
    assert "trigger the DAG ingestion" in judge_job(INGESTION, True, stale, PAUSED).next_step


@pytest.mark.parametrize("key", ["setting:BATCH_INTERVAL", "warning:the thread for requests has ended", "unwritable"])
def test_what_is_wrong_with_a_job_is_its_own_incident_and_no_streams(key: str) -> None:
    memory = WatchMemory(incidents={key: LAGS, "lag:bike_trips": LAGS})
    judged = judge_job(INGESTION, True, heartbeat(status()), Supervision("", memory))
    assert (judged.verdict, judged.needs_person) == (HealthWord.INCIDENT, True)
    without = judge_job(INGESTION, True, heartbeat(status()), Supervision("", WatchMemory(incidents={"lag:x": LAGS})))
    assert without.verdict is HealthWord.HEALTHY


def stream(state: StreamState, **more: object) -> StreamStatus:
    return StreamStatus("bike_trips", state, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", StreamState)
def test_a_stream_of_a_job_that_runs_is_what_it_says(state: StreamState) -> None:
    judged = judge_stream(stream(state), None, RUNS, {}, {}, "bike_trips")
    assert judged.verdict.value == state.value
    assert judged.needs_person is (state is StreamState.BROKEN)


@pytest.mark.parametrize("job", [HealthWord.ENDED, HealthWord.UNKNOWN, HealthWord.BROKEN, HealthWord.OFF])
@pytest.mark.parametrize("state", [*StreamState, None])
def test_a_stream_is_not_better_than_a_job_that_does_not_run(job: HealthWord, state: StreamState | None) -> None:
    judged = judge_stream(stream(state) if state else None, None, Judgement(job, "why", "what"), {}, {}, "bike_trips")
    assert (judged.verdict, judged.cause) == (job, "why")


@pytest.mark.parametrize("job", [HealthWord.UNWATCHED, HealthWord.STARTING])
def test_no_stream_is_green_while_its_job_is_not_watched_or_starts(job: HealthWord) -> None:
    judged = judge_stream(stream(StreamState.HEALTHY), None, Judgement(job, "why", "", True), {}, {}, "bike_trips")
    assert (judged.verdict, judged.needs_person) == (job, False)


def test_a_stream_that_the_job_does_not_name_is_unknown() -> None:
    assert judge_stream(None, None, RUNS, {}, {}, "bike_trips").verdict is HealthWord.UNKNOWN


@pytest.mark.parametrize("upstream", HealthWord)
def test_a_stream_is_not_green_while_its_upstream_may_owe_something(upstream: HealthWord) -> None:
    judged = judge_stream(stream(StreamState.IDLE), None, RUNS, {"rollup": Judgement(upstream, "")}, {}, "x")
    calm = {*GOOD, HealthWord.STARTING, HealthWord.CATCHING_UP, HealthWord.INCIDENT, HealthWord.UNWATCHED}
    assert (judged.verdict in GOOD) is (upstream in calm)
    if upstream not in calm:
        assert f"rollup: {upstream}" in judged.cause


@pytest.mark.parametrize(
    ("ill", "calls"),
    [
        ({"lag_s": 3600.0}, True),
        ({"lost_messages": "5 messages", "lost_at": iso(NOW)}, True),
        ({"refused_today": 100, "rows_today": 0}, True),
        ({"new_layout": "a layout"}, True),
        ({"lag_s": 3600.0, "state": StreamState.WAITING, "waits_for": "a disk"}, False),
    ],
)
def test_what_people_were_told_of_a_stream_shows_at_it(ill: dict[str, object], calls: bool) -> None:
    streams = (replace(stream(StreamState.HEALTHY), name=name, **ill) for name in ("bike_trips", "taxi_trips"))  # type: ignore[arg-type]
    told = {problem.key: LAGS for problem in stream_problems(status(streams=tuple(streams)), settings_from({}))}
    judged = judge_stream(stream(StreamState.HEALTHY), None, RUNS, {}, told, "bike_trips")
    assert judged == Judgement(HealthWord.INCIDENT, LAGS.sentence, LAGS.next_step, calls)
    assert judge_stream(stream(StreamState.HEALTHY), None, RUNS, {}, told, "rollup").verdict is HealthWord.HEALTHY


def test_an_analytic_that_is_switched_off_is_off_whatever_ails_the_rest() -> None:
    off = StreamSwitch("ENABLE_X", wanted=False)
    broken = {"rollup": Judgement(HealthWord.BROKEN, "")}
    assert judge_stream(stream(StreamState.OFF), off, RUNS, broken, {}, "x").verdict is HealthWord.OFF
    assert judge_stream(None, off, Judgement(HealthWord.ENDED, ""), broken, {}, "x").verdict is HealthWord.OFF


def test_an_analytic_that_does_not_follow_its_switch_yet_is_what_it_is() -> None:
    off, on = (StreamSwitch("ENABLE_X", wanted) for wanted in (False, True))
    assert judge_stream(stream(StreamState.STUCK), off, RUNS, {}, {}, "x").verdict is HealthWord.STUCK
    judged = judge_stream(stream(StreamState.OFF), on, RUNS, {}, {}, "x")
    assert judged.verdict is HealthWord.STARTING, "it is to run: off would look as if all were as it should be"
    assert "ENABLE_X is on" in judged.cause


def test_the_worst_decides_and_any_of_them_calls_a_person() -> None:
    told = Judgement(HealthWord.INCIDENT, "told", needs_person=True)
    assert worst([RUNS, told, Judgement(HealthWord.STUCK, "stuck")]) == Judgement(HealthWord.STUCK, "stuck", "", True)


def test_a_document_is_read_for_what_it_is(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert look_at_heartbeat(layout, NOW, STALE_AFTER).is_absent

    layout.control.mkdir()
    write_status(layout, status())
    assert look_at_heartbeat(layout, NOW, STALE_AFTER).is_live
    whole = layout.status.read_bytes()

    for content, why in (
        (whole[: len(whole) // 2], "half written"),
        (b"", "half written"),
        (b"[1]", "half written"),
        (whole.replace(b'"schema_version": 1', b'"schema_version": 2'), "version 2"),
        (whole.replace(b'"running"', b'"flying"'), "damaged"),
    ):
        layout.status.write_bytes(content)
        found = look_at_heartbeat(layout, NOW, STALE_AFTER)
        assert found.status is None
        assert not found.is_live
        assert why in found.why_unknown


def test_a_document_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.status.mkdir(parents=True)  # reading a folder fails for root as well
    assert "cannot be read" in look_at_heartbeat(layout, NOW, STALE_AFTER).why_unknown
