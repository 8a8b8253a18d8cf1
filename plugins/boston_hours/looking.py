"""What there is to announce: of each feed the next hours, as its history and what is remembered of it say."""

import logging
from collections.abc import Container, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from spark_jobs.catalog import FEEDS
from spark_jobs.documents.announced_hours import AnnouncedHours, OlderHours, read_announced
from spark_jobs.documents.codec import iso
from spark_jobs.documents.complete_hours import read_history
from spark_jobs.documents.hour_history import HourHistory
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication.log import LogDamaged, LogReader
from spark_jobs.supervision.announcing_hours import Announcement, first_announced, next_announcement

log = logging.getLogger(__name__)

_DAY = timedelta(days=1)


class OlderPeriod(NamedTuple):
    """UTC days that a person wants announced again, of one feed or all."""

    since: date
    last: date
    feed: str | None

    @classmethod
    def of(cls, params: dict[str, Any]) -> "OlderPeriod | None":
        """Read what a run was started with; None where it names no days.

        Raises:
            ValueError: only one end is given, or they are the wrong way round.
        """
        since, last = params["from"], params["to"]
        if not since and not last:
            return None
        if not since or not last or last < since:
            raise ValueError(f"'from' ({since}) and 'to' ({last}) are the first and the last day of a period")
        return cls(date.fromisoformat(since), date.fromisoformat(last), params["feed"] or None)

    @property
    def hours(self) -> OlderHours:
        """All of these days; the calendar's very last has none."""
        end = min(self.last, date.max - _DAY) + _DAY
        return OlderHours(*(iso(datetime.combine(day, time(), UTC)) for day in (self.since, end)))


def announcements(layout: Layout, period: OlderPeriod | None) -> Iterator[tuple[str, Announcement]]:
    """Return what to announce of each feed that has anything.

    Raises:
        LogDamaged, OSError: the hours of a feed cannot be read, and its period would be noted nowhere.
    """
    known = read_announced(layout)
    for feed in (one.name for one in FEEDS):
        older = period if period and period.feed in (None, feed) else None
        try:
            found = _next(layout, feed, known.get(feed), older)
        except (LogDamaged, OSError) as fault:  # the others do not wait for it
            if older:  # the run that was asked is the only one to know of it
                raise
            log.error("the hours of %s cannot be read: %s", feed, fault)
            continue
        if found:
            yield feed, found


def _next(layout: Layout, feed: str, known: AnnouncedHours | None, older: OlderPeriod | None) -> Announcement | None:
    origin = LogReader(layout, feed).origin()
    path = layout.hour_history(feed)
    if origin is None or not path.exists():
        return None
    size = path.stat().st_size  # before it is read: what comes meanwhile is found by the next look
    if known and known.log == origin.id and known.history_bytes == size and not older:
        return None
    history = HourHistory(read_history(layout, feed, origin.id))
    announced = _announced(history, known, origin.id)
    if announced is None:
        return None
    wanted = announced.and_again([older.hours]) if older else announced
    found = next_announcement(history, wanted, _HoursWithRows(layout, feed))
    if found is None:
        return None
    number = 1 + (known.number if known else 0)
    reached = replace(found.reached, number=number, history_bytes=size if found.is_last else None)
    return replace(found, reached=reached)


def _announced(history: HourHistory, known: AnnouncedHours | None, log_id: str) -> AnnouncedHours | None:
    """A feed that was started over is announced from its beginning: all of its hours were made anew."""
    if known is None:
        return first_announced(history, log_id)
    return known if known.log == log_id else AnnouncedHours(log_id)


class _HoursWithRows(Container[datetime]):
    """The hours of a feed that have a folder."""

    def __init__(self, layout: Layout, feed: str) -> None:
        self._dataset = layout.dataset(feed)

    def __contains__(self, hour: object) -> bool:
        return isinstance(hour, datetime) and (self._dataset / hour_folder(hour)).is_dir()
