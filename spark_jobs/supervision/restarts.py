"""How often a job that keeps ending is started again: with growing pauses, and not for ever. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from spark_jobs.documents.watch_memory import Restarts

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
RESET_AFTER = timedelta(minutes=2)
"""a driver that has been well for so long makes the failures before it forgotten"""


def pause_before(restarts: Restarts) -> timedelta:
    """The first restart is at once; then 5 s, doubling to 5 minutes."""
    if not restarts.in_a_row:
        return timedelta(0)
    return min(FIRST_PAUSE * (1 << min(restarts.in_a_row - 1, 10)), LONGEST_PAUSE)


def is_due(restarts: Restarts, now: datetime) -> bool:
    if restarts.has_given_up:
        return False
    return restarts.last_at is None or now - datetime.fromisoformat(restarts.last_at) >= pause_before(restarts)


def another(restarts: Restarts, now: datetime) -> Restarts:
    return Restarts(restarts.in_a_row + 1, now.isoformat())


def given_up(restarts: Restarts) -> Restarts:
    return replace(restarts, has_given_up=True)


def reset_if_recovered(restarts: Restarts, well_for: timedelta) -> Restarts:
    """After a healthy spell; or at once where somebody started the job by hand after the watch gave up."""
    if restarts.has_given_up or well_for >= RESET_AFTER:
        return Restarts()
    return restarts
