"""When an hour of a feed is complete: one rule, for the ingestion job, the Streams page and whoever waits for an hour.

An hour is complete once the newest event of all feeds together lies GRACE beyond its end, and the feed has read all
that the broker held of it at that moment. So a quiet partition, a silent feed and a replay of old years all come to
*complete*; what arrives afterwards is late, and counts as a revision.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

GRACE = timedelta(minutes=10)
HOUR = timedelta(hours=1)
TOLD_FOR = timedelta(seconds=30)
"""facts older than this say nothing of the present"""

Offsets = Mapping[str, int]
"""partition as text -> next offset"""


class HourState(StrEnum):
    """What is known of one hour of one feed."""

    COMPLETE = "complete"
    FILLING = "filling"
    NOTHING_CAME = "nothing came"
    """complete, without a row"""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Mark:
    """What has to be read before the hours that end by `before` are complete."""

    before: datetime
    end_offsets: Offsets
    """of the broker, asked after the newest event had passed `before` by the grace"""

    def is_reached(self, next_offset: Offsets) -> bool:
        """Whether a feed at this position has read all of it."""
        return all(next_offset.get(partition, 0) >= end for partition, end in self.end_offsets.items())


@dataclass(frozen=True)
class FeedProgress:
    """How far one feed is complete. `mark` is what comes next; it may be forgotten, a new one takes its place."""

    complete_before: datetime | None = None
    mark: Mark | None = field(default=None, compare=False)

    def is_late(self, hour: datetime) -> bool:
        """Whether a row of this hour that is read now comes after the hour was complete."""
        return self.complete_before is not None and hour_end(hour) <= self.complete_before

    def looked(self, passed: datetime | None, end_offsets: Offsets, next_offset: Offsets) -> "FeedProgress":
        """Return the progress after a look.

        Args:
            passed: the end of the last hour that the newest event had passed before `end_offsets` were asked
            end_offsets: what the broker holds of the feed, of partitions that hold anything
            next_offset: the feed's position
        """
        reached = self._reached(next_offset)
        if reached.mark is None and passed is not None and reached._is_news(passed):
            reached = FeedProgress(reached.complete_before, Mark(passed, end_offsets))
        return reached._reached(next_offset)

    def _reached(self, next_offset: Offsets) -> "FeedProgress":
        if self.mark is None or not self.mark.is_reached(next_offset):
            return self
        return FeedProgress(self.mark.before)

    def _is_news(self, passed: datetime) -> bool:
        return self.complete_before is None or passed > self.complete_before


def passed_by(newest_event: datetime | None, now: datetime) -> datetime | None:
    """The end of the last hour that the newest event has passed by the grace; one ahead of the clock counts as now."""
    if newest_event is None:
        return None
    return hour_of(min(newest_event, now) - GRACE)


def hour_of(instant: datetime) -> datetime:
    """The start of the UTC hour of an instant."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_end(hour: datetime) -> datetime:
    return hour_of(hour) + HOUR


def hours_between(first: datetime, end: datetime) -> Iterator[datetime]:
    """The hours from `first`, itself the start of one, that start before `end`."""
    while first < end:
        yield first
        first += HOUR


def state_of(
    hour: datetime, known_since: datetime | None, complete_before: datetime | None, rows: int, is_told: bool
) -> HourState:
    """What is known of an hour that holds so many rows.

    `known_since`: the first hour of the feed. Of an empty one before it nobody knows whether anything ever happened.
    `is_told`: whether the ingestion job has said so lately. Without that, what was complete stays complete, and of the
    others nothing is known.
    """
    if not rows and known_since is not None and hour < known_since:
        return HourState.UNKNOWN
    if complete_before is not None and hour_end(hour) <= complete_before:
        return HourState.COMPLETE if rows else HourState.NOTHING_CAME
    return HourState.FILLING if is_told else HourState.UNKNOWN
