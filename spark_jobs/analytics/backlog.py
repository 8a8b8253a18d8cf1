"""Which hours an analytic still has to recompute, and which of them come first. Pure, so that it can be tested.

The hours that new tiles lie in are recomputed at once: they are what somebody looks at. What a late event changes
further on (up to 28 days of hours) is done along where it is little, else collected and worked off together, so that
one late event in every batch does not recompute a month every ten seconds.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from spark_jobs.completeness import hour_end, hour_of, hours_between

MOST_HOURS_AT_ONCE = 700
"""hours of one publication: about a month, a second or two of work"""
MAX_DEFERRED_HOURS = 24
"""so many later hours are done with the current ones: a file each, and hardly more of a query"""
SETTLE_EVERY = timedelta(minutes=1)
"""how long more of them may be collected while new tiles keep coming"""


@dataclass(frozen=True)
class Backlog:
    """Hours to recompute: `current` now, `later` as well where they are few, it is quiet or time is up."""

    current: Set[datetime] = frozenset()
    later: Set[datetime] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.current or self.later)

    def __len__(self) -> int:
        return len(self.current) + len(self.later)

    def with_more(self, reached: Iterable[datetime], changed: Iterable[datetime], window: timedelta) -> "Backlog":
        """`reached`: the hours that changed; `changed`: the starts of the tiles that changed them."""
        direct = set(_hours_of(changed, window))
        more = set(reached)
        current = self.current | (more & direct)
        return Backlog(current, (self.later | more) - current)

    def next_hours(self, quiet: bool, settled_ago: timedelta) -> list[datetime]:
        """What to do in this go, newest first within the bound; sorted."""
        hours = sorted(self.current, reverse=True)
        if quiet or settled_ago >= SETTLE_EVERY or len(self.later) <= MAX_DEFERRED_HOURS:
            hours += sorted(self.later, reverse=True)
        return sorted(hours[:MOST_HOURS_AT_ONCE])

    def without(self, done: Iterable[datetime]) -> "Backlog":
        finished = set(done)
        return Backlog(self.current - finished, self.later - finished)


def _hours_of(tiles: Iterable[datetime], window: timedelta) -> Iterable[datetime]:
    """The hours in which the windows that hold these tiles start."""
    for tile in tiles:
        yield from hours_between(hour_of(tile - window), hour_end(tile))
