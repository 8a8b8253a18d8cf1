"""What the ingestion job writes of its feeds' hours: how far each feed is, and when hours became complete or changed.

`_control/complete.json` says how things are at the moment. `_control/complete/<feed>.jsonl` is what happened, one line
each, only appended: about 150 bytes for an hour. The rule itself is `spark_jobs.completeness`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from spark_jobs.completeness import TOLD_FOR
from spark_jobs.documents.codec import Instant, decode, encode, read_document
from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files

_TAIL = 64 * 1024
"""bytes"""


@dataclass(frozen=True)
class FeedHours:
    """One feed, as the last look found it."""

    at: Instant
    log: str
    complete_before: Instant | None
    """hours that end by then are complete"""
    newest_event: Instant | None

    def is_told(self, now: datetime) -> bool:
        """Return whether the look was lately. A time ahead is from before the clock was set back."""
        return abs(now - datetime.fromisoformat(self.at)) <= TOLD_FOR


@dataclass(frozen=True)
class CompleteHours:
    """The whole document."""

    feeds: Mapping[str, FeedHours] = field(default_factory=dict)


@dataclass(frozen=True)
class HourEvent:
    """One line of the history: hours became complete (`before`), or complete ones got rows (`revised`)."""

    log: str
    at: Instant
    seq: int
    """the entry of the feed's log that it rests on"""
    since: Instant | None = None
    before: Instant | None = None
    """hours from `since` on that end by then became complete"""
    next_offset: Mapping[str, int] = field(default_factory=dict)
    """with `before`: a row of those hours from here on came late"""
    refused: int | None = None
    """with `before`: messages refused since the line before that has one; None where nobody knows"""
    revised: tuple[Instant, ...] = ()


def read_complete_hours(layout: Layout) -> CompleteHours:
    """Read the document; an empty one where there is none."""
    return read_document(layout.complete_hours, CompleteHours) or CompleteHours()


def write_complete_hours(layout: Layout, hours: CompleteHours) -> None:
    """Replace the document. It is written every few seconds and worthless after a power cut: not synced to disk."""
    durable_files.replace(layout.complete_hours, encode(hours), durable=False)


def read_history(layout: Layout, feed: str, log_id: str | None) -> list[HourEvent]:
    """What happened to the hours of a feed, oldest first."""
    try:
        content = layout.hour_history(feed).read_bytes()
    except FileNotFoundError:
        return []
    return list(events_of(content, log_id))


def read_newest(layout: Layout, feed: str, log_id: str | None) -> list[HourEvent]:
    """Read the last line that made hours complete and some before it, and all after it, from the end of the file.

    Years of late rows make tens of MB, which take seconds to decode.
    """
    try:
        with layout.hour_history(feed).open("rb") as file:
            end, size = file.seek(0, os.SEEK_END), _TAIL
            while True:
                file.seek(max(0, end - size))
                events = list(events_of(file.read(), log_id))
                if size >= end or any(event.before for event in events):
                    return events
                size *= 8
    except FileNotFoundError:
        return []


def events_of(lines: bytes, log_id: str | None) -> Iterator[HourEvent]:
    """Decode lines of a history. What is half written, or of a log that was started over, is no event."""
    events = (decode(line, HourEvent) for line in lines.splitlines())
    return (event for event in events if event is not None and event.log == log_id)


def append_history(layout: Layout, feed: str, events: Iterable[HourEvent]) -> None:
    """Add lines, durably."""
    durable_files.append_lines(layout.hour_history(feed), map(encode, events))
