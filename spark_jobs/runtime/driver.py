"""The life of a job, the same for both: settings, lease, Spark, streams, heartbeat, and a clean end.

run = JobRun.begin(INGESTION, env, follows_switches)     # settings are checked, the lease is ours
with run.starting():                                     # what fails here is told as a failed start
    start = run.start_spark(banner)
    run.serve(start, streams, requests, housekeep)
run.until_stopped()
"""

import logging
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pyspark
from pyspark.sql import SparkSession

from spark_jobs.diagnosis import Diagnosis, LeaseLost, StreamFault, diagnose
from spark_jobs.documents import lag_history
from spark_jobs.documents.codec import iso
from spark_jobs.documents.lease import newest_token, token_after_exists, token_driver
from spark_jobs.documents.status import (
    ENDED_JOB_STATES,
    JobState,
    Status,
    ended,
    read_status,
    show_life,
    unread_for_s,
    write_status,
)
from spark_jobs.exit_codes import FAILED, LEASE_LOST, STOPPED, WRONG_SETTINGS
from spark_jobs.runtime import driver_log, driver_process
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.desired_state_reader import DesiredStateReader
from spark_jobs.runtime.driver_process import JvmTie
from spark_jobs.runtime.executors import Executors
from spark_jobs.runtime.lasting_threads import LastingThreads
from spark_jobs.runtime.own_folders import own
from spark_jobs.runtime.request_queue import RequestQueue, Work
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.runtime.stream import Start, Stream, look_at
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings, SettingsError
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.effective_settings import desired_state_of

log = logging.getLogger(__name__)

_FINISH_BATCH_TIMEOUT_S = 60.0
_SPARK_STOP_TIMEOUT_S = 15.0
_LAG_EVERY_S = 5.0
_FIRST_LAG_AFTER_S = 1.0
_EXECUTORS_EVERY_S = 5.0
_SWITCHES_EVERY_S = 2.0
_FIRST_NOTE_AFTER_S = 60.0
_HOUSEKEEPING_EVERY_S = 3600.0
_FIRST_HOUSEKEEPING_AFTER_S = 120.0
_JVM_GONE = Diagnosis(
    "the JVM under this driver is gone (killed from outside, or out of memory: then the driver's log says "
    "OutOfMemoryError); the driver ended with it",
    "start the job again; out of memory: raise SPARK_DRIVER_MEMORY or lower MAX_OFFSETS_PER_TRIGGER first",
)


