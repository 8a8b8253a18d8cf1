"""What can be observed of a driver: its heartbeat, for how long there was no new one, and its processes."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spark_jobs.documents.status import ENDED_JOB_STATES, Status, life_shown_at, read_status
from spark_jobs.drivers import processes
from spark_jobs.paths import Layout

_LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class DriverObservation:
    """One look at a driver."""

    status: Status | None
    is_gone: bool = False
    """its processes ended, as can be told for certain on its own host"""
    unchanged_for: timedelta = timedelta(0)
    """how long this observer has been awake without seeing a new heartbeat"""

    def has_ended(self) -> bool:
        """Return whether it said so itself."""
        return self.status is not None and self.status.state in ENDED_JOB_STATES

    def is_silent(self, stale_after: timedelta) -> bool:
        """Return whether no heartbeat came, by our own watching alone.

        Clocks of two hosts differ, one may be set back, and a machine that was asleep finds every heartbeat old.
        """
        return self.status is not None and self.unchanged_for > stale_after

    def is_live(self, stale_after: timedelta) -> bool:
        """Return whether it runs, as far as can be seen."""
        return self.status is not None and not (self.has_ended() or self.is_gone or self.is_silent(stale_after))


class DriverObserver:
    """Looks at the driver below one root, again and again."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._heartbeat: tuple[str, str, int | None] | None = None
        self._seen_at_s = 0.0

    def look(self, awake_s: float) -> DriverObservation:
        """Observe the driver. `awake_s`: a clock that stands still while the machine sleeps (`time.monotonic`)."""
        status = read_status(self._layout)
        if status is None:
            self._heartbeat = None
            return DriverObservation(None)
        is_gone = status.state not in ENDED_JOB_STATES and processes.is_certainly_dead(status.driver)
        if is_gone:
            status = read_status(self._layout) or status  # its last word comes just before its end
        heartbeat = (status.driver.instance, status.at, life_shown_at(self._layout))
        if heartbeat != self._heartbeat:
            self._heartbeat, self._seen_at_s = heartbeat, awake_s
        return DriverObservation(status, is_gone, timedelta(seconds=awake_s - self._seen_at_s))


def looks_alive(status: Status | None, now: datetime, stale_after: timedelta) -> bool:
    """Return, by one look only, whether the heartbeat is fresh and its processes are not known to be gone."""
    return status is not None and status.is_live(now, stale_after) and not processes.is_certainly_dead(status.driver)


def live_driver(layout: Layout, stale_after: timedelta) -> Status | None:
    """Return the status of the driver that lives below this root; None where none does.

    On this host one look tells. The clocks of two hosts differ, so elsewhere only a heartbeat that goes on does: that
    takes until the next one, or `stale_after`.
    """
    observer = DriverObserver(layout)
    seen = observer.look(time.monotonic())
    status = seen.status
    if status is None or processes.is_on_this_host(status.driver):
        return status if looks_alive(status, datetime.now(UTC), stale_after) else None
    while seen.is_live(stale_after):
        time.sleep(_LOOK_EVERY_S)
        seen = observer.look(time.monotonic())
        if not seen.unchanged_for and not seen.has_ended():
            return seen.status
    return None
