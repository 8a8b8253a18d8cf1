"""What looks have found still to do: by a thread beside the stream's own, which may hang."""

from collections.abc import Mapping
from dataclasses import dataclass

UNKNOWN_AFTER_S = 30.0
"""a look so old says nothing of what is due now"""


def unread(reached: Mapping[str, int], ends: Mapping[str, int]) -> int:
    """How many lie between, part by part; of Kafka's offsets some are of control records."""
    return sum(max(0, end - reached.get(part, 0)) for part, end in ends.items())


@dataclass(frozen=True)
class Due:
    """What one look found."""

    records: int
    """messages, ingested rows, or entries of the rollup that are not in the output"""
    first_seen: float | None = None
    """when the oldest of them was seen first, by the monotonic clock; None where there is none"""
    hours: int | None = None
    """analytics: output hours; None where they are not known yet"""
    is_more_than_a_batch: bool = False

    def __bool__(self) -> bool:
        return bool(self.records or self.hours)


class Looks:
    """The last look and what is left of those before it. Moments are of the monotonic clock."""

    def __init__(self, first_seen: float | None = None) -> None:
        self.due: Due | None = None
        self.first_seen = first_seen
        """of what was unread at the last look that could be made"""
        self._at: float | None = None
        self._why_not = "an answer"

    def found(self, due: Due, at: float) -> None:
        self.due, self._at, self.first_seen = due, at, due.first_seen

    def failed(self, why: str) -> None:
        self._why_not = why

    def forget(self) -> None:
        self.due = self._at = self.first_seen = None

    def unknown(self, at: float, asked_at: float) -> str | None:
        """Why nobody knows what is due, in words; None where the last look is fresh."""
        if at - max(asked_at, self._at or asked_at) <= UNKNOWN_AFTER_S:
            return None
        return f"{self._why_not}: how much is due has not been known for {UNKNOWN_AFTER_S:.0f} s"

    def has_work(self, finished_at: float | None) -> bool | None:
        """Whether something is due; None where a batch has finished since the last look."""
        if self.due is None or self._at is None:
            return None
        return None if finished_at is not None and self._at < finished_at else bool(self.due)

    def is_behind(self, at: float, usual_s: float, finished_at: float | None) -> bool:
        """Whether what the last look found is more than one interval's worth.

        `usual_s`: what is unread for longer is, unless a batch has finished since and may have read it.
        """
        if self.due is None or self._at is None:
            return False
        until = at if self.has_work(finished_at) else self._at
        is_late = self.due.first_seen is not None and until - self.due.first_seen > usual_s
        return self.due.is_more_than_a_batch or is_late
