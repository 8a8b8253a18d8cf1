"""Follows the driver of a job by its heartbeat until it ends, whoever started it."""

import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_jobs.documents.status import Status
from spark_jobs.paths import Layout
from spark_jobs.supervision import driver_exit, driver_processes
from spark_jobs.supervision.driver_exit import DriverExit
from spark_jobs.supervision.driver_observation import DriverObserver
from spark_streams.driver_start import last_words

log = logging.getLogger(__name__)

POLL_S = 2.0


class Follower:
    """`look` every few seconds; it says how the driver ended, once it has."""

    def __init__(self, job: str, layout: Layout, stale_after: timedelta, instance: str | None) -> None:
        self.job = job
        self.layout = layout
        self.stale_after = stale_after
        self.instance = instance
        self.last: Status | None = None
        self._lookout = DriverObserver(layout)

    def try_to_look(self) -> DriverExit | None:
        """What cannot be read at the moment says nothing of the driver's end."""
        try:
            return self.look()
        except OSError as failure:
            log.warning("the heartbeat of %s cannot be read: %s", self.job, failure)
            return None

    def look(self) -> DriverExit | None:
        sight, now = self._lookout.look(time.monotonic()), datetime.now(UTC)
        if sight.status is None:
            return self._vanished()
        if self.last is not None and sight.status.driver.instance != self.last.driver.instance:
            log.info(
                "driver %s (token %d) has taken over; following it", sight.status.driver.instance, sight.status.token
            )
        self.last, self.instance = sight.status, sight.status.driver.instance
        if sight.has_ended():
            return driver_exit.told(sight.status)
        if sight.is_gone:
            return driver_exit.sudden(self.job, last_words(self.log_file))
        if sight.is_silent(now, self.stale_after):
            is_there = driver_processes.is_on_this_host(sight.status.driver)
            return driver_exit.silent(self.job, sight.status.age(now).total_seconds(), is_there)
        return None

    @property
    def log_file(self) -> Path | None:
        return Path(self.last.log) if self.last is not None and self.last.log else None

    def _vanished(self) -> DriverExit | None:
        """The control folder was removed, as a job that starts over does for a moment."""
        if self.last is None or not driver_processes.is_certainly_dead(self.last.driver):
            return None
        return driver_exit.sudden(self.job, last_words(self.log_file))
