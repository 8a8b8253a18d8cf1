"""The hours of a feed in a period, each with its word and figures. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from boston_page.complete import hour_rows
from boston_page.complete.kept_hours import KeptHours
from boston_page.unreadable import UNREADABLE, why_unreadable
from spark_jobs.completeness import HourState, hour_end, hour_of, hours_between, state_of
from spark_jobs.documents.codec import iso
from spark_jobs.documents.complete_hours import FeedHours, read_complete_hours
from spark_jobs.documents.hour_history import CompletedHours
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication.log import LogDamaged, LogReader


@dataclass(frozen=True)
class Hour:
    """One hour of one feed."""

    hour: str
    state: HourState
    rows: int | None
    """None where a file cannot be read"""
    late: int | None
    """rows that were read after the hour was complete"""
    refused: int | None
    """messages refused since the hour before was complete; None before that, or where a later hour has them"""
    revision: int
    """0 before it is complete, then 1, and one more for each line of rows that came since: five minutes of late rows"""
    complete_at: str | None
    unreadable: str | None = None
    """why nothing is known of the hour, although there are files"""


@dataclass(frozen=True)
class FeedFacts:
    """What is known of a feed's hours."""

    feed: str
    log: str | None
    history: CompletedHours
    newest_event: str | None
    is_told: bool
    """whether the ingestion job has looked lately"""


def facts_of(layout: Layout, feed: str, now: datetime, kept: KeptHours) -> FeedFacts:
    """Read what the ingestion job wrote of a feed."""
    try:
        origin = LogReader(layout, feed).origin()
    except (LogDamaged, OSError):
        origin = None
    log_id = None if origin is None else origin.id
    try:
        history = kept.of(layout, feed, log_id)
    except OSError:
        return FeedFacts(feed, log_id, CompletedHours(), None, False)
    told = _told(layout).get(feed)
    if told is None or told.log != log_id:
        return FeedFacts(feed, log_id, history, None, False)
    return FeedFacts(feed, log_id, history, told.newest_event, told.is_told(now))


def _told(layout: Layout) -> Mapping[str, FeedHours]:
    try:
        return read_complete_hours(layout).feeds
    except OSError:
        return {}


def hours_of(layout: Layout, facts: FeedFacts, start: datetime, end: datetime) -> Iterator[Hour]:
    """The hours that begin in [start, end), newest first."""
    hours = [hour for hour in hours_between(hour_of(start), end) if hour >= start]
    for hour in reversed(hours):
        yield _hour_or_why_not(layout, facts, hour)


def _hour_or_why_not(layout: Layout, facts: FeedFacts, hour: datetime) -> Hour:
    """What cannot be read is unknown, however complete it was: one damaged file hides no other hour."""
    try:
        return _hour(layout, facts, hour)
    except UNREADABLE as failure:
        why = why_unreadable(layout.dataset(facts.feed) / hour_folder(hour), failure)
        return Hour(iso(hour), HourState.UNKNOWN, None, None, None, 0, None, why)


def _hour(layout: Layout, facts: FeedFacts, hour: datetime) -> Hour:
    rows, history = hour_rows.rows(layout, facts.feed, hour), facts.history
    state = state_of(hour, history.known_since, history.complete_before, rows, facts.is_told)
    completion = None if state is HourState.UNKNOWN else history.completion_of(hour)
    revision = 0 if completion is None else history.revision_of(hour)
    is_last_of_its_line = completion is not None and completion.before == iso(hour_end(hour))
    return Hour(
        hour=iso(hour),
        state=state,
        rows=rows,
        late=hour_rows.late(layout, facts.feed, hour, completion) if completion is not None and revision > 1 else 0,
        refused=completion.refused if completion is not None and is_last_of_its_line else None,
        revision=revision,
        complete_at=None if completion is None else completion.at,
    )
