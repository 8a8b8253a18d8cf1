"""How often a job that keeps ending is started again: with growing pauses, and not for ever. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from spark_jobs.documents.watch_memory import Restarts
from spark_jobs.supervision.backoff import pause_after

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
RESET_AFTER = timedelta(minutes=2)
"""a driver that has been well for so long makes the failures before it forgotten"""


def pause_before(restarts: Restarts) -> timedelta:
    """Return how long to wait before the next restart: the first is at once; then 5 s, doubling to 5 minutes."""
    if not restarts.in_a_row:
        return timedelta(0)
    return pause_after(restarts.in_a_row, FIRST_PAUSE, LONGEST_PAUSE)


def is_due(restarts: Restarts, now: datetime) -> bool:
    """Return whether the pause before the next restart is over.

    By the distance in time: a restart that lies ahead is from before the clock was set back, or by another host's.
    """
    if restarts.has_given_up:
        return False
    return restarts.last_at is None or abs(now - datetime.fromisoformat(restarts.last_at)) >= pause_before(restarts)


def another(restarts: Restarts, now: datetime) -> Restarts:
    """Count one more restart."""
    return Restarts(restarts.in_a_row + 1, now.isoformat(), first_at=restarts.first_at or now.isoformat())


def failing_for(restarts: Restarts, now: datetime) -> timedelta:
    """Return for how long the job has been started again and again, each time to end before it was well."""
    return timedelta(0) if restarts.first_at is None else now - datetime.fromisoformat(restarts.first_at)


def given_up(restarts: Restarts) -> Restarts:
    """Note that nobody but a person starts the job again."""
    return replace(restarts, has_given_up=True)


def reset_if_recovered(restarts: Restarts, well_for: timedelta) -> Restarts:
    """Forget earlier restarts of a job that has been well; at once where a person started it after the giving up."""
    if restarts.has_given_up or well_for >= RESET_AFTER:
        return Restarts()
    return restarts
