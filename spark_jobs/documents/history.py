"""`_control/history.json`: what happened to a job, newest last: incidents, their ends, starts. 30 days, and bounded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from spark_jobs.documents.codec import Instant, read_document, write_document
from spark_jobs.paths import Layout

KEPT = timedelta(days=30)
AT_MOST = 1000
"""an incident that comes and goes must not fill the disk"""

INCIDENT, OVER, START = "incident", "over", "start"


@dataclass(frozen=True)
class Event:
    """One thing that happened. `key`: of the incident, as the watch names it."""

    at: Instant
    kind: str
    sentence: str
    next_step: str = ""
    key: str = ""


@dataclass(frozen=True)
class History:
    """Oldest first."""

    events: tuple[Event, ...] = ()


def read_history(layout: Layout) -> History:
    """Read the document; an empty one where there is none."""
    return read_document(layout.history, History) or History()


def note_events(layout: Layout, events: Iterable[Event], now: datetime) -> None:
    """Add these, and drop what is older than 30 days, or more than is kept; nothing is written where there is none."""
    new = tuple(events)
    if not new:
        return
    old = (one for one in read_history(layout).events if now - datetime.fromisoformat(one.at) < KEPT)
    write_document(layout.history, History((*old, *new)[-AT_MOST:]), now)