class JobRun:
    """One run of a job: the pieces and their order."""

    @classmethod
    def begin(cls, job: StreamJob, env: MutableMapping[str, str], follows_switches: bool = False) -> "JobRun":
        """Check settings and paths, take the lease, begin the heartbeat. Exits with a sentence where that cannot be.

        `follows_switches`: whether switches.json turns the job, and its streams, on and off.
        """
        level = env.get("LOG_LEVEL", "INFO").upper()
        logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("py4j").setLevel(logging.CRITICAL)  # a failed batch is told in words by its supervisor
        try:
            settings = job.settings(env)
        except SettingsError as faults:
            _refuse("settings that are not allowed:\n" + str(faults))
        try:
            for folder in (job.root(settings), job.checkpoints(settings)):
                own(folder, job.name)
        except StreamFault as foreign:
            _refuse(str(foreign.diagnosis))
        run = cls(job, settings, env, follows_switches)
        run._take_the_lease()
        return run

    def __init__(
        self, job: StreamJob, settings: Settings, env: MutableMapping[str, str], follows_switches: bool
    ) -> None:
        self.job = job
        self.settings = settings
        self.env = env
        self.layout = job.layout(settings)
        self._flags = desired_state_of(job, settings).streams
        self._switches = DesiredStateReader(self.layout) if follows_switches else None
        self._started_at = utc_now()
        self._instance = driver_process.new_instance(self._started_at)
        self._driver = driver_process.driver_identity(self._instance, None)
        self._token = 0
        self._state = JobState.STARTING
        self._why_failed: Diagnosis | None = None
        self._streams: Sequence[Stream] = ()
        self._spark: SparkSession | None = None
        self._spark_ui: str | None = None
        self._jvm: JvmTie | None = None
        self._asked_to_stop = threading.Event()
        self._unread_before_s: Mapping[str, float] = {}
        self._threads = LastingThreads(self._asked_to_stop, self._lease_lost)
        self._writing = threading.Lock()
        self._request_thread: threading.Thread | None = None

    def _take_the_lease(self) -> None:
        self._listen_for_signals()
        stale_after = self.settings.HEARTBEAT_STALE_AFTER
        self._token = driver_process.acquire_lease(self.layout, self._driver, stale_after, utc_now)
        self._unread_before_s = unread_for_s(read_status(self.layout))
        self._threads.begin("heartbeat", self._heartbeat)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Report what fails inside as a failed start, and end."""
        try:
            yield
        except Exception as failure:
            log.exception("%s did not start", self.job.name)
            why = diagnose(failure)
            self._fail(replace(why, message=f"{self.job.name} did not start: {why.message}"))

    def start_spark(self, banner: Sequence[str]) -> Start:
        """Start Spark, tie its JVM to this process, and tell what runs where."""
        self._spark = spark_session(
            self.settings,
            self.job.name,
            self.job.ui_port(self.settings),
            self.env,
            kafka=self.job.reads("KAFKA_CONNECTOR_JARS"),
        )
        self._listen_for_signals()  # again: Spark has put its own handler, which raises, in the place of SIGINT's
        self._jvm = JvmTie(self._spark.sparkContext)
        self._driver = driver_process.driver_identity(self._instance, self._jvm.pid)
        self._spark_ui = self._spark.sparkContext.uiWebUrl
        self._jvm.forward_signals(self._asked_to_stop.set)
        writer = Writer(self._driver, self._token, self._check_lease)
        java = self._spark.sparkContext._jvm.java.lang.System.getProperty("java.version")  # type: ignore[union-attr]
        lines = [
            f"{self.settings.SPARK_APP_NAME} - {self.job.name}",
            f"  Spark {pyspark.__version__}, Java {java}, Python {platform.python_version()}",
            f"  driver {self._instance}, token {self._token}, Spark UI {self._spark_ui or 'off'}",
            *(f"  {line}" for line in banner),
        ]
        print("\n".join(lines), file=sys.stderr, flush=True)
        return Start(
            self.settings,
            self._spark,
            self.layout,
            self.job.checkpoints(self.settings),
            writer,
            utc_now,
            self.env,
            self._lease_lost,
            self._unread_before_s,
        )

    def serve(
        self, start: Start, streams: Sequence[Stream], requests: Mapping[str, Work], housekeep: Callable[[], None]
    ) -> None:
        """Begin the streams and the threads beside them.

        `requests`: kind -> what does it. `housekeep` is called once an hour.
        """
        self._streams = streams
        if self._switches is not None:
            self._switches.refuse_unreadable(self.job.name)
        self._follow_switches()
        for stream in streams:
            stream.supervisor.begin()
        self._threads.every(_SWITCHES_EVERY_S, "switches", self._follow_switches)
        self._state = JobState.RUNNING
        for stream in streams:
            self._threads.every(_LAG_EVERY_S, f"lag of {stream.record.name}", look_at(stream), _FIRST_LAG_AFTER_S)
        executors = Executors(start.spark)
        if executors.can_lack:
            self._threads.every(_EXECUTORS_EVERY_S, "executors", lambda: self._look_for(executors))
        self._threads.every(lag_history.EVERY.total_seconds(), "lag history", self._note_lags, _FIRST_NOTE_AFTER_S)
        self._threads.every(_HOUSEKEEPING_EVERY_S, "housekeeping", housekeep, _FIRST_HOUSEKEEPING_AFTER_S)
        queue = RequestQueue(self.layout, requests, start.writer, utc_now)
        self._request_thread = self._threads.begin(
            "requests", lambda: queue.serve(self._asked_to_stop, self._lease_lost)
        )

    def until_stopped(self) -> NoReturn:
        """Wait until the job is asked to stop, or nothing is left that it could do; never returns."""
        while not self._asked_to_stop.wait(0.5):
            if self._streams and all(stream.supervisor.is_given_up for stream in self._streams):
                self._fail(self._nothing_left())
        self._stop_gracefully()

    # -- threads ------------------------------------------------------------------------------------------------

    def _listen_for_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._asked_to_stop.set())

    def _follow_switches(self) -> None:
        desired = self._switches.read() if self._switches is not None else None
        if desired is not None and not desired.job_enabled:
            log.info("%s is switched off", self.job.name)
            self._asked_to_stop.set()
        switched = {**self._flags, **(desired.streams if desired is not None else {})}
        for stream in self._streams:
            stream.supervisor.switch(switched.get(stream.record.name, True))

    def _look_for(self, executors: Executors) -> None:
        missing = executors.look()
        for stream in self._streams:
            stream.record.lacks_executors(missing)

    def _note_lags(self) -> None:
        now = utc_now()
        lag_history.note_lags(self.layout, [stream.record.status(now) for stream in self._streams], now)

    def _heartbeat(self) -> None:
        while self._state not in ENDED_JOB_STATES:
            try:
                if token_after_exists(self.layout, self._token):
                    self._lease_lost(self._lease_lost_message())
                if self._jvm is not None and self._jvm.jvm_is_gone():
                    self._fail(_JVM_GONE)
                self._write_status()
                if written := self.env.get("DRIVER_LOG"):
                    driver_log.keep_small(Path(written))
            except Exception as failure:
                log.error("the heartbeat failed and goes on: %s", diagnose(failure).message)
            time.sleep(self.settings.HEARTBEAT_INTERVAL.total_seconds())

    def _write_status(self) -> None:
        with self._writing:  # the last one is not to be replaced by one that was begun before it
            try:
                write_status(self.layout, self._status(utc_now()))
            except OSError as failure:
                log.error("the heartbeat could not be written: %s", diagnose(failure).message)
                show_life(self.layout)

    def _status(self, now: datetime) -> Status:
        why = self._why_failed
        streams = tuple(stream.record.status(now) for stream in self._streams)
        return Status(
            app=self.job.name,
            driver=self._driver,
            token=self._token,
            at=iso(now),
            started_at=iso(self._started_at),
            state=self._state,
            settings_fingerprint=self.job.fingerprint(self.settings),
            spark_ui=self._spark_ui,
            log=self.env.get("DRIVER_LOG"),
            streams=tuple(map(ended, streams)) if self._state in ENDED_JOB_STATES else streams,
            warnings=tuple(self._warnings()),
            last_error=why.message if why else None,
            next_step=why.next_step if why else None,
            needs_person=why is not None and not why.retryable,
        )

    def _warnings(self) -> Iterator[str]:
        if self._switches is not None and self._switches.fault is not None:
            yield self._switches.fault
        if self._state in (JobState.STARTING, JobState.RUNNING):
            yield from (f"the thread for {name} has ended: start the job again" for name in self._threads.ended())

    # -- ends ---------------------------------------------------------------------------------------------------

    def _check_lease(self) -> None:
        if token_after_exists(self.layout, self._token):
            raise LeaseLost(self._lease_lost_message())

    def _lease_lost_message(self) -> str:
        newest = newest_token(self.layout)
        newer = token_driver(self.layout, newest)
        return (
            f"a newer driver ({newer.instance if newer else 'unknown'}, token {newest}) has taken over from this one "
            f"({self._instance}, token {self._token}); this one ends without writing any more"
        )

    def _lease_lost(self, message: str) -> NoReturn:
        # At once and without a last status: both belong to the newer driver now.
        print(message, file=sys.stderr, flush=True)
        os._exit(LEASE_LOST)

    def _stop_gracefully(self) -> NoReturn:
        self._state = JobState.STOPPING
        log.info("stopping: each stream finishes its batch, and a request its step")
        deadline = time.monotonic() + _FINISH_BATCH_TIMEOUT_S
        for stream in self._streams:
            stream.supervisor.stop()
        left = [s.record.name for s in self._streams if not s.supervisor.join(max(0.1, deadline - time.monotonic()))]
        if self._request_thread is not None:
            self._request_thread.join(max(0.1, deadline - time.monotonic()))
        if left:
            log.warning("still in a batch after %.0f s, left to the next start: %s", _FINISH_BATCH_TIMEOUT_S, left)
        self._end(STOPPED, f"{self.job.name} stopped")

    def _nothing_left(self) -> Diagnosis:
        told = [f"{s.record.name}: {s.record.status(utc_now()).last_error}" for s in self._streams]
        return Diagnosis(
            f"every stream needs somebody's help, nothing is left to do; {'; '.join(told)}",
            "do what the status document or this log says for each stream, then start the job again",
            retryable=False,
        )

    def _fail(self, why: Diagnosis) -> NoReturn:
        self._why_failed = why
        self._end(FAILED, str(why))

    def _end(self, code: int, message: str) -> NoReturn:
        (log.info if code == STOPPED else log.error)(message)
        self._state = JobState.STOPPED if code == STOPPED else JobState.FAILED
        if self._spark is not None and self._jvm is not None and not self._jvm.jvm_is_gone():
            _within(_SPARK_STOP_TIMEOUT_S, self._spark.stop)
        self._write_status()
        sys.stderr.flush()
        os._exit(code)  # threads waiting in Py4J must not hold the process


def _refuse(message: str) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(WRONG_SETTINGS)


def _within(seconds: float, action: Callable[[], None]) -> None:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(timeout=seconds)
