"""For how long things have been the same, by a clock that stands still while the machine sleeps."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from spark_jobs.documents.codec import Instant, iso

_HANDED_ON_WITHIN = timedelta(minutes=2)
"""Airflow may start a trigger again, much later, with the arguments that it had once"""


@dataclass(frozen=True)
class Lasted:
    """What one watch hands on to the next: name -> what it is, and for how many seconds it has been that."""

    at: Instant
    same_for_s: Mapping[str, tuple[str | bool | None, float]]


class Lasting:
    """Knows for how long each of several things has been the same; the time between two watches does not count."""

    def __init__(self, before: Lasted | None, now: datetime) -> None:
        if before is None or abs(now - datetime.fromisoformat(before.at)) > _HANDED_ON_WITHIN:
            before = Lasted(iso(now), {})
        now_s = time.monotonic()
        self._since = {name: (value, now_s - for_s) for name, (value, for_s) in before.same_for_s.items()}

    def same(self, name: str, value: str | bool | None) -> timedelta:
        """Note what it is now, and return for how long it has been that."""
        now_s = time.monotonic()
        if name not in self._since or self._since[name][0] != value:
            self._since[name] = value, now_s
        return timedelta(seconds=now_s - self._since[name][1])

    def true(self, name: str, is_so: str | bool | None) -> timedelta:
        """Return the same, but nothing where it is not so."""
        lasted = self.same(name, is_so)
        return lasted if is_so else timedelta(0)

    def lasted(self, now: datetime) -> Lasted:
        """Return what to hand on."""
        now_s = time.monotonic()
        return Lasted(iso(now), {name: (value, now_s - at_s) for name, (value, at_s) in self._since.items()})
