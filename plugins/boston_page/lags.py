"""`/lags`: how far behind each stream was over the last day, as the jobs noted it every 5 minutes."""

from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime

from fastapi import APIRouter

from boston_page.latest import Latest
from boston_page.places import places
from spark_jobs.documents.lag_history import EVERY, KEPT, LagHistory, LagPoint, read_lag_history
from spark_jobs.paths import Layout

router = APIRouter()

Point = tuple[float, float | None]
"""when, in seconds since 1970, and how many seconds behind"""


@router.get("/lags")
def lags() -> dict[str, list[Point]]:
    """Answer stream -> its points, oldest first; None where it was not known, or where no job ran between two."""
    return _latest() or {}


def _read() -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = defaultdict(list)
    now = datetime.now(UTC).timestamp()
    for place in places().values():
        for point in _points(place.layout):
            at = datetime.fromisoformat(point.at).timestamp()
            if abs(now - at) > KEPT.total_seconds():
                continue  # a job that has stopped drops none
            for stream, lag_s in point.lag_s.items():
                found[stream] += [*_gap(found[stream], at), (at, lag_s)]
    return found


_latest = Latest(_read, at_most_every_s=10.0)


def _points(layout: Layout) -> tuple[LagPoint, ...]:
    with suppress(OSError):
        return read_lag_history(layout).points
    return LagHistory().points


def _gap(before: list[Point], at: float) -> list[Point]:
    """A point that says nothing, so that nobody draws a line over the time in which nobody looked."""
    is_gap = bool(before) and at - before[-1][0] > 2 * EVERY.total_seconds()
    return [(at, None)] if is_gap else []
