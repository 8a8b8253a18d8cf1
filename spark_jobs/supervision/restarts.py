"""How often a job that keeps ending is started again: with growing pauses, at last once an hour. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from spark_jobs.backoff import pause_after
from spark_jobs.documents.watch_memory import Restarts

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
PAUSE_AFTER_GIVING_UP = timedelta(hours=1)
"""what was down over a weekend may be there again, and nobody at work"""
LAUNCH_TIMEOUT = timedelta(minutes=6)
"""a run of the job's DAG that is at it for longer without a heartbeat does not count any more"""
RESET_AFTER = timedelta(minutes=2)
"""a driver that has been well for so long makes the failures before it forgotten"""


def pause_before(restarts: Restarts) -> timedelta:
    """Return how long to wait before the next restart: the first is at once; then 5 s, doubling to 5 minutes."""
    if restarts.has_given_up:
        return PAUSE_AFTER_GIVING_UP
    if not restarts.in_a_row:
        return timedelta(0)
    return pause_after(restarts.in_a_row, FIRST_PAUSE, LONGEST_PAUSE)


def is_due(restarts: Restarts, now: datetime) -> bool:
    """Return whether the pause before the next restart is over.

    By the distance in time: a restart that lies ahead is from before the clock was set back, or by another host's.
    """
    return _is_past(restarts, now, pause_before(restarts))


def another(restarts: Restarts, now: datetime) -> Restarts:
    """Count one more restart."""
    at = now.isoformat()
    return replace(restarts, in_a_row=restarts.in_a_row + 1, last_at=at, first_at=restarts.first_at or at)


def failing_for(restarts: Restarts, now: datetime) -> timedelta:
    """Return for how long the job has been started again and again, each time to end before it was well."""
    return timedelta(0) if restarts.first_at is None else now - datetime.fromisoformat(restarts.first_at)


def given_up(restarts: Restarts, now: datetime) -> Restarts:
    """Note that people were told, and that from now on one try an hour is enough."""
    return replace(restarts, has_given_up=True, last_at=now.isoformat())


def reset_if_recovered(restarts: Restarts, well_for: timedelta, now: datetime) -> Restarts:
    """Forget earlier restarts of a job that has been well; at once where a person started it after the giving up."""
    is_by_hand = restarts.has_given_up and _is_past(restarts, now, LAUNCH_TIMEOUT)  # no try of the watch's own
    return Restarts() if is_by_hand or well_for >= RESET_AFTER else restarts


def _is_past(restarts: Restarts, now: datetime, pause: timedelta) -> bool:
    return restarts.last_at is None or abs(now - datetime.fromisoformat(restarts.last_at)) >= pause
