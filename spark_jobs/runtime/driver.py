"""The life of a job, the same for both: settings, takeover, Spark, streams, heartbeat, and a clean end.

Exit codes: 0 asked to stop, 1 failed, 2 wrong settings or paths, 3 lease_lost by a newer driver.
"""

import logging
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pyspark
from pyspark.sql import SparkSession

from spark_jobs.diagnosis import Diagnosis, LeaseLost, diagnose
from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import read_desired_state
from spark_jobs.documents.lease import newest_token, token_after_exists, token_driver
from spark_jobs.documents.status import ENDED_JOB_STATES, Driver, JobState, Status, show_life, write_status
from spark_jobs.paths import Layout
from spark_jobs.runtime import driver_log, driver_process
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.driver_process import JvmTie
from spark_jobs.runtime.request_queue import RequestQueue, Work
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import StreamSupervisor
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings, SettingsError, settings_from
from spark_jobs.stream_jobs import STREAM_JOBS

log = logging.getLogger(__name__)

STOPPED, FAILED, WRONG_SETTINGS, LEASE_LOST = 0, 1, 2, 3
_FINISH_BATCH_TIMEOUT_S = 60.0
_SPARK_STOP_TIMEOUT_S = 15.0
_LAG_EVERY_S = 5.0
_SWITCHES_EVERY_S = 2.0
_JVM_GONE = Diagnosis(
    "the JVM under this driver is gone (killed from outside, or out of memory: then the driver's log says "
    "OutOfMemoryError); the driver ended with it",
    "start the job again; out of memory: raise SPARK_DRIVER_MEMORY or lower MAX_OFFSETS_PER_TRIGGER first",
)


@dataclass(frozen=True)
class Stream:
    """One stream as the job runs it."""

    supervisor: StreamSupervisor
    look_at_lag: Callable[[], None]
    """asks how far the stream is behind and notes it in its record"""
    owned: Dataset
    """the same stream as requests see it"""

    @property
    def record(self) -> StreamRecord:
        return self.supervisor.record


@dataclass(frozen=True)
class Start:
    """What a job's streams are made from."""

    settings: Settings
    spark: SparkSession
    layout: Layout
    writer: Writer
    now: Callable[[], datetime]
    env: Mapping[str, str]
    lease_lost: Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """What differs between the two jobs."""

    name: str
    root: Callable[[Settings], str]
    checkpoints: Callable[[Settings], str]
    ui_port: Callable[[Settings], int]
    streams: Callable[[Start], Sequence[Stream]]
    banner: Callable[[Settings], Sequence[str]]
    follows_switches: bool = False
    """whether switches.json turns the job off, and what `switched` names on and off"""
    switched: Callable[[Start], Mapping[str, bool]] = lambda _: {}
    """stream -> whether it is to run, asked every few seconds; what it does not name runs"""
    requests: Callable[[Settings, Writer, Sequence[Dataset]], Mapping[str, Work]] = lambda *_: {}
    """kind of request -> what carries it out"""


def utc_now() -> datetime:
    return datetime.now(UTC)


def run(job: Job, env: MutableMapping[str, str]) -> NoReturn:
    """Run the job until it is asked to stop; never returns."""
    logging.basicConfig(
        level=env.get("LOG_LEVEL", "INFO").upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("py4j").setLevel(logging.CRITICAL)  # a failed batch is told in words by its supervisor
    try:
        settings = settings_from(env)
    except SettingsError as faults:
        _refuse("settings that are not allowed:\n" + str(faults))
    for path in (job.root(settings), job.checkpoints(settings)):
        _check_writable(Path(path))
    _Run(job, settings, env).until_stopped()


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr, flush=True)
    sys.exit(WRONG_SETTINGS)


def _check_writable(folder: Path) -> None:
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as failure:
        _refuse(
            f"{folder} cannot be written ({failure.strerror}). "
            "Give this user write access to it, or set OUTPUT_BASE_PATH and CHECKPOINT_BASE_PATH (analytics: "
            "ANALYTICS_OUTPUT_PATH and ANALYTICS_CHECKPOINT_PATH) to folders it can write."
        )


