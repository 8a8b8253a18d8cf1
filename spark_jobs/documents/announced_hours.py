"""`_control/announced.json`: how far the complete hours of each feed are announced in Airflow, by its side."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from spark_jobs.documents.codec import Instant, read_document, write_document
from spark_jobs.paths import Layout


@dataclass(frozen=True)
class AnnouncedHours:
    """One feed: a place in its history of hours, and what of an older period is still to be announced again."""

    log: str
    lines: int = 0
    """so many lines of the history are announced wholly"""
    hour: Instant | None = None
    """of the next line the hours up to this one"""
    again_since: Instant | None = None
    again_before: Instant | None = None
    """hours of the older period are announced again, from `again_since` on"""
    history_bytes: int | None = None
    """how long the history was when all of it was announced; None where more was left"""

    def is_behind(self, other: "AnnouncedHours") -> bool:
        """Whether the other one has got further in the same history."""
        return self.log == other.log and (self.lines, self.hour or "") < (other.lines, other.hour or "")


@dataclass(frozen=True)
class _Document:
    feeds: Mapping[str, AnnouncedHours] = field(default_factory=dict)


def read_announced(layout: Layout) -> Mapping[str, AnnouncedHours]:
    """Return feed -> how far it is announced; a feed that never was is left out."""
    return (read_document(layout.announced_hours, _Document) or _Document()).feeds


def remember_announced(layout: Layout, reached: Mapping[str, AnnouncedHours], now: datetime) -> None:
    """Note how far feeds are announced. A task that is run again after newer ones sets nothing back."""
    known = read_announced(layout)
    news = {feed: one for feed, one in reached.items() if feed not in known or not one.is_behind(known[feed])}
    document = replace(_Document(), feeds={**known, **news})
    write_document(layout.announced_hours, document, now)
