"""`/complete`: which hours of which feeds are complete, for the page and for programs."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse

from boston_page.complete.hour_rows import RowCounts
from boston_page.complete.hours import FeedFacts, facts_of, hours_of
from boston_page.period import ZONES, instant
from boston_page.places import places
from spark_jobs.catalog import FEEDS
from spark_jobs.completeness import GRACE, HOUR, hour_of
from spark_jobs.documents.codec import iso
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import INGESTION

LONGEST = timedelta(days=31)
RULE = (
    f"An hour is complete once the newest event of all feeds together lies {GRACE.seconds // 60} minutes beyond its "
    "end, and the feed has read all that the broker held of it at that moment."
)

router = APIRouter()
_counts = RowCounts()


@router.get("/complete")
def complete(
    feed: str | None = None,
    start: Annotated[str | None, Query(alias="from")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
    days: int = 1,
    zone: str = "utc",
) -> JSONResponse:
    """Answer feed by feed, hours newest first; without a period, the last day up to the newest event of all feeds."""
    names, clock, now = _feeds(feed), _clock(zone), datetime.now(UTC)
    layout = places()[INGESTION.name].layout
    facts = [facts_of(layout, name, now) for name in names]
    first, last = _period(start, end, days, clock, facts)
    return JSONResponse(
        {
            "rule": RULE,
            "at": iso(now),
            "from": iso(first),
            "to": iso(last),
            "feeds": [_feed(layout, one, first, last) for one in facts],
        }
    )


def _feed(layout: Layout, facts: FeedFacts, first: datetime, last: datetime) -> dict[str, Any]:
    before = facts.history.complete_before
    return {
        "feed": facts.feed,
        "is_told": facts.is_told,
        "newest_event": facts.newest_event,
        "complete_before": None if before is None else iso(before),
        "hours": [asdict(hour) for hour in hours_of(layout, facts, first, last, _counts)],
    }


def _feeds(feed: str | None) -> list[str]:
    """The name chooses among the feeds there are: it never becomes a path."""
    names = [one.name for one in FEEDS if feed in (None, one.name)]
    if not names:
        raise HTTPException(404, f"there is no such feed; there are {', '.join(one.name for one in FEEDS)}")
    return names


def _clock(zone: str) -> ZoneInfo:
    if zone not in ZONES:
        raise HTTPException(422, f"'zone' is one of {', '.join(ZONES)}")
    return ZONES[zone]


def _period(
    start: str | None, end: str | None, days: int, clock: ZoneInfo, facts: list[FeedFacts]
) -> tuple[datetime, datetime]:
    try:
        last = instant(end, clock) if end else _newest(facts) + HOUR
        first = instant(start, clock) if start else last - timedelta(days=days)
        if not timedelta(0) < last - first <= LONGEST:
            raise ValueError(f"'from' has to be before 'to', and at most {LONGEST.days} days")
    except (ValueError, OverflowError) as fault:
        raise HTTPException(422, f"the period cannot be read: {fault}") from fault
    return first, last


def _newest(facts: list[FeedFacts]) -> datetime:
    """The hour of the newest event; where nobody has told of one, the last complete hour, else the present one."""
    told = [datetime.fromisoformat(one.newest_event) for one in facts if one.newest_event]
    known = told or [one.history.complete_before - HOUR for one in facts if one.history.complete_before]
    return hour_of(max(known, default=datetime.now(UTC)))
