"""What the watch does about a verdict, and when. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from spark_jobs.documents.watch_memory import WatchMemory
from spark_jobs.supervision.health import Health, HealthState
from spark_jobs.supervision.restarts import is_due

LAUNCH_AT_MOST = timedelta(minutes=6)
"""a run of the stream's DAG that is at it for longer without a heartbeat does not count any more"""
SETTLED_AFTER = timedelta(seconds=15)
"""people change several settings one after the other: that is one restart"""
UNATTENDED_FOR = timedelta(seconds=45)


class Remedy(StrEnum):
    START = "start"
    RESTART = "restart"
    """end what is there, gracefully first, and start again"""
    ADOPT = "adopt"
    """the driver runs, but no run of its DAG follows it: nobody could stop it in Airflow"""
    GIVE_UP = "give up"
    MOVE = "move"
    """watch the new output path"""


@dataclass(frozen=True)
class RestartContext:
    """What matters besides the verdict."""

    now: datetime
    lasting: timedelta
    """how long the verdict has been the same"""
    running_runs: int
    queued_runs: int
    """of the stream's DAG; what is queued starts by itself"""
    has_died: bool
    """this watch saw the driver alive: the run that is left is the old one, which ends by itself"""
    unattended: timedelta
    settled: timedelta
    """how long the wanted settings have been the same"""
    fingerprint: str | None
    needs_person: bool
    """starting again cannot help before a setting changes or somebody triggers the DAG"""
    has_moved: bool
    restart_limit: int


def decide(verdict: Health, memory: WatchMemory, at: RestartContext) -> Remedy | None:
    health = verdict.health
    if at.has_moved and at.settled >= SETTLED_AFTER and health in (HealthState.DEAD, HealthState.SWITCHED_OFF):
        return Remedy.MOVE
    if health is HealthState.OUT_OF_DATE:
        is_new = memory.restarted_for != at.fingerprint
        return Remedy.RESTART if is_new and at.settled >= SETTLED_AFTER else None
    if health is HealthState.DEAD:
        is_launching = at.running_runs and not at.has_died and at.lasting < LAUNCH_AT_MOST
        if at.needs_person or at.queued_runs or is_launching:
            return None
        return _counted(Remedy.START, memory, at)
    if health is HealthState.STUCK:
        return None if at.queued_runs else _counted(Remedy.RESTART, memory, at)
    if health in (HealthState.HEALTHY, HealthState.IDLE, HealthState.STARTING) and at.unattended >= UNATTENDED_FOR:
        return Remedy.ADOPT
    return None


def _counted(what: Remedy, memory: WatchMemory, at: RestartContext) -> Remedy | None:
    if not is_due(memory.restarts, at.now):
        return None
    return Remedy.GIVE_UP if memory.restarts.in_a_row >= at.restart_limit else what
