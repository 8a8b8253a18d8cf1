"""The last batches of a stream: how long they took, and what they brought."""

from collections import deque

_RECENT = 20
_RATE_OVER_S = 60.0


class RecentBatches:
    """Kept by a record; moments are of the monotonic clock."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.finished_at: float | None = None
        self.seconds: deque[float] = deque(maxlen=_RECENT)
        self._rows: deque[tuple[float, int]] = deque()

    def add(self, number: int, seconds: float, rows: int, at: float) -> None:
        self.number, self.finished_at = number, at
        self.seconds.append(seconds)
        self._rows.append((at, rows))

    @property
    def last_s(self) -> float | None:
        """How long the last one took."""
        return round(self.seconds[-1], 3) if self.seconds else None

    def rows_per_s(self, at: float) -> float:
        """The rows of the last minute, for each of its seconds."""
        while self._rows and self._rows[0][0] <= at - _RATE_OVER_S:
            self._rows.popleft()
        return round(sum(rows for _, rows in self._rows) / _RATE_OVER_S, 1)
