"""Questions to a feed's history of hours: since when an hour is complete, and how often it changed after that."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from spark_jobs.completeness import hour_end
from spark_jobs.documents.complete_hours import HourEvent


class HourHistory:
    """The lines of one feed, in the order in which they were written."""

    def __init__(self, events: Iterable[HourEvent] = ()) -> None:
        self.events = tuple(events)
        self._completions = [event for event in self.events if event.before is not None]
        self._ends = [datetime.fromisoformat(event.before or "") for event in self._completions]
        revised = (hour for event in self.events for hour in event.revised)
        self._revisions = Counter(map(datetime.fromisoformat, revised))

    @property
    def complete_before(self) -> datetime | None:
        """The end of the last complete hour; None before the first."""
        return max(self._ends, default=None)

    def completion_of(self, hour: datetime) -> HourEvent | None:
        """The line that made this hour complete."""
        at = bisect_left(self._ends, hour_end(hour))
        return self._completions[at] if at < len(self._completions) else None

    def revision_of(self, hour: datetime) -> int:
        """0 before the hour is complete, 1 once it is, and one more for each batch that brought rows of it since."""
        return 0 if self.completion_of(hour) is None else 1 + self._revisions[hour]
