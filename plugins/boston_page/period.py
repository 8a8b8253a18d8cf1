"""The time range of a question, as people write it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from spark_jobs.completeness import HOUR, hour_of

ZONES = {"boston": ZoneInfo("America/New_York"), "utc": ZoneInfo("UTC")}
LONGEST = timedelta(days=400)
USUAL_DAYS = 7
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""wider than any data, and far from where Python's calendar ends: a day more or less is always there"""


@dataclass(frozen=True)
class Period:
    """Windows that start in [start, end), both UTC."""

    start: datetime
    end: datetime

    def days(self) -> Iterator[date]:
        """The UTC days that it touches."""
        day = self.start.date()
        while datetime(day.year, day.month, day.day, tzinfo=UTC) < self.end:
            yield day
            day += timedelta(days=1)

    def hours_of(self, day: date) -> Iterator[datetime]:
        """The UTC hours of a day that it touches."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        hours = (midnight + number * HOUR for number in range(24))
        return (hour for hour in hours if hour + HOUR > self.start and hour < self.end)

    def covers(self, day: date) -> bool:
        """Whether all of the UTC day lies in it."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return self.start <= midnight and midnight + timedelta(days=1) <= self.end


def instant(text: str, zone: ZoneInfo) -> datetime:
    """Read a date or a time; one without an offset is a time in the zone. ValueError where it is neither."""
    given = datetime.fromisoformat(text)
    return (given if given.tzinfo else given.replace(tzinfo=zone)).astimezone(UTC)


def period(
    start: str | None,
    end: str | None,
    zone: ZoneInfo,
    newest: datetime | None,
    days: int,
    longest: timedelta,
) -> Period:
    """Return the period that is asked for; without a start, so many days before its end or the newest data.

    Raises:
        ValueError: a time cannot be read, they are the wrong way round, too far apart, or in no year of any data.
    """
    now = datetime.now(UTC)
    newest_known = min(newest or now, hour_of(now) + HOUR)  # a row ahead of the clock is no end
    last = instant(end, zone) if end else newest_known
    first = instant(start, zone) if start else last - timedelta(days=days)
    if last <= first:
        raise ValueError("'from' has to be before 'to'")
    if first < FIRST or last > LAST:
        raise ValueError(f"years are {FIRST.year} to {LAST.year}")
    if last - first > longest:
        raise ValueError(f"at most {longest.days} days at once")
    return Period(first, last)
