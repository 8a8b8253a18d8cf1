"""What the watch does about a job's health, and when. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from spark_jobs.documents.watch_memory import WatchMemory
from spark_jobs.supervision.health import Health, HealthState
from spark_jobs.supervision.restarts import LAUNCH_TIMEOUT, is_due

SETTLED_AFTER = timedelta(seconds=15)
"""people change several settings one after the other: that is one restart"""
UNATTENDED_AFTER = timedelta(seconds=45)


class RestartAction(StrEnum):
    START = "start"
    RESTART = "restart"
    """end what is there, gracefully first, and start again"""
    ADOPT = "adopt"
    """the driver runs, but no run of its DAG follows it: nobody could stop it in Airflow"""
    GIVE_UP = "give up"
    """tell people; from then on there is one try an hour"""
    MOVE = "move"
    """watch the new output path"""
    LEAVE = "leave"
    """the root is not there any more: nothing is written before it is"""


@dataclass(frozen=True)
class RestartContext:
    """What matters besides the health and the memory."""

    now: datetime
    same_for: timedelta
    """how long the health has been in the same state"""
    running_runs: int
    queued_runs: int
    """of the job's DAG; what is queued starts by itself"""
    has_died: bool
    """this watch saw the driver alive: the run that is left is the old one, which ends by itself"""
    runs_elsewhere: bool
    """a driver below a root of before is alive: the run that is left follows that one, and would never end"""
    unattended_for: timedelta
    settled_for: timedelta
    """how long the effective settings have been the same"""
    fingerprint: str | None
    has_moved: bool
    restart_limit: int


def decide(health: Health, memory: WatchMemory, at: RestartContext) -> RestartAction | None:
    """Decide what to do now; None where there is nothing to do, or to wait for something first."""
    state = health.state
    if at.has_moved and at.settled_for >= SETTLED_AFTER and state in (HealthState.DEAD, HealthState.SWITCHED_OFF):
        return RestartAction.MOVE
    if state is HealthState.OUT_OF_DATE:
        is_new = memory.restarted_for != at.fingerprint
        return RestartAction.RESTART if is_new and at.settled_for >= SETTLED_AFTER else None
    if state is HealthState.DEAD:
        is_old = at.has_died or at.runs_elsewhere
        is_launching = at.running_runs and not is_old and at.same_for < LAUNCH_TIMEOUT
        if not health.diagnosis.retryable or at.queued_runs or is_launching:
            return None
        return _limited(RestartAction.START, memory, at)
    if state is HealthState.STUCK:
        return None if at.queued_runs else _limited(RestartAction.RESTART, memory, at)
    is_well = state in (HealthState.HEALTHY, HealthState.IDLE, HealthState.WAITING, HealthState.STARTING)
    return RestartAction.ADOPT if is_well and at.unattended_for >= UNATTENDED_AFTER else None


def _limited(action: RestartAction, memory: WatchMemory, at: RestartContext) -> RestartAction | None:
    if not is_due(memory.restarts, at.now):
        return None
    is_too_much = memory.restarts.in_a_row >= at.restart_limit and not memory.restarts.has_given_up
    return RestartAction.GIVE_UP if is_too_much else action
