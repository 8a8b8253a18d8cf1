"""For how long something has been unread, by our own looks: the times in the messages may be anything."""

from collections import deque
from collections.abc import Callable, Mapping

_KEPT_LOOKS = 500
"""of one part: a look every 5 s, so that what is older than 40 minutes is told with less and less precision"""


class FirstSeen:
    """Remembers when each end was seen first. A part is a partition, or a log that is followed.

    `before_s`: for how long the driver before this one had seen something unread.
    """

    def __init__(self, monotonic: Callable[[], float], before_s: float = 0.0) -> None:
        self._monotonic = monotonic
        self._before_s = before_s
        self._ends: dict[str, deque[tuple[int, float]]] = {}

    def look(self, reached: Mapping[str, int], ends: Mapping[str, int]) -> float | None:
        """When the oldest of what lies between was seen first, by the monotonic clock; None where nothing does."""
        now = self._monotonic() - self._before_s
        self._before_s = 0.0
        oldest = [self._oldest(part, reached.get(part, 0), end, now) for part, end in ends.items()]
        return min((seen for seen in oldest if seen is not None), default=None)

    def forget(self) -> None:
        """Begin anew: nobody has looked for a while, because nobody wanted what was unread."""
        self._ends = {}
        self._before_s = 0.0

    def _oldest(self, part: str, reached: int, end: int, now: float) -> float | None:
        seen = self._ends.setdefault(part, deque())
        if seen and seen[-1][0] > end:  # it was started over
            seen.clear()
        while seen and seen[0][0] <= reached:
            seen.popleft()
        if end > max(reached, seen[-1][0] if seen else 0):
            seen.append((end, now))
        if len(seen) > _KEPT_LOOKS:
            self._ends[part] = seen = _every_second(seen)
        return seen[0][1] if seen else None


def _every_second(seen: deque[tuple[int, float]]) -> deque[tuple[int, float]]:
    """Half the looks: what the one saw counts as seen by the one before it, so that nothing becomes younger."""
    looks = list(seen)
    ends = [looks[min(index + 1, len(looks) - 1)][0] for index in range(0, len(looks), 2)]
    return deque(zip(ends, (at for _, at in looks[::2]), strict=True))
