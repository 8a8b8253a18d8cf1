"""`_control/lag_history.json`: how far behind each stream was, a point every 5 minutes for a day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from spark_jobs.documents.codec import Instant, iso, read_document, write_document
from spark_jobs.documents.status import StreamStatus
from spark_jobs.paths import Layout

EVERY = timedelta(minutes=5)
KEPT = timedelta(days=1)


@dataclass(frozen=True)
class LagPoint:
    """One look: stream -> seconds behind, None where that was not known."""

    at: Instant
    lag_s: Mapping[str, float | None]


@dataclass(frozen=True)
class LagHistory:
    """The looks of a day, oldest first. Where a job did not run there are none."""

    points: tuple[LagPoint, ...] = ()


def read_lag_history(layout: Layout) -> LagHistory:
    """Read the document; an empty one where there is none."""
    return read_document(layout.lag_history, LagHistory) or LagHistory()


def note_lags(layout: Layout, streams: Iterable[StreamStatus], now: datetime) -> None:
    """Add a point, and drop those that are further than a day from it: the clock may have been set back."""
    kept = [point for point in read_lag_history(layout).points if abs(now - datetime.fromisoformat(point.at)) < KEPT]
    point = LagPoint(iso(now), {stream.name: stream.lag_s for stream in streams})
    write_document(layout.lag_history, LagHistory((*kept, point)), now)
