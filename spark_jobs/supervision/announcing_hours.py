"""Which complete hours to announce next: a walk through a feed's history, from where the last one ended. Pure."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from spark_jobs.completeness import HOUR, hours_between
from spark_jobs.documents.announced_hours import AnnouncedHours, OlderHours
from spark_jobs.documents.codec import iso
from spark_jobs.documents.complete_hours import HourEvent
from spark_jobs.documents.hour_history import HourHistory

MOST_AT_ONCE = 48
"""Airflow stores the events of a task in one request, which may take 5 s, and makes runs of each"""
LEAP = timedelta(days=2)
"""where more than this becomes complete at once (a replay of old years), hours without rows are left out"""


@dataclass(frozen=True)
class Announcement:
    """Hours to announce, and how far the feed is announced once they are."""

    revisions: Mapping[str, int]
    """hour -> its revision, as far as the history was walked"""
    reached: AnnouncedHours
    is_last: bool
    """whether nothing more is left of this history"""


def first_announced(history: HourHistory, log: str) -> AnnouncedHours | None:
    """Where to begin with a feed that was never announced: its last complete hour; None before there is one."""
    before = history.complete_before
    if before is None:
        return None
    return AnnouncedHours(log, len(history.events), again=(OlderHours(iso(before - HOUR), iso(before)),))


def next_announcement(
    history: HourHistory, announced: AnnouncedHours, with_rows: Container[datetime], at_most: int = MOST_AT_ONCE
) -> Announcement | None:
    """Return the next hours: what became complete or was revised, then those of older periods; None where none are.

    An hour that is found several times is announced once, with its newest revision.
    """
    if announced.lines > len(history.events):  # it has become shorter, as after a restored backup
        announced = replace(announced, lines=0, hour=None)
    announced = replace(announced, again=_complete(announced.again, history))
    steps = list(islice(_steps(history, announced, with_rows), at_most))
    if not steps:
        return None
    reached = steps[-1][1]
    walked = HourHistory(history.events[: reached.lines + 1])
    return Announcement({iso(hour): walked.revision_of(hour) for hour, _ in steps}, reached, len(steps) < at_most)


def _steps(
    history: HourHistory, announced: AnnouncedHours, with_rows: Container[datetime]
) -> Iterator[tuple[datetime, AnnouncedHours]]:
    """Walk hour by hour: the hour, and how far the feed is announced with it."""
    first, at = announced.lines, announced
    for number, event in enumerate(history.events[first:], first):
        done = _instant(announced.hour) if number == first else None
        for hour in _hours_of(event, done, with_rows):
            at = replace(at, lines=number, hour=iso(hour))
            yield hour, at
    for older in announced.again:
        for hour in hours_between(datetime.fromisoformat(older.since), datetime.fromisoformat(older.before)):
            at = replace(at, again=_cut(announced.again, iso(hour + HOUR), announced.again[-1].before))
            yield hour, at


def _hours_of(event: HourEvent, done: datetime | None, with_rows: Container[datetime]) -> Iterator[datetime]:
    """The hours that a line tells of, oldest first, without those up to `done`."""
    since, before = _instant(event.since), _instant(event.before)
    if since is None or before is None:
        revised = sorted(map(datetime.fromisoformat, event.revised))
        yield from (hour for hour in revised if done is None or hour > done)
        return
    rest = hours_between(since if done is None else done + HOUR, before)
    yield from (hour for hour in rest if before - since <= LEAP or hour in with_rows)


def _complete(older: Sequence[OlderHours], history: HourHistory) -> tuple[OlderHours, ...]:
    """Leave out what is not complete: it is announced when it becomes so."""
    since, before = history.known_since, history.complete_before
    return _cut(older, iso(since), iso(before)) if since and before else ()


def _cut(older: Sequence[OlderHours], since: str, before: str) -> tuple[OlderHours, ...]:
    """What of the periods is from `since` on, and ends by `before`."""
    cut = (OlderHours(max(one.since, since), min(one.before, before)) for one in older)
    return tuple(one for one in cut if one.since < one.before)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
