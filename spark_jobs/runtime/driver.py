"""The life of a job, the same for both: settings, lease, Spark, streams, heartbeat, and a clean end.

How it is used:

    run = JobRun.begin(INGESTION, env, follows_switches)     # settings are checked, the lease is ours
    with run.starting():                                     # what fails here is told as a failed start
        context = run.start_spark(banner)
        run.serve(context, streams, requests, housekeep)
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
from typing import NoReturn

import pyspark
from pyspark.sql import SparkSession

from spark_jobs.diagnosis import Diagnosis, LeaseLost, StreamFault, diagnose
from spark_jobs.documents import lag_history
from spark_jobs.documents.status import JobState, read_status, unread_for_s
from spark_jobs.drivers.exit_codes import FAILED, STOPPED, WRONG_SETTINGS
from spark_jobs.runtime import driver_process
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.desired_state_reader import DesiredStateReader
from spark_jobs.runtime.driver_process import JvmTie
from spark_jobs.runtime.executors import Executors
from spark_jobs.runtime.heartbeat import Heartbeat
from spark_jobs.runtime.lasting_threads import LastingThreads
from spark_jobs.runtime.lease import acquire_lease, end_without_lease
from spark_jobs.runtime.own_folders import own
from spark_jobs.runtime.request_queue import RequestQueue, Work
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.runtime.stream import Stream, StreamContext, look_at
from spark_jobs.runtime.writer import Writer
from spark_jobs.setting_values import quoted
from spark_jobs.settings import Settings, SettingsError
from spark_jobs.stream_jobs import StreamJob

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
        _begin_logging(env.get("LOG_LEVEL", "").strip() or "INFO")
        try:
            settings = job.settings(env)
        except SettingsError as faults:
            _refuse("settings that are not allowed:\n" + str(faults))
        try:
            own(job.root(settings), job.name)
            own(job.checkpoints(settings), job.name, has_run=job.layout(settings).logs.exists())
        except StreamFault as fault:
            why = fault.diagnosis
            _refuse(str(why), FAILED if why.retryable else WRONG_SETTINGS)
        asked_to_stop = threading.Event()
        _listen_for_signals(asked_to_stop)
        me = driver_process.driver_identity(driver_process.new_instance(utc_now()), None)
        writer = acquire_lease(job.layout(settings), me, settings.HEARTBEAT_STALE_AFTER, utc_now)
        run = cls(job, settings, env, follows_switches, writer, asked_to_stop)
        run._threads.begin("heartbeat", run._beat)
        return run

    def __init__(
        self,
        job: StreamJob,
        settings: Settings,
        env: MutableMapping[str, str],
        follows_switches: bool,
        writer: Writer,
        asked_to_stop: threading.Event,
    ) -> None:
        self.job = job
        self.settings = settings
        self.env = env
        self.layout = job.layout(settings)
        self._flags = job.desired_state(settings).streams
        self._switches = DesiredStateReader(self.layout) if follows_switches else None
        self._spark: SparkSession | None = None
        self._jvm: JvmTie | None = None
        self._asked_to_stop = asked_to_stop
        self._unread_before_s = unread_for_s(read_status(self.layout))  # the last driver's: ours is not written yet
        self._threads = LastingThreads(asked_to_stop, end_without_lease)
        self._request_thread: threading.Thread | None = None
        fingerprint, log_file = job.fingerprint(settings), env.get("DRIVER_LOG")
        self.heartbeat = Heartbeat(job.name, self.layout, writer, fingerprint, self._threads, self._switches, log_file)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Report what fails inside as a failed start, and end."""
        try:
            yield
        except Exception as failure:
            log.exception("%s did not start", self.job.name)
            why = diagnose(failure)
            self._fail(replace(why, message=f"{self.job.name} did not start: {why.message}"))

    def start_spark(self, banner: Sequence[str]) -> StreamContext:
        """Start Spark, tie its JVM to this process, and tell what runs where."""
        self._spark = spark_session(
            self.settings,
            self.job.name,
            self.job.ui_port(self.settings),
            self.env,
            kafka=self.job.reads("KAFKA_CONNECTOR_JARS"),
        )
        _listen_for_signals(self._asked_to_stop)  # again: Spark has put its own, which raises, in the place of SIGINT's
        self._jvm = JvmTie(self._spark.sparkContext)
        instance, spark_ui = self._writer.driver.instance, self._spark.sparkContext.uiWebUrl
        writer = replace(self._writer, driver=driver_process.driver_identity(instance, self._jvm.pid))
        self.heartbeat.writer, self.heartbeat.spark_ui = writer, spark_ui
        self._jvm.forward_signals(self._asked_to_stop.set)
        java = self._spark.sparkContext._jvm.java.lang.System.getProperty("java.version")  # type: ignore[union-attr]
        lines = [
            f"{self.settings.SPARK_APP_NAME} - {self.job.name}",
            f"  Spark {pyspark.__version__}, Java {java}, Python {platform.python_version()}",
            f"  driver {instance}, token {writer.token}, Spark UI {spark_ui or 'off'}",
            *(f"  {line}" for line in banner),
        ]
        print("\n".join(lines), file=sys.stderr, flush=True)
        return StreamContext(
            self.settings,
            self._spark,
            self.layout,
            self.job.checkpoints(self.settings),
            writer,
            utc_now,
            self.env,
            end_without_lease,
            self._unread_before_s,
        )

    def serve(
        self,
        context: StreamContext,
        streams: Sequence[Stream],
        requests: Mapping[str, Work],
        housekeep: Callable[[], None],
    ) -> None:
        """Begin the streams and the threads beside them.

        `requests`: kind -> what does it. `housekeep` is called once an hour.
        """
        self.heartbeat.streams = streams
        if self._switches is not None:
            self._switches.refuse_unreadable(self.job.name)
        self._follow_switches()
        for stream in streams:
            stream.supervisor.begin()
        self._threads.every(_SWITCHES_EVERY_S, "switches", self._follow_switches)
        self.heartbeat.state = JobState.RUNNING
        for stream in streams:
            self._threads.every(_LAG_EVERY_S, f"lag of {stream.record.name}", look_at(stream), _FIRST_LAG_AFTER_S)
        executors = Executors(context.spark)
        if executors.can_lack:
            self._threads.every(_EXECUTORS_EVERY_S, "executors", lambda: self._look_for(executors))
        self._threads.every(lag_history.EVERY.total_seconds(), "lag history", self._note_lags, _FIRST_NOTE_AFTER_S)
        self._threads.every(_HOUSEKEEPING_EVERY_S, "housekeeping", housekeep, _FIRST_HOUSEKEEPING_AFTER_S)
        queue = RequestQueue(self.layout, requests, context.writer, utc_now)
        self._request_thread = self._threads.begin(
            "requests", lambda: queue.serve(self._asked_to_stop, end_without_lease)
        )

    def until_stopped(self) -> NoReturn:
        """Wait until the job is asked to stop, or nothing is left that it could do; never returns."""
        while not self._asked_to_stop.wait(0.5):
            if self._streams and all(stream.supervisor.is_given_up for stream in self._streams):
                self._fail(self._nothing_left())
        self._stop_gracefully()

    @property
    def _writer(self) -> Writer:
        return self.heartbeat.writer

    @property
    def _streams(self) -> Sequence[Stream]:
        return self.heartbeat.streams

    # -- threads ------------------------------------------------------------------------------------------------

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

    def _beat(self) -> None:
        while not self.heartbeat.has_ended():
            try:
                self._writer.check()
                if self._jvm is not None and self._jvm.jvm_is_gone():
                    self._fail(_JVM_GONE)
                self.heartbeat.beat()
            except LeaseLost as lost:
                end_without_lease(str(lost))
            except Exception as failure:
                log.error("the heartbeat failed and goes on: %s", diagnose(failure).message)
            time.sleep(self.settings.HEARTBEAT_INTERVAL.total_seconds())

    # -- ends ---------------------------------------------------------------------------------------------------

    def _stop_gracefully(self) -> NoReturn:
        self.heartbeat.state = JobState.STOPPING
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
        self.heartbeat.why_failed = why
        self._end(FAILED, str(why))

    def _end(self, code: int, message: str) -> NoReturn:
        (log.info if code == STOPPED else log.error)(message)
        self.heartbeat.state = JobState.STOPPED if code == STOPPED else JobState.FAILED
        if self._spark is not None and self._jvm is not None and not self._jvm.jvm_is_gone():
            _within(_SPARK_STOP_TIMEOUT_S, self._spark.stop)
        self.heartbeat.write()
        sys.stderr.flush()
        os._exit(code)  # threads waiting in Py4J must not hold the process


def _begin_logging(level: str) -> None:
    if level.upper() not in (levels := logging.getLevelNamesMapping()):
        _refuse(f"LOG_LEVEL is {quoted(level)}; allowed: {', '.join(levels)}")
    logging.basicConfig(level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.CRITICAL)  # a failed batch is told in words by its supervisor


def _listen_for_signals(asked_to_stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())


def _refuse(message: str, code: int = WRONG_SETTINGS) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)


def _within(seconds: float, action: Callable[[], None]) -> None:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(timeout=seconds)
