"""The rebuild: days of the rollup made again from the ingested rows, while the live job goes on.

Each day is one entry under the rollup's lock, between two batches, made of the rows that the rollup has read. It names
the day's tiles, so the analytics make their hours again as after a batch.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from spark_jobs.publication.commit import PublicationLog
from spark_jobs.rollup.day_files import ONE_DAY
from spark_jobs.rollup.day_rebuild import rebuild_day
from spark_jobs.rollup.fewer_events import FewerEvents
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.request_queue import Outcome, Refused, ReportProgress, Work

MOST_DAYS = 3660
FIRST_DAY = date(1999, 12, 31)
"""no event is before 2000 (feeds.md section 6), and a report at that midnight belongs to the day before"""
_AHEAD = 2 * ONE_DAY
"""an event may be 24 h later than Kafka's time, and that 24 h later than the clock"""
FOLLOW_WITHIN = timedelta(minutes=15)
_PAUSE_S = 1.0

Followers = Callable[[], Sequence[Dataset]]
"""the analytics that are to be waited for"""


def rebuild(rollup: Rollup, followers: Followers) -> Work:
    """Arguments: `from` and `to`, UTC days as yyyy-mm-dd, both included; `confirm`, to believe that events are lost."""

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        days = days_asked_for(arguments, rollup.now().date())
        confirmed = arguments.get("confirm") is True
        if rollup.log.recover() is None:
            raise Refused("there is no rollup yet: let the analytics job run, it makes one")
        if confirmed and (feeds := rollup.accept_fewer_events()):
            tell(f"read as they are, with the events that are left: {', '.join(feeds)}")
        report = []
        for number, day in enumerate(days):
            tell(f"computing {day}", number, len(days))
            report.append(_day_again(rollup, day, confirmed))
        left = _wait_for(followers, rollup.log, tell)
        tiles = sum(line["tiles"] for line in report)
        after = f"; still to follow: {', '.join(left)}" if left else "; the analytics have followed"
        return Outcome(f"{len(days)} days of the rollup made again, {tiles} tiles changed{after}", report)

    return work


def days_asked_for(arguments: Mapping[str, Any], today: date) -> list[date]:
    """The days of a request. Refused where they are none that can have events."""
    try:
        first, last = (date.fromisoformat(str(arguments.get(name))) for name in ("from", "to"))
    except ValueError:
        raise Refused("'from' and 'to' must be days such as 2018-12-31") from None
    length = (last - first).days + 1
    if not 1 <= length <= MOST_DAYS:
        raise Refused(f"'from' {first} to 'to' {last} are {length} days; 1 to {MOST_DAYS} can be made again at once")
    if first < FIRST_DAY or last > today + _AHEAD:
        raise Refused(f"'from' {first} to 'to' {last}: events are of {FIRST_DAY} to {today + _AHEAD} only")
    return [first + number * ONE_DAY for number in range(length)]


def _day_again(rollup: Rollup, day: date, confirmed: bool) -> dict[str, Any]:
    began = time.monotonic()
    try:
        tiles = rebuild_day(rollup, day, confirmed)
    except FewerEvents as fewer:
        raise Refused(str(fewer.diagnosis)) from fewer
    return {"what": str(day), "tiles": tiles, "seconds": round(time.monotonic() - began, 2)}


def _wait_for(followers: Followers, rollup: PublicationLog, tell: ReportProgress) -> list[str]:
    """Wait until the analytics have the rollup as it is now; the names of those that take longer."""
    head = rollup.head()
    assert head is not None
    deadline = time.monotonic() + FOLLOW_WITHIN.total_seconds()
    while True:
        waiting = [analytic.name for analytic in followers() if not analytic.catch_up_to(head.seq)]
        if not waiting or time.monotonic() > deadline:
            return waiting
        tell(f"the rollup is made; waiting for {', '.join(waiting)}")
        time.sleep(_PAUSE_S)
