"""What the watch does, and when it holds back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.watch_memory import Restarts, WatchMemory
from spark_jobs.supervision.health import Health, HealthState
from spark_jobs.supervision.restart_policy import RestartAction, RestartContext, decide
from spark_jobs.supervision.restarts import LAUNCH_TIMEOUT, another, given_up, is_due, pause_before, reset_if_recovered

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG, SHORT, NO_TIME = timedelta(hours=1), timedelta(seconds=3), timedelta(0)
CALM = RestartContext(
    now=NOW,
    same_for=SHORT,
    running_runs=0,
    queued_runs=0,
    has_died=False,
    runs_elsewhere=False,
    unattended_for=NO_TIME,
    settled_for=LONG,
    fingerprint="new",
    has_moved=False,
    restart_limit=3,
)
FRESH = WatchMemory()
TRIED = WatchMemory(restarts=Restarts(2, (NOW - timedelta(seconds=9)).isoformat()))
TRIED_LONG_AGO = WatchMemory(restarts=Restarts(2, (NOW - timedelta(seconds=10)).isoformat()))
EXHAUSTED = WatchMemory(restarts=Restarts(3, (NOW - LONG).isoformat()))
GAVE_UP = WatchMemory(restarts=Restarts(3, (NOW - LONG + SHORT).isoformat(), has_given_up=True))
GAVE_UP_LONG_AGO = WatchMemory(restarts=Restarts(9, (NOW - LONG).isoformat(), has_given_up=True))

SET_BACK = WatchMemory(restarts=Restarts(2, (NOW + LONG).isoformat()))
A_LITTLE_AHEAD = WatchMemory(restarts=Restarts(2, (NOW + SHORT).isoformat()))

CASES = {
    "dead, and the clock was set back after the last restart": (
        HealthState.DEAD,
        SET_BACK,
        CALM,
        RestartAction.START,
    ),
    "dead, and the clock of the host that noted the restart is a little ahead": (
        HealthState.DEAD,
        A_LITTLE_AHEAD,
        CALM,
        None,
    ),
    "healthy": (HealthState.HEALTHY, FRESH, CALM, None),
    "dead": (HealthState.DEAD, FRESH, CALM, RestartAction.START),
    "dead, its run is just launching it": (HealthState.DEAD, FRESH, replace(CALM, running_runs=1), None),
    "dead, its run follows a driver below another root": (
        HealthState.DEAD,
        FRESH,
        replace(CALM, running_runs=1, runs_elsewhere=True),
        RestartAction.START,
    ),
    "dead before our eyes, its run is about to end": (
        HealthState.DEAD,
        FRESH,
        replace(CALM, running_runs=1, has_died=True),
        RestartAction.START,
    ),
    "dead, its run does nothing any more": (
        HealthState.DEAD,
        FRESH,
        replace(CALM, running_runs=1, same_for=LONG),
        RestartAction.START,
    ),
    "dead, a run is waiting already": (HealthState.DEAD, FRESH, replace(CALM, queued_runs=1, same_for=LONG), None),
    "dead again, too soon": (HealthState.DEAD, TRIED, CALM, None),
    "dead again, after the pause": (HealthState.DEAD, TRIED_LONG_AGO, CALM, RestartAction.START),
    "dead once too often": (HealthState.DEAD, EXHAUSTED, CALM, RestartAction.GIVE_UP),
    "given up": (HealthState.DEAD, GAVE_UP, CALM, None),
    "given up, and not tried for an hour": (HealthState.DEAD, GAVE_UP_LONG_AGO, CALM, RestartAction.START),
    "stuck, given up": (HealthState.STUCK, GAVE_UP, CALM, None),
    "stuck, given up, and not tried for an hour": (HealthState.STUCK, GAVE_UP_LONG_AGO, CALM, RestartAction.RESTART),
    "stuck": (HealthState.STUCK, FRESH, replace(CALM, running_runs=1), RestartAction.RESTART),
    "stuck after another restart": (HealthState.STUCK, TRIED, replace(CALM, running_runs=1), None),
    "out of date": (HealthState.OUT_OF_DATE, FRESH, replace(CALM, running_runs=1), RestartAction.RESTART),
    "out of date, somebody is still editing": (HealthState.OUT_OF_DATE, FRESH, replace(CALM, settled_for=SHORT), None),
    "out of date for the same settings again": (HealthState.OUT_OF_DATE, WatchMemory(restarted_for="new"), CALM, None),
    "no run follows the driver": (HealthState.HEALTHY, FRESH, replace(CALM, unattended_for=LONG), RestartAction.ADOPT),
    "no run follows it for a moment": (HealthState.HEALTHY, FRESH, replace(CALM, unattended_for=SHORT), None),
    "it waits for somebody else": (HealthState.WAITING, FRESH, replace(CALM, same_for=LONG), None),
    "it waits, and no run follows the driver": (
        HealthState.WAITING,
        FRESH,
        replace(CALM, unattended_for=LONG),
        RestartAction.ADOPT,
    ),
    "switched off": (HealthState.SWITCHED_OFF, FRESH, replace(CALM, unattended_for=LONG), None),
    "the path has changed, nothing runs at the old one": (
        HealthState.DEAD,
        FRESH,
        replace(CALM, has_moved=True),
        RestartAction.MOVE,
    ),
    "the path has changed, the driver is at the old one": (
        HealthState.OUT_OF_DATE,
        FRESH,
        replace(CALM, has_moved=True),
        RestartAction.RESTART,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_decide(case: str) -> None:
    state, memory, context, expected = CASES[case]
    assert decide(Health(state, Diagnosis("...")), memory, context) == expected


def test_what_only_a_person_can_help_is_not_tried_again() -> None:
    for memory in (FRESH, GAVE_UP_LONG_AGO):
        assert decide(Health(HealthState.DEAD, Diagnosis("...", retryable=False)), memory, CALM) is None


def test_pauses_grow_from_none_to_five_minutes() -> None:
    assert [pause_before(Restarts(n)).total_seconds() for n in (0, 1, 2, 3, 6, 7, 8, 99)] == [
        0,
        5,
        10,
        20,
        160,
        300,
        300,
        300,
    ]


def test_a_healthy_spell_makes_failures_forgotten() -> None:
    tried = another(another(Restarts(), NOW), NOW)
    assert tried == Restarts(2, NOW.isoformat(), first_at=NOW.isoformat())
    assert reset_if_recovered(tried, timedelta(seconds=119), NOW + LONG) == tried
    assert reset_if_recovered(tried, timedelta(seconds=120), NOW + LONG) == Restarts()


def test_what_was_given_up_is_tried_once_an_hour_until_it_is_well() -> None:
    tried = another(Restarts(), NOW - 9 * LONG)
    gone = given_up(tried, NOW)
    assert gone == Restarts(1, NOW.isoformat(), True, (NOW - 9 * LONG).isoformat())
    assert not is_due(gone, NOW + LONG - SHORT)
    assert is_due(gone, NOW + LONG)
    again = another(gone, NOW + LONG)
    assert again == replace(gone, in_a_row=2, last_at=(NOW + LONG).isoformat())
    just_now = NOW + LONG + LAUNCH_TIMEOUT - SHORT
    assert reset_if_recovered(again, timedelta(seconds=119), just_now) == again, "the watch's own try, and not well yet"
    assert reset_if_recovered(again, timedelta(seconds=120), just_now) == Restarts()


def test_a_start_by_hand_ends_the_giving_up_at_once() -> None:
    gone = given_up(another(Restarts(), NOW), NOW)
    assert reset_if_recovered(gone, NO_TIME, NOW + LAUNCH_TIMEOUT) == Restarts()
