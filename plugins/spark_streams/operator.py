"""The task that runs a stream: adopts the driver that is there or starts one, and waits for its end.

Deferrable by default: the wait takes place in the triggerer, so that a stream of months holds no worker slot.
"""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from airflow.configuration import conf
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from pydantic import TypeAdapter

from spark_jobs.diagnosis import Diagnosis, StreamFault
from spark_jobs.documents.desired_state import release_hold, write_desired_state
from spark_jobs.documents.failed_start import FailedStart, write_failed_start
from spark_jobs.documents.lease import newest_token
from spark_jobs.documents.status import ENDED_JOB_STATES, JobState, Status, read_status
from spark_jobs.drivers.observation import live_driver
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.driver_exit import DriverExit
from spark_jobs.supervision.effective_settings import EffectiveSettings
from spark_streams.airflow_internals import submit_command
from spark_streams.driver_follower import POLL_S, DriverFollower
from spark_streams.driver_output import last_lines
from spark_streams.driver_start import StartedDriver, driver_environment, new_log, start_driver
from spark_streams.links import SparkUiLink
from spark_streams.settings_store import SettingsStore
from spark_streams.stopping import FINISH_BATCH_S, hold_by_hand, stop_driver
from spark_streams.stream_trigger import StreamTrigger
from spark_streams.submit import (
    DeploymentError,
    launch_arguments,
    refuse_cluster_mode,
    refuse_short_lived_executor,
    spark_environment,
)
from spark_streams.task_end import TaskEnd, end_in_time, note_end

# With the connector fetched by name, Ivy downloads it before the job's first line.
_FIRST_HEARTBEAT_TIMEOUT_S = 300.0
_SPARK_START_TIMEOUT_S = 60.0
# Airflow kills a task 5 s after it asked it to end, and asking who ended it takes up to 1 s.
_STOP_TIMEOUT_S = 3.5
_EXIT = TypeAdapter(DriverExit)


