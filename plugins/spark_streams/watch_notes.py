"""What a watch writes below its job's root: that it looks, and what it remembers, as far as that can be written."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from spark_jobs.documents import watch_memory
from spark_jobs.documents.watch_memory import WatchMemory
from spark_jobs.paths import Layout
from spark_jobs.supervision.health import HealthState

log = logging.getLogger(__name__)

_SHOW_EVERY_S = 30.0


class WatchNotes:
    """A disk that is full keeps nobody from being told: why it cannot be written is kept, and looked at again."""

    def __init__(self, layout: Layout, job: str) -> None:
        self.unwritable: str | None = None
        """why the last document could not be written"""
        self._layout = layout
        self._job = job
        self._written = WatchMemory()
        self._shown_at_s = -_SHOW_EVERY_S

    @contextmanager
    def as_far_as_possible(self) -> Iterator[None]:
        """Note why something cannot be written."""
        try:
            yield
        except OSError as failure:
            why = failure.strerror or str(failure)
            if why != self.unwritable:
                log.warning("%s cannot be written: %s", self._layout.control, failure)
            self.unwritable = why

    def show(self, memory: WatchMemory, now: datetime, now_s: float, at_once: bool) -> bool:
        """Let a monitor outside see that somebody looks, now and then; it also tells whether anything can be written.

        `now_s`: by a clock that nobody can set.
        """
        is_due = at_once or bool(self.unwritable) or now_s - self._shown_at_s >= _SHOW_EVERY_S
        if is_due:
            with self.as_far_as_possible():
                watch_memory.show_watch(self._layout, memory, now)
                self._shown_at_s, self.unwritable = now_s, None
        return is_due

    def remember(self, memory: WatchMemory, now: datetime, with_figures: bool) -> None:
        """Write down what changed, for the next run and for people; words and figures that are no news now and then."""
        is_news = _gist(memory) != _gist(self._written)
        if is_news or (with_figures and _figures(memory) != _figures(self._written)):
            with self.as_far_as_possible():
                watch_memory.write_memory(self._layout, memory, now)
                self._written = memory
                if is_news:
                    log.info("%s: %s %s", self._job, memory.sentence, memory.next_step)


def _gist(memory: WatchMemory) -> tuple[object, ...]:
    """Leave the sentence out, whose figures change at each look: the next step tells reasons apart.

    A job that takes what comes is idle and healthy in turn, thousands of times a day.
    """
    health = HealthState.HEALTHY if memory.health == HealthState.IDLE else memory.health
    return health, memory.next_step, memory.restarts, sorted(memory.incidents), memory.settings


def _figures(memory: WatchMemory) -> list[str]:
    return [memory.health, memory.sentence, *(incident.sentence for incident in memory.incidents.values())]
