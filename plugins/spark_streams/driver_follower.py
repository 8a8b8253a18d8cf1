"""Follows the driver of a job by its heartbeat until it ends, whoever started it."""

import logging
import time
from datetime import timedelta
from pathlib import Path

from spark_jobs.documents.status import Status
from spark_jobs.drivers import processes
from spark_jobs.drivers.observation import DriverObserver
from spark_jobs.paths import Layout
from spark_jobs.supervision.driver_exit import DriverExit
from spark_streams.driver_output import DriverTail, driver_log, last_lines

log = logging.getLogger(__name__)

POLL_S = 2.0


class DriverFollower:
    """Polled every few seconds; says how the driver ended, once it has. `logs`: the folder of drivers' logs."""

    def __init__(self, job: str, layout: Layout, stale_after: timedelta, logs: Path) -> None:
        self.job = job
        self.layout = layout
        self.stale_after = stale_after
        self.logs = logs
        self._tail = DriverTail()
        self.last: Status | None = None
        self._observer = DriverObserver(layout)

    def try_to_poll(self) -> DriverExit | None:
        """Poll, where it can be read: what cannot at the moment says nothing of the driver's end."""
        try:
            return self.poll()
        except OSError as failure:
            log.warning("the heartbeat of %s cannot be read: %s", self.job, failure)
            return None

    def poll(self) -> DriverExit | None:
        """Look once; None while the driver runs."""
        observation = self._observer.look(time.monotonic())
        status = observation.status
        if status is None:
            return self._vanished()
        if self.last is not None and status.driver.instance != self.last.driver.instance:
            log.info("driver %s has the lease now (token %d); following it", status.driver.instance, status.token)
        self.last = status
        if observation.has_ended():
            return DriverExit.reported(status)
        if observation.is_gone:
            return self._crashed()
        if observation.is_silent(self.stale_after):
            is_there = processes.is_on_this_host(status.driver)
            return DriverExit.unresponsive(self.job, observation.unchanged_for.total_seconds(), is_there)
        return None

    @property
    def log_file(self) -> Path | None:
        """The driver's log, where it is where Airflow's side has drivers write."""
        return None if self.last is None else driver_log(self.last.log, self.job, self.logs)

    def printed(self) -> list[str]:
        """What the driver has printed since the last call."""
        return self._tail.new_lines(self.log_file)

    def _vanished(self) -> DriverExit | None:
        """The control folder was removed, as a job that starts over does for a moment."""
        if self.last is None or not processes.is_certainly_dead(self.last.driver):
            return None
        return self._crashed()

    def _crashed(self) -> DriverExit:
        return DriverExit.crashed(self.job, last_lines(self.log_file))