class StreamOperator(SparkSubmitOperator):
    """Runs a job until it stops. With `deferrable=False` the task itself waits, and holds its slot.

    `fallbacks`: the job's settings where no Variable says otherwise. `spark_env`: the environment with PySpark.
    """

    operator_extra_links = (SparkUiLink(),)
    spark_ui = ""
    """where the driver's Spark UI is, once it is known"""

    def __init__(
        self,
        *,
        job: StreamJob,
        fallbacks: Mapping[str, str],
        spark_env: str,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        # Whatever airflow.cfg has for tasks in general: the watch starts a job again, and a stream has no end.
        super().__init__(**{"retries": 0, "execution_timeout": None, **kwargs})
        self.job = job
        self.fallbacks = dict(fallbacks)
        self.spark_env = spark_env
        self.deferrable = deferrable
        self._started: StartedDriver | None = None
        self._layout: Layout | None = None
        self._task_instance: Any = None
        self._began: datetime | None = None
        self._is_ended = False
        if deferrable:
            refuse_short_lived_executor(self)

    def execute(self, context: Any) -> None:
        """Start or adopt a driver, and follow it to its end."""
        job, now = self.job, datetime.now(UTC)
        self._began, self._task_instance = now, context.get("ti")
        store = SettingsStore(job, self.fallbacks)
        effective = store.read_all(now)
        if why := store.why_no_root(effective):
            raise _failure(why)  # there is no place to note it; the watch tells people
        settings, layout = effective.settings, job.layout(effective.settings)
        refusal = effective.refusal(job)
        if not job.is_enabled(settings):
            raise AirflowSkipException(f"{job.name} is switched off: set the Variable {job.flag} to true to start it.")
        try:
            if refusal is not None:
                raise StreamFault.of(refusal)
            store.take(layout, now)
            self._layout = layout
            release_hold(layout)
            write_failed_start(layout, None, now)
            write_desired_state(layout, effective.desired_state, now)
            status = self._live(layout, settings.HEARTBEAT_STALE_AFTER) or self._start(layout, effective)
        except Exception as failure:
            raise self._not_started(layout, effective, failure) from failure
        self._follow(context, layout, status, effective)

    def use(self, effective: EffectiveSettings) -> None:
        """Have a driver started with these settings."""
        for name, value in launch_arguments(self.job, effective.settings, effective.values).items():
            setattr(self, name, value)
        repository = Path(self.application).parents[1]
        self.env_vars = spark_environment(Path(self.spark_env), os.environ, repository) | (self.env_vars or {})

    def ended(self, context: Any, event: Mapping[str, Any]) -> None:
        """End the task as its driver ended: `event` is the DriverExit as a dictionary, and the path of the log."""
        note_end(context.get("ti"))
        driver_exit = _EXIT.validate_python(event)
        self._show(Path(event["log"]) if event["log"] else None)
        if driver_exit.is_failure:
            raise _failure(driver_exit.diagnosis)
        self.log.info("%s", driver_exit.diagnosis)

    def on_kill(self) -> None:
        """End the driver with the task, while it starts one or waits for its end without being deferred."""
        self._is_ended = True
        if self._layout is not None:
            # Of a task that is gone the driver ends as with any worker that stops, and the watch starts another.
            is_marked = self._is_marked()
            if is_marked:
                hold_by_hand(self._layout, self.job.name)
            stop_driver(self._layout, _STOP_TIMEOUT_S, elsewhere=is_marked)
        if self._started is not None and self._started.process.poll() is None:
            _end_group(self._started)

    def _is_marked(self) -> bool:
        """Whether a person ended the task, as far as that can be told.

        Airflow itself fails a task whose worker it has not heard of for so long; a younger one it cannot have failed.
        """
        silence = timedelta(seconds=conf.getint("scheduler", "task_instance_heartbeat_timeout"))
        is_young = self._began is not None and datetime.now(UTC) - self._began < silence
        return is_young and end_in_time(self._task_instance) is TaskEnd.MARKED

    def _follow(self, context: Any, layout: Layout, status: Status, effective: EffectiveSettings) -> None:
        stale_after, logs = effective.settings.HEARTBEAT_STALE_AFTER, _logs(layout, effective)
        self.log.info("The driver %s writes its log to %s", status.driver.instance, status.log)
        self.spark_ui = self._spark_ui(layout)
        if self.deferrable:
            trigger = StreamTrigger(self.job.name, str(layout.root), stale_after.total_seconds(), str(logs))
            self.defer(trigger=trigger, method_name="ended")
        follower = DriverFollower(self.job.name, layout, stale_after, logs)
        while (driver_exit := follower.try_to_poll()) is None:
            for line in follower.printed():
                self.log.info("driver: %s", line)
            time.sleep(POLL_S)
        self.ended(context, {**asdict(driver_exit), "log": str(follower.log_file or "")})

    def _spark_ui(self, layout: Layout) -> str:
        """Wait a little for the address of the Spark UI: a driver's first heartbeat comes before its Spark."""
        deadline = time.monotonic() + _SPARK_START_TIMEOUT_S
        while time.monotonic() < deadline:
            status = read_status(layout)
            if status is None or status.spark_ui or status.state != JobState.STARTING:
                return (status.spark_ui if status else None) or ""
            time.sleep(0.5)
        return ""

    def _live(self, layout: Layout, stale_after: timedelta) -> Status | None:
        """The driver to adopt. One that is just stopping is waited for: it makes way for a new one."""
        deadline = time.monotonic() + FINISH_BATCH_S
        while True:
            status = live_driver(layout, stale_after)
            if status is None:
                return None
            if status.state != JobState.STOPPING or time.monotonic() > deadline:
                self.log.info("Adopting the driver %s, which is %s", status.driver.instance, status.state)
                return status
            time.sleep(1)

    def _start(self, layout: Layout, effective: EffectiveSettings) -> Status:
        """Start a driver and wait for its first heartbeat; fails with the reason where there is none."""
        if self._is_ended:
            raise StreamFault(f"{self.job.name} was not started: its task was ended meanwhile", "trigger the DAG again")
        self.use(effective)
        before = newest_token(layout)
        command, env = submit_command(self)
        refuse_cluster_mode(self.job.name, command)
        try:
            log = new_log(self.job.name, _logs(layout, effective), datetime.now(UTC))
            started = self._started = start_driver(command, {**driver_environment(os.environ), **env}, log)
        except OSError as failure:
            raise StreamFault(
                f"{self.job.name} could not be started: {failure}",
                "check SPARK_ENV_PATH, and that Airflow's user can write to DRIVER_LOG_PATH and the output",
            ) from failure
        self.log.info("Started %s as process %d; it writes to %s", command[0], started.process.pid, log)
        return self._first_heartbeat(layout, started, before)

    def _first_heartbeat(self, layout: Layout, started: StartedDriver, before: int) -> Status:
        """Wait for a driver with a token above `before`."""
        deadline = time.monotonic() + _FIRST_HEARTBEAT_TIMEOUT_S
        while time.monotonic() < deadline:
            exit_code = started.process.poll()
            status = read_status(layout)
            if status is not None and status.token <= before:
                status = None
            if status is not None and status.state not in ENDED_JOB_STATES:
                return status
            if exit_code is not None and (driver_exit := self._early_exit(started, exit_code, status)):
                self._show(started.log)
                raise StreamFault.of(driver_exit.diagnosis)
            time.sleep(0.5)
        _end_group(started)
        self._show(started.log)
        message = f"{self.job.name} gave no sign of life within {_FIRST_HEARTBEAT_TIMEOUT_S:.0f} s and was ended"
        raise StreamFault(message, f"see its last lines in {started.log}")

    def _early_exit(self, started: StartedDriver, exit_code: int, status: Status | None) -> DriverExit | None:
        """How it ended before its heartbeat was seen, or None where a newer driver was faster. `status`: its last."""
        if status is not None:
            return DriverExit.reported(status)
        return DriverExit.failed_start(self.job.name, exit_code, last_lines(started.log))

    def _show(self, log: Path | None) -> None:
        if lines := last_lines(log):
            self.log.info("The last lines of %s:\n%s", log, lines)

    def _not_started(self, layout: Layout, effective: EffectiveSettings, failure: Exception) -> Exception:
        """Note it for the watch too, whatever it was: what never had a heartbeat left no other trace."""
        why = self._diagnosis(failure)
        failed = FailedStart(why.message, why.next_step, why.retryable, effective.fingerprint or "")
        with suppress(OSError):  # the control folder itself may be what cannot be written
            write_failed_start(layout, failed, datetime.now(UTC))
        return _failure(why)

    def _diagnosis(self, failure: Exception) -> Diagnosis:
        if isinstance(failure, StreamFault):
            return failure.diagnosis
        step = "see the task's log for the whole story"
        if isinstance(failure, DeploymentError):
            step = "then trigger the DAG again"
        return Diagnosis(f"{self.job.name} could not be started: {failure}", step)


def _logs(layout: Layout, effective: EffectiveSettings) -> Path:
    chosen = effective.settings.DRIVER_LOG_PATH
    return Path(chosen) if chosen else layout.driver_logs


def _failure(diagnosis: Diagnosis) -> Exception:
    return (AirflowException if diagnosis.retryable else AirflowFailException)(str(diagnosis))


def _end_group(started: StartedDriver) -> None:
    with suppress(ProcessLookupError):
        os.killpg(started.process.pid, signal.SIGTERM)
    try:
        started.process.wait(_STOP_TIMEOUT_S)
    except TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(started.process.pid, signal.SIGKILL)
