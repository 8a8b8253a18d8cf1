"""Questions to a feed's history of hours: since when an hour is complete, and how often it changed after that."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from spark_jobs.completeness import hour_end
from spark_jobs.documents.complete_hours import HourEvent


class CompletedHours:
    """What the lines of one feed come to, in the order in which they were written. Revisions are only counted."""

    def __init__(self) -> None:
        self.complete_before: datetime | None = None
        """the end of the last complete hour; None before the first"""
        self._completions: list[HourEvent] = []
        self._ends: list[datetime] = []
        self._revisions: Counter[datetime] = Counter()

    def add(self, event: HourEvent) -> None:
        """Take the next line. Who asks meanwhile in another thread sees it or not."""
        self._revisions.update(map(datetime.fromisoformat, event.revised))
        if event.before is not None:
            end = datetime.fromisoformat(event.before)
            self._completions.append(event)
            self._ends.append(end)
            self.complete_before = max(end, self.complete_before or end)

    @property
    def known_since(self) -> datetime | None:
        """The first hour that any line tells of; None before the first line."""
        since = next((event.since for event in self._completions if event.since), None)
        return None if since is None else datetime.fromisoformat(since)

    def completion_of(self, hour: datetime) -> HourEvent | None:
        """The line that made this hour complete."""
        at = bisect_left(self._ends, hour_end(hour))
        return self._completions[at] if at < len(self._completions) else None

    def revision_of(self, hour: datetime) -> int:
        """0 before the hour is complete, 1 once it is, and one more for each line of rows that came since."""
        return 0 if self.completion_of(hour) is None else 1 + self._revisions[hour]


class HourHistory(CompletedHours):
    """The same with all lines, for who walks through them."""

    def __init__(self, events: Iterable[HourEvent]) -> None:
        super().__init__()
        self.events = tuple(events)
        for event in self.events:
            self.add(event)
