"""The feeds that the rollup cannot read at the moment: why, and when each is looked at again."""

import logging
import time
from dataclasses import dataclass, field

from spark_jobs.diagnosis import Diagnosis, diagnose

log = logging.getLogger(__name__)

TRY_AGAIN_S = 60.0
"""a feed that cannot be read is looked at this often"""
ASK_AGAIN_S = 900.0
"""one that waits for a person is read this often, whatever news it has: it may be all of its rows each time"""

Head = tuple[str, int]
"""the id of a feed's log, and its newest entry"""


@dataclass
class WaitingFeeds:
    """Everything by the feed's name."""

    why: dict[str, Diagnosis] = field(default_factory=dict)
    """why each is not read at the moment"""
    _looked_at: dict[str, Head | None] = field(default_factory=dict)
    _try_again_at: dict[str, float] = field(default_factory=dict)
    _ask: set[str] = field(default_factory=set)
    """those that wait for a person"""

    def look_again(self) -> None:
        """Have every feed read: what was seen before may not have been published."""
        self._looked_at.clear()
        self._try_again_at.clear()
        self._ask.clear()

    def has_news(self, feed: str, head: Head | None) -> bool:
        """Whether the feed's log has another head than at the last look."""
        return head != self._looked_at.get(feed)

    def has_retries_due(self) -> bool:
        """Whether a feed that could not be read is to be looked at again."""
        return any(due <= time.monotonic() for due in self._try_again_at.values())

    def is_due(self, feed: str, head: Head | None) -> bool:
        """Note the head of the feed's log, None where it has none; whether the feed is to be read now."""
        is_new = feed not in self._ask and self.has_news(feed, head)
        self._looked_at[feed] = head
        return is_new or self._try_again_at.get(feed, 0.0) <= time.monotonic()

    def add(self, feed: str, fault: Exception, needs_person: bool) -> None:
        """Note why the feed could not be read."""
        why = diagnose(fault)
        if self.why.get(feed) != why:
            log.warning("%s waits: %s", feed, why)
        self.remove(feed)
        self.why[feed] = why
        if needs_person:
            self._ask.add(feed)
        self._try_again_at[feed] = time.monotonic() + (ASK_AGAIN_S if needs_person else TRY_AGAIN_S)

    def remove(self, feed: str) -> None:
        """Note that the feed was read."""
        self.why.pop(feed, None)
        self._try_again_at.pop(feed, None)
        self._ask.discard(feed)
