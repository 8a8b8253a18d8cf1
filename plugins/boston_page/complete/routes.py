"""`/complete`: which hours of which feeds are complete, for the page and for programs."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from boston_page.complete.hours import FeedFacts, facts_of, hours_of
from boston_page.complete.kept_hours import KeptHours
from boston_page.few_at_once import FEW_AT_ONCE
from boston_page.in_a_sentence import IN_A_SENTENCE
from boston_page.period import Period
from boston_page.places import places
from boston_page.question import End, Start, asked_period, clock_of, named_feeds
from spark_jobs.completeness import GRACE, HOUR, hour_of
from spark_jobs.documents.codec import iso
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import INGESTION

LONGEST = timedelta(days=31)
RULE = (
    f"An hour is complete once the newest event of all feeds together lies {GRACE.seconds // 60} minutes beyond its "
    "end, and the feed has read all that the broker held of it at that moment."
)

router = APIRouter(dependencies=[FEW_AT_ONCE, IN_A_SENTENCE])
_kept = KeptHours()


@router.get("/complete")
def complete(
    feed: str | None = None,
    start: Start = None,
    end: End = None,
    days: int = 1,
    zone: str = "utc",
) -> JSONResponse:
    """Answer feed by feed, hours newest first; without a period, the last day up to the newest event of all feeds."""
    names, clock, now = named_feeds(feed), clock_of(zone), datetime.now(UTC)
    layout = places()[INGESTION.name].layout
    facts = [facts_of(layout, name, now, _kept) for name in names]
    span = asked_period(start, end, clock, _newest(facts) + HOUR, days, LONGEST)
    return JSONResponse(
        {
            "rule": RULE,
            "at": iso(now),
            "from": iso(span.start),
            "to": iso(span.end),
            "feeds": [_feed(layout, one, span) for one in facts],
        }
    )


def _feed(layout: Layout, facts: FeedFacts, span: Period) -> dict[str, Any]:
    before = facts.history.complete_before
    return {
        "feed": facts.feed,
        "is_told": facts.is_told,
        "newest_event": facts.newest_event,
        "complete_before": None if before is None else iso(before),
        "hours": [asdict(hour) for hour in hours_of(layout, facts, span.start, span.end)],
    }


def _newest(facts: list[FeedFacts]) -> datetime:
    """The hour of the newest event; where nobody has told of one, the last complete hour, else the present one."""
    told = [datetime.fromisoformat(one.newest_event) for one in facts if one.newest_event]
    known = told or [one.history.complete_before - HOUR for one in facts if one.history.complete_before]
    return hour_of(max(known, default=datetime.now(UTC)))
