"""The task that runs a stream: adopts the driver that is there or starts one, and waits for its end.

Deferrable by default: the wait takes place in the triggerer, so that a stream of months holds no worker slot.
"""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from spark_jobs.documents.desired_state import release_hold, write_desired_state
from spark_jobs.documents.failed_start import FailedStart, write_failed_start
from spark_jobs.documents.lease import newest_token
from spark_jobs.documents.status import ENDED_JOB_STATES, Status, read_status
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings, SettingsError, settings_from
from spark_jobs.stream_jobs import STREAM_JOBS
from spark_jobs.supervision import driver_exit
from spark_jobs.supervision.desired_state import desired_state_of
from spark_jobs.supervision.driver_exit import DriverExit
from spark_jobs.supervision.driver_observation import live_at_first_look
from spark_streams.driver_follower import POLL_S, Follower
from spark_streams.driver_start import StartedDriver, last_words, new_log, start_driver, without_airflow
from spark_streams.stopping import FINISH_BATCH_S, stop_driver
from spark_streams.stream_trigger import StreamTrigger

# With the connector fetched by name, Ivy downloads it before the job's first line.
_FIRST_HEARTBEAT_WITHIN_S = 300.0
# Airflow kills a task 5 s after it asked it to end.
_STOP_WITHIN_S = 4.0


class StreamOperator(SparkSubmitOperator):
    """Runs `job` until it stops. With `deferrable=False` the task itself waits, and holds its slot."""

    def __init__(self, *, job: str, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.deferrable = deferrable
        self._started: StartedDriver | None = None
        self._layout: Layout | None = None

    def execute(self, context: Any) -> None:
        settings = self._settings()
        job = STREAM_JOBS[self.job]
        layout = self._layout = job.layout(settings)
        if not job.is_enabled(settings):
            raise AirflowSkipException(f"{self.job} is switched off: set the Variable {job.flag} to true to start it.")
        release_hold(layout)
        write_failed_start(layout, None, datetime.now(UTC))
        write_desired_state(layout, desired_state_of(job, settings), datetime.now(UTC))
        status = self._live(layout, settings) or self._start(layout, settings)
        self.log.info("The driver %s writes its log to %s", status.driver.instance, status.log)
        stale_after = settings.HEARTBEAT_STALE_AFTER
        if self.deferrable:
            watched = StreamTrigger(self.job, str(layout.root), stale_after.total_seconds(), status.driver.instance)
            self.defer(trigger=watched, method_name="ended")
        follower = Follower(self.job, layout, stale_after, status.driver.instance)
        while (ending := follower.try_to_look()) is None:
            time.sleep(POLL_S)
        self.ended(context, {**asdict(ending), "log": str(follower.log_file or "")})

    def ended(self, context: Any, event: Mapping[str, Any]) -> None:  # noqa: ARG002 - called by Airflow with both
        """Resumed once the driver has ended: what it said last, and how the task ends."""
        ending = DriverExit(**{name: value for name, value in event.items() if name != "log"})
        self._show(Path(event["log"]) if event["log"] else None)
        if ending.is_failure:
            raise _failure(ending)
        self.log.info("%s", ending)

    def on_kill(self) -> None:
        """The task itself is ended: while it starts a driver, or waits for its end without being deferred."""
        if self._layout is not None:
            stop_driver(self._layout, _STOP_WITHIN_S)
        if self._started is not None and self._started.process.poll() is None:
            _end_group(self._started)

    def _settings(self) -> Settings:
        try:
            return settings_from(self.env_vars or {})
        except SettingsError as wrong:
            raise AirflowFailException(
                f"{self.job} was not started, as these settings are not allowed (Admin, Variables):\n{wrong}"
            ) from None

    def _live(self, layout: Layout, settings: Settings) -> Status | None:
        """The driver to adopt. One that is just stopping is waited for: it makes way for a new one."""
        deadline = time.monotonic() + FINISH_BATCH_S
        while True:
            status = read_status(layout)
            if status is None or not live_at_first_look(status, datetime.now(UTC), settings.HEARTBEAT_STALE_AFTER):
                return None
            if status.state != "stopping" or time.monotonic() > deadline:
                self.log.info("Adopting the driver %s, which is %s", status.driver.instance, status.state)
                return status
            time.sleep(1)

    def _start(self, layout: Layout, settings: Settings) -> Status:
        before = newest_token(layout)
        started = self._started = self._launched(layout, settings)
        deadline = time.monotonic() + _FIRST_HEARTBEAT_WITHIN_S
        while time.monotonic() < deadline:
            exit_code = started.process.poll()
            status = read_status(layout)
            if status is not None and status.token <= before:
                status = None
            if status is not None and status.state not in ENDED_JOB_STATES:
                return status
            if exit_code is not None and (ending := self._early_end(started, exit_code, status)):
                self._show(started.log)
                raise self._failed_start(layout, settings, ending)
            time.sleep(0.5)
        _end_group(started)
        self._show(started.log)
        sentence = f"{self.job} gave no sign of life within {_FIRST_HEARTBEAT_WITHIN_S:.0f} s and was ended"
        raise self._failed_start(layout, settings, DriverExit(True, sentence, f"see its last lines in {started.log}"))

    def _launched(self, layout: Layout, settings: Settings) -> StartedDriver:
        hook = self._get_hook()
        command = hook._build_spark_submit_command(str(self.application))
        try:
            log = new_log(self.job, settings, layout, datetime.now(UTC))
            started = start_driver(command, {**without_airflow(os.environ), **(hook._env or {})}, log)
        except OSError as failure:
            told = DriverExit(
                True,
                f"{self.job} could not be started: {failure}",
                "check SPARK_ENV_PATH, and that Airflow's user can write to DRIVER_LOG_PATH and the output",
            )
            raise self._failed_start(layout, settings, told) from failure
        self.log.info("Started %s as process %d; it writes to %s", command[0], started.process.pid, log)
        return started

    def _early_end(self, started: StartedDriver, exit_code: int, status: Status | None) -> DriverExit | None:
        """How it ended before its heartbeat was seen, or None where a newer driver was faster. `status`: its last."""
        if status is not None:
            return driver_exit.told(status)
        return driver_exit.failed_start(self.job, exit_code, last_words(started.log))

    def _failed_start(self, layout: Layout, settings: Settings, ending: DriverExit) -> Exception:
        """Noted for the watch too: what never had a heartbeat left no other trace."""
        fingerprint = STREAM_JOBS[self.job].fingerprint(settings)
        noted = FailedStart(ending.sentence, ending.next_step, ending.retry_helps, fingerprint)
        with suppress(OSError):  # the control folder itself may be what cannot be written
            write_failed_start(layout, noted, datetime.now(UTC))
        return _failure(ending)

    def _show(self, log: Path | None) -> None:
        if words := last_words(log):
            self.log.info("The last lines of %s:\n%s", log, words)


def _failure(ending: DriverExit) -> Exception:
    return (AirflowException if ending.retry_helps else AirflowFailException)(str(ending))


def _end_group(started: StartedDriver) -> None:
    with suppress(ProcessLookupError):
        os.killpg(started.process.pid, signal.SIGTERM)
    try:
        started.process.wait(_STOP_WITHIN_S)
    except TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(started.process.pid, signal.SIGKILL)
