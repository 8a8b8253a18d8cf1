"""What the routes of the tabs are asked with: a feed, `from` and `to` as people write times, and the clock of these."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import HTTPException, Query

from boston_page.period import LONGEST, ZONES, Period, period
from spark_jobs.catalog import FEEDS

Start = Annotated[str | None, Query(alias="from")]
End = Annotated[str | None, Query(alias="to")]


def clock_of(zone: str) -> ZoneInfo:
    """Return the clock of that name; HTTPException where there is none."""
    if zone not in ZONES:
        raise HTTPException(422, f"'zone' is one of {', '.join(ZONES)}")
    return ZONES[zone]


def asked_period(
    start: str | None,
    end: str | None,
    clock: ZoneInfo,
    newest: datetime | None,
    days: int,
    longest: timedelta = LONGEST,
) -> Period:
    """Return the `period` that is asked for; HTTPException where it makes no sense."""
    try:
        return period(start, end, clock, newest, days, longest)
    except (ValueError, OverflowError) as fault:
        raise HTTPException(422, f"the period cannot be read: {fault}") from fault


def named_feeds(name: str | None) -> list[str]:
    """Return the feed of that name, or all; HTTPException where there is none. The name never becomes a path."""
    names = [feed.name for feed in FEEDS]
    if name is not None and name not in names:
        raise HTTPException(404, f"there is no such feed; there are {', '.join(names)}")
    return names if name is None else [name]
