"""`_control/announced.json`: how far the complete hours of each feed are announced in Airflow, by its side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from spark_jobs.documents.codec import Count, Instant, read_document, write_document
from spark_jobs.paths import Layout


@dataclass(frozen=True, order=True)
class OlderHours:
    """Hours from `since` on that end by `before`: to be announced again."""

    since: Instant
    before: Instant


@dataclass(frozen=True)
class AnnouncedHours:
    """One feed: a place in its history of hours, and what of older periods is still to be announced again."""

    log: str
    lines: int = 0
    """so many lines of the history are announced wholly"""
    hour: Instant | None = None
    """of the next line the hours up to this one"""
    again: tuple[OlderHours, ...] = ()
    """in order, and no hour in two of them"""
    history_bytes: int | None = None
    """how long the history was when all of it was announced; None where more was left"""
    number: Count = 0
    """one more with each note"""

    def and_again(self, older: Iterable[OlderHours]) -> "AnnouncedHours":
        """Add periods that are to be announced again."""
        joined: list[OlderHours] = []
        for one in sorted((*self.again, *older)):
            if joined and one.since <= joined[-1].before:
                joined[-1] = replace(joined[-1], before=max(joined[-1].before, one.before))
            else:
                joined.append(one)
        return replace(self, again=tuple(joined), history_bytes=None)

    def noted_after(self, known: "AnnouncedHours | None") -> "AnnouncedHours":
        """Return what is so once this is noted: after a newer note, only what nobody else may know is to come."""
        if known is None or self.number > known.number:
            return self
        return known.and_again(self.again) if self.again else known


def _with_periods(fields: Any) -> Any:
    """As documents have them in which there is room for one period."""
    if isinstance(fields, dict) and fields.get("again_since"):
        return {**fields, "again": [{"since": fields["again_since"], "before": fields.get("again_before")}]}
    return fields


@dataclass(frozen=True)
class _Document:
    feeds: Mapping[str, Annotated[AnnouncedHours, BeforeValidator(_with_periods)]] = field(default_factory=dict)


def read_announced(layout: Layout) -> Mapping[str, AnnouncedHours]:
    """Return feed -> how far it is announced; a feed that never was is left out."""
    return (read_document(layout.announced_hours, _Document) or _Document()).feeds


def remember_announced(layout: Layout, feed: str, reached: AnnouncedHours, now: datetime) -> None:
    """Note how far a feed is announced. A task that is run again after newer ones sets nothing back."""
    known = read_announced(layout)
    document = _Document({**known, feed: reached.noted_after(known.get(feed))})
    write_document(layout.announced_hours, document, now)
