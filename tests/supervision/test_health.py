"""What a watcher makes of what it observes: a table of cases, each a line of a stream's life."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus
from spark_jobs.drivers.observation import DriverObservation
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import INGESTION
from spark_jobs.supervision.effective_settings import EffectiveSettings
from spark_jobs.supervision.health import Health, HealthState, judge

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ON = EffectiveSettings(DesiredState(True), settings_from({}), fingerprint="same")
OFF = replace(ON, desired_state=DesiredState(False))
IDLE, HEALTHY = (
    StreamStatus("bike_trips", state=StreamState.IDLE),
    StreamStatus("taxi_trips", state=StreamState.HEALTHY),
)
STUCK = StreamStatus("accidents", state=StreamState.STUCK, lag_records=7, stuck_after_s=60.0)
BROKEN = StreamStatus(
    "weather_data", state=StreamState.BROKEN, last_error="the topic was recreated", next_step="start over"
)
WAITING = StreamStatus("rollup", state=StreamState.WAITING, waits_for="waits for ingestion, which is off")
BEHIND = StreamStatus("pearson_correlations", state=StreamState.CATCHING_UP, lag_records=3, due_hours=700)
SWITCHED_OFF = StreamStatus("weather_data", state=StreamState.OFF)


def status(*streams: StreamStatus, state: str = JobState.RUNNING, silent_s: float = 1, **more: Any) -> Status:
    return Status(
        "ingestion",
        Driver("a-1", "host"),
        token=1,
        at=(NOW - timedelta(seconds=silent_s)).isoformat(),
        started_at=more.pop("started_at", (NOW - timedelta(hours=1)).isoformat()),
        state=JobState(state),
        settings_fingerprint=more.pop("fingerprint", "same"),
        streams=streams,
        **more,
    )


def seen(status: Status | None, unchanged_s: float = 0, is_gone: bool = False) -> DriverObservation:
    return DriverObservation(status, is_gone, timedelta(seconds=unchanged_s))


def judged(observation: DriverObservation, effective: EffectiveSettings = ON, held: str | None = None) -> Health:
    return judge(INGESTION, observation, effective, held)


CASES = {
    "all is well": (seen(status(HEALTHY, IDLE)), ON, HealthState.HEALTHY),
    "nothing to read is idle, however long": (seen(status(IDLE, IDLE, SWITCHED_OFF)), ON, HealthState.IDLE),
    "one stream in trouble of its own does not make the job sick": (
        seen(status(HEALTHY, BROKEN)),
        ON,
        HealthState.HEALTHY,
    ),
    "one stream waits for somebody else": (seen(status(HEALTHY, WAITING)), ON, HealthState.HEALTHY),
    "all wait for somebody else, however long": (seen(status(WAITING, SWITCHED_OFF)), ON, HealthState.WAITING),
    "some wait, the others have nothing to do": (seen(status(WAITING, IDLE)), ON, HealthState.WAITING),
    "one waits and one is stuck": (seen(status(WAITING, STUCK)), ON, HealthState.STUCK),
    "one waits and one is broken": (seen(status(WAITING, BROKEN)), ON, HealthState.WAITING),
    "nothing moves, though one has nothing to do": (seen(status(IDLE, BROKEN)), ON, HealthState.WAITING),
    "one catches up": (seen(status(IDLE, BEHIND)), ON, HealthState.HEALTHY),
    "no batch has finished yet": (
        seen(status(IDLE, replace(IDLE, state=StreamState.STARTING))),
        ON,
        HealthState.STARTING,
    ),
    "a stop takes its time too": (seen(status(HEALTHY, state="stopping")), ON, HealthState.STARTING),
    "one stuck stream": (seen(status(HEALTHY, STUCK)), ON, HealthState.STUCK),
    "never run": (seen(None), ON, HealthState.DEAD),
    "gone without a word": (seen(status(HEALTHY), is_gone=True), ON, HealthState.DEAD),
    "failed and said so": (
        seen(status(state="failed", last_error="no disk", next_step="buy one")),
        ON,
        HealthState.DEAD,
    ),
    "stopped, and to run": (seen(status(state="stopped")), ON, HealthState.DEAD),
    "silent for as long as we watched": (seen(status(HEALTHY, silent_s=11), unchanged_s=11), ON, HealthState.DEAD),
    "silent while the machine slept": (seen(status(HEALTHY, silent_s=3600), unchanged_s=3), ON, HealthState.HEALTHY),
    "a clock that jumped": (seen(status(HEALTHY, silent_s=-3600), unchanged_s=3), ON, HealthState.HEALTHY),
    "silent since the clock was set back": (
        seen(status(HEALTHY, silent_s=-3600), unchanged_s=11),
        ON,
        HealthState.DEAD,
    ),
    "other settings": (seen(status(HEALTHY, fingerprint="other")), ON, HealthState.OUT_OF_DATE),
    "other settings, but some are not allowed": (
        seen(status(HEALTHY, fingerprint="other")),
        replace(ON, fingerprint=None),
        HealthState.HEALTHY,
    ),
    "switched off while it runs": (seen(status(HEALTHY)), OFF, HealthState.SWITCHED_OFF),
    "switched off and stopped": (seen(status(state="stopped")), OFF, HealthState.SWITCHED_OFF),
    "switched off and killed": (seen(status(HEALTHY), is_gone=True), OFF, HealthState.SWITCHED_OFF),
    "switched off from the beginning": (seen(None), OFF, HealthState.SWITCHED_OFF),
}


@pytest.mark.parametrize("case", CASES)
def test_judge(case: str) -> None:
    observation, effective, expected = CASES[case]
    assert judged(observation, effective).state == expected


def test_a_start_takes_its_time_but_not_for_ever_by_the_watchers_own_clock() -> None:
    starting = seen(status(state="starting", started_at=(NOW - timedelta(days=1)).isoformat()))
    states = [judge(INGESTION, starting, ON, None, timedelta(seconds=seconds)).state for seconds in (0, 300, 301)]
    assert states == [HealthState.STARTING, HealthState.STARTING, HealthState.STUCK]


def test_a_diagnosis_says_what_and_what_next() -> None:
    failed = judged(seen(status(state="failed", last_error="no disk", next_step="buy one"))).diagnosis
    assert str(failed) == "ingestion failed: no disk. Next step: buy one."
    stuck = judged(seen(status(STUCK))).diagnosis
    assert "accidents has 7 unread and finishes no batch (60 s are allowed)" in stuck.message
    off = judged(seen(None), OFF).diagnosis
    turn_on = "set the Variable ENABLE_INGESTION to true"
    assert off == Diagnosis("ingestion is switched off by ENABLE_INGESTION", turn_on)
    failing = judged(seen(status(HEALTHY, BROKEN))).diagnosis
    assert "weather_data broken: the topic was recreated" in failing.message
    assert failing.next_step == "start over"


def test_the_last_error_of_a_stream_that_is_cured_is_past() -> None:
    cured = replace(IDLE, last_error="the topic does not exist", next_step="create it")
    assert judged(seen(status(cured))) == judged(seen(status(IDLE)))
    waiting = judged(seen(status(replace(cured, name="accidents"), WAITING))).diagnosis
    assert (waiting.message, waiting.next_step) == (
        "ingestion has nothing to do for now: rollup: waits for ingestion, which is off",
        "",
    )


def test_how_far_a_stream_is_behind_is_said_as_far_as_it_is_known() -> None:
    unread = StreamStatus("taxi_trips", state=StreamState.CATCHING_UP, lag_records=5_000)
    behind = judged(seen(status(BEHIND, unread))).diagnosis
    assert behind.message == (
        "ingestion runs and catches up: pearson_correlations (700 hours to compute), taxi_trips (5000 unread)"
    )
    stuck = judged(seen(status(replace(STUCK, lag_records=None)))).diagnosis
    assert "accidents has something to do and finishes no batch (60 s are allowed)" in stuck.message


def test_streams_that_wait_for_the_same_are_one_sentence() -> None:
    pearson = replace(WAITING, name="pearson_correlations")
    topic = replace(WAITING, name="taxi_trips", waits_for="waits for its topic")
    waiting = judged(seen(status(WAITING, pearson, topic, IDLE))).diagnosis
    assert str(waiting) == (
        "ingestion has nothing to do for now: rollup, pearson_correlations: waits for ingestion, which is off; "
        "taxi_trips: waits for its topic."
    )
    partly = judged(seen(status(WAITING, HEALTHY, BROKEN))).diagnosis
    assert partly.message == (
        "ingestion runs, but not all of it: weather_data broken: the topic was recreated; "
        "rollup: waits for ingestion, which is off"
    )


def test_a_job_that_a_person_stopped_is_off_until_a_person_starts_it() -> None:
    held = judged(seen(status(HEALTHY)), held="its run was marked")
    assert held.state == HealthState.SWITCHED_OFF
    assert str(held.diagnosis) == (
        "ingestion is stopped by hand (its run was marked); it finishes its batches and stops. "
        "Next step: trigger the DAG ingestion to start it."
    )


def test_what_only_a_person_can_help_is_tried_again_with_other_settings() -> None:
    failed = seen(status(state="failed", last_error="no topic", needs_person=True))
    assert not judged(failed).diagnosis.retryable
    assert judged(failed, replace(ON, fingerprint="other")).diagnosis.retryable
    assert judged(failed, replace(ON, fingerprint=None)).diagnosis.retryable
    assert judged(seen(status(state="failed", last_error="no disk"))).diagnosis.retryable