class _Run:
    """One run of a job: the pieces and their order."""

    def __init__(self, job: Job, settings: Settings, env: MutableMapping[str, str]) -> None:
        self.job = job
        self.settings = settings
        self.env = env
        self.layout = Layout(Path(job.root(settings)))
        self.started_at = utc_now()
        self.instance = driver_process.new_instance(self.started_at)
        self.driver: Driver = driver_process.driver_identity(self.instance, None)
        self.token = 0
        self.state = JobState.STARTING
        self.why_failed: Diagnosis | None = None
        self.streams: Sequence[Stream] = ()
        self.spark: SparkSession | None = None
        self.spark_ui: str | None = None
        self.jvm: JvmTie | None = None
        self.asked_to_stop = threading.Event()

    def until_stopped(self) -> NoReturn:
        self._listen_for_signals()
        self.token = driver_process.acquire_lease(
            self.layout, self.driver, self.settings.HEARTBEAT_STALE_AFTER, utc_now
        )
        threading.Thread(target=self._heartbeat, name="heartbeat", daemon=True).start()
        try:
            self._start()
        except Exception as failure:
            log.exception("%s did not start", self.job.name)
            why = diagnose(failure)
            self._fail(replace(why, message=f"{self.job.name} did not start: {why.message}"))
        while not self.asked_to_stop.wait(0.5):
            if self.streams and all(stream.supervisor.is_given_up for stream in self.streams):
                self._fail(self._nothing_left())
        self._stop_gracefully()

    def _listen_for_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.asked_to_stop.set())

    def _start(self) -> None:
        self.spark = spark_session(self.settings, self.job.name, self.job.ui_port(self.settings), self.env)
        self._listen_for_signals()  # again: Spark has put its own handler, which raises, in the place of SIGINT's
        self.jvm = JvmTie(self.spark.sparkContext)
        self.driver = driver_process.driver_identity(self.instance, self.jvm.pid)
        self.spark_ui = self.spark.sparkContext.uiWebUrl
        self.jvm.forward_signals(self.asked_to_stop.set)
        writer = Writer(self.driver, self.token, self._check_lease)
        print("\n".join(self._banner()), file=sys.stderr, flush=True)
        start = Start(self.settings, self.spark, self.layout, writer, utc_now, self.env, self._lease_lost)
        self.streams = self.job.streams(start)
        self._follow_switches(start)
        for stream in self.streams:
            stream.supervisor.begin()
        threading.Thread(target=self._keep_following, args=[start], name="switches", daemon=True).start()
        self.state = JobState.RUNNING
        threading.Thread(target=self._watch_lag, name="lag", daemon=True).start()
        desk = RequestQueue(self.layout, self._requests(writer), writer, utc_now)
        serve = [self.asked_to_stop, self._lease_lost]
        threading.Thread(target=desk.serve, args=serve, name="requests", daemon=True).start()

    def _requests(self, writer: Writer) -> Mapping[str, Work]:
        return self.job.requests(self.settings, writer, [stream.owned for stream in self.streams])

    def _banner(self) -> list[str]:
        assert self.spark is not None
        java = self.spark.sparkContext._jvm.java.lang.System.getProperty("java.version")  # type: ignore[union-attr]
        return [
            f"{self.settings.SPARK_APP_NAME} - {self.job.name}",
            f"  Spark {pyspark.__version__}, Java {java}, Python {platform.python_version()}",
            f"  driver {self.instance}, token {self.token}, Spark UI {self.spark_ui or 'off'}",
            *(f"  {line}" for line in self.job.banner(self.settings)),
        ]

    # -- heartbeat ----------------------------------------------------------------------------------------------

    def _heartbeat(self) -> None:
        while self.state not in ENDED_JOB_STATES:
            if token_after_exists(self.layout, self.token):
                self._lease_lost(self._lease_lost_message())
            if self.jvm is not None and self.jvm.jvm_is_gone():
                self._fail(_JVM_GONE)
            self._write_status()
            if written := self.env.get("DRIVER_LOG"):
                driver_log.keep_small(Path(written))
            time.sleep(self.settings.HEARTBEAT_INTERVAL.total_seconds())

    def _write_status(self) -> None:
        now = utc_now()
        status = Status(
            app=self.job.name,
            driver=self.driver,
            token=self.token,
            at=iso(now),
            started_at=iso(self.started_at),
            state=self.state,
            settings_fingerprint=STREAM_JOBS[self.job.name].fingerprint(self.settings),
            spark_ui=self.spark_ui,
            log=self.env.get("DRIVER_LOG"),
            streams=tuple(stream.record.status(now) for stream in self.streams),
            last_error=self.why_failed.message if self.why_failed else None,
            next_step=self.why_failed.next_step if self.why_failed else None,
            needs_person=self.why_failed is not None and not self.why_failed.retryable,
        )
        try:
            write_status(self.layout, status)
        except OSError as failure:
            log.error("the heartbeat could not be written: %s", diagnose(failure).message)
            show_life(self.layout)

    def _keep_following(self, start: Start) -> None:
        while not self.asked_to_stop.wait(_SWITCHES_EVERY_S):
            self._follow_switches(start)

    def _follow_switches(self, start: Start) -> None:
        if not self.job.follows_switches:
            return
        switches = read_desired_state(self.layout)
        if switches is not None and not switches.job_enabled:
            log.info("%s is switched off", self.job.name)
            self.asked_to_stop.set()
        wanted = self.job.switched(start)
        for stream in self.streams:
            stream.supervisor.switch(wanted.get(stream.record.name, True))

    def _watch_lag(self) -> None:
        while not self.asked_to_stop.wait(_LAG_EVERY_S):
            for stream in self.streams:
                try:
                    stream.look_at_lag()
                except Exception as failure:
                    log.debug("the lag of %s is not known: %s", stream.record.name, failure)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _check_lease(self) -> None:
        if token_after_exists(self.layout, self.token):
            raise LeaseLost(self._lease_lost_message())

    def _lease_lost_message(self) -> str:
        newest = newest_token(self.layout)
        newer = token_driver(self.layout, newest)
        return (
            f"a newer driver ({newer.instance if newer else 'unknown'}, token {newest}) has taken over from this one "
            f"({self.instance}, token {self.token}); this one ends without writing any more"
        )

    def _lease_lost(self, sentence: str) -> NoReturn:
        # At once and without a last status: both belong to the newer driver now.
        print(sentence, file=sys.stderr, flush=True)
        os._exit(LEASE_LOST)

    def _stop_gracefully(self) -> NoReturn:
        self.state = JobState.STOPPING
        log.info("stopping: each stream finishes its batch")
        deadline = time.monotonic() + _FINISH_BATCH_TIMEOUT_S
        for stream in self.streams:
            stream.supervisor.stop()
        left = [s.record.name for s in self.streams if not s.supervisor.join(max(0.1, deadline - time.monotonic()))]
        if left:
            log.warning("still in a batch after %.0f s, left to the next start: %s", _FINISH_BATCH_TIMEOUT_S, left)
        self._end(STOPPED, f"{self.job.name} stopped")

    def _nothing_left(self) -> Diagnosis:
        told = [f"{s.record.name}: {s.record.status(utc_now()).last_error}" for s in self.streams]
        return Diagnosis(
            f"every stream needs somebody's help, nothing is left to do; {'; '.join(told)}",
            "do what the status document or this log says for each stream, then start the job again",
            retryable=False,
        )

    def _fail(self, why: Diagnosis) -> NoReturn:
        self.why_failed = why
        self._end(FAILED, str(why))

    def _end(self, code: int, sentence: str) -> NoReturn:
        (log.info if code == STOPPED else log.error)(sentence)
        self.state = JobState.STOPPED if code == STOPPED else JobState.FAILED
        if self.spark is not None and self.jvm is not None and not self.jvm.jvm_is_gone():
            _within(_SPARK_STOP_TIMEOUT_S, self.spark.stop)
        self._write_status()
        sys.stderr.flush()
        os._exit(code)  # threads waiting in Py4J must not hold the process


def _within(seconds: float, action: Callable[[], None]) -> None:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(timeout=seconds)
