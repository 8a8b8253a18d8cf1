"""The life of a job, the same for both: settings, takeover, Spark, streams, heartbeat, and a clean end.

Exit codes: 0 asked to stop, 1 failed, 2 wrong settings or paths, 3 outranked by a newer driver.
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

from spark_jobs.contracts import control
from spark_jobs.contracts.control import Driver, Status
from spark_jobs.contracts.jobs import STREAM_JOBS
from spark_jobs.contracts.settings import Settings, SettingsError, settings_from
from spark_jobs.contracts.streams import Layout
from spark_jobs.runtime import driver_log, driver_process
from spark_jobs.runtime.driver_process import JvmTie
from spark_jobs.runtime.faults import Explanation, Outranked, explanation
from spark_jobs.runtime.owned_stream import OwnedStream
from spark_jobs.runtime.request_desk import RequestDesk, Work
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.stream_supervisor import StreamSupervisor
from spark_jobs.runtime.writer import Writer

log = logging.getLogger(__name__)

STOPPED, FAILED, WRONG_SETTINGS, OUTRANKED = 0, 1, 2, 3
_FINISH_BATCH_AT_MOST_S = 60.0
_SPARK_STOP_AT_MOST_S = 15.0
_LAG_EVERY_S = 5.0
_SWITCHES_EVERY_S = 2.0
_JVM_GONE = Explanation(
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
    owned: OwnedStream
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
    outranked: Callable[[str], None]


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
    requests: Callable[[Settings, Writer, Sequence[OwnedStream]], Mapping[str, Work]] = lambda *_: {}
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
        self.state = "starting"
        self.why_failed: Explanation | None = None
        self.streams: Sequence[Stream] = ()
        self.spark: SparkSession | None = None
        self.spark_ui: str | None = None
        self.jvm: JvmTie | None = None
        self.asked_to_stop = threading.Event()

    def until_stopped(self) -> NoReturn:
        self._listen_for_signals()
        self.token = driver_process.take_over(self.layout, self.driver, self.settings.HEARTBEAT_STALE_AFTER, utc_now)
        threading.Thread(target=self._heartbeat, name="heartbeat", daemon=True).start()
        try:
            self._start()
        except Exception as failure:
            log.exception("%s did not start", self.job.name)
            why = explanation(failure)
            self._fail(replace(why, sentence=f"{self.job.name} did not start: {why.sentence}"))
        while not self.asked_to_stop.wait(0.5):
            if self.streams and all(stream.supervisor.needs_person for stream in self.streams):
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
        writer = Writer(self.driver, self.token, self._check_rank)
        print("\n".join(self._banner()), file=sys.stderr, flush=True)
        start = Start(self.settings, self.spark, self.layout, writer, utc_now, self.env, self._outranked)
        self.streams = self.job.streams(start)
        self._follow_switches(start)
        for stream in self.streams:
            stream.supervisor.begin()
        threading.Thread(target=self._keep_following, args=[start], name="switches", daemon=True).start()
        self.state = "running"
        threading.Thread(target=self._watch_lag, name="lag", daemon=True).start()
        desk = RequestDesk(self.layout, self._requests(writer), writer, utc_now)
        serve = [self.asked_to_stop, self._outranked]
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
        while self.state not in control.ENDED_JOB_STATES:
            if control.token_after_exists(self.layout, self.token):
                self._outranked(self._rank_sentence())
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
            at=control.iso(now),
            started_at=control.iso(self.started_at),
            state=self.state,
            settings_fingerprint=STREAM_JOBS[self.job.name].fingerprint(self.settings),
            spark_ui=self.spark_ui,
            log=self.env.get("DRIVER_LOG"),
            streams=tuple(stream.record.status(now) for stream in self.streams),
            last_error=self.why_failed.sentence if self.why_failed else None,
            next_step=self.why_failed.next_step if self.why_failed else None,
            needs_person=self.why_failed.needs_person if self.why_failed else False,
        )
        try:
            control.write_status(self.layout, status)
        except OSError as failure:
            log.error("the heartbeat could not be written: %s", explanation(failure).sentence)
            control.show_life(self.layout)

    def _keep_following(self, start: Start) -> None:
        while not self.asked_to_stop.wait(_SWITCHES_EVERY_S):
            self._follow_switches(start)

    def _follow_switches(self, start: Start) -> None:
        if not self.job.follows_switches:
            return
        switches = control.read_switches(self.layout)
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

    def _check_rank(self) -> None:
        if control.token_after_exists(self.layout, self.token):
            raise Outranked(self._rank_sentence())

    def _rank_sentence(self) -> str:
        newest = control.newest_token(self.layout)
        newer = control.token_driver(self.layout, newest)
        return (
            f"a newer driver ({newer.instance if newer else 'unknown'}, token {newest}) has taken over from this one "
            f"({self.instance}, token {self.token}); this one ends without writing any more"
        )

    def _outranked(self, sentence: str) -> NoReturn:
        # At once and without a last status: both belong to the newer driver now.
        print(sentence, file=sys.stderr, flush=True)
        os._exit(OUTRANKED)

    def _stop_gracefully(self) -> NoReturn:
        self.state = "stopping"
        log.info("stopping: each stream finishes its batch")
        deadline = time.monotonic() + _FINISH_BATCH_AT_MOST_S
        for stream in self.streams:
            stream.supervisor.stop()
        left = [s.record.name for s in self.streams if not s.supervisor.join(max(0.1, deadline - time.monotonic()))]
        if left:
            log.warning("still in a batch after %.0f s, left to the next start: %s", _FINISH_BATCH_AT_MOST_S, left)
        self._end(STOPPED, f"{self.job.name} stopped")

    def _nothing_left(self) -> Explanation:
        told = [f"{s.record.name}: {s.record.status(utc_now()).last_error}" for s in self.streams]
        return Explanation(
            f"every stream needs somebody's help, nothing is left to do; {'; '.join(told)}",
            "do what the status document or this log says for each stream, then start the job again",
            needs_person=True,
        )

    def _fail(self, why: Explanation) -> NoReturn:
        self.why_failed = why
        self._end(FAILED, f"{why.sentence}. Next step: {why.next_step}.")

    def _end(self, code: int, sentence: str) -> NoReturn:
        (log.info if code == STOPPED else log.error)(sentence)
        self.state = "stopped" if code == STOPPED else "failed"
        if self.spark is not None and self.jvm is not None and not self.jvm.jvm_is_gone():
            _within(_SPARK_STOP_AT_MOST_S, self.spark.stop)
        self._write_status()
        sys.stderr.flush()
        os._exit(code)  # threads waiting in Py4J must not hold the process


def _within(seconds: float, action: Callable[[], None]) -> None:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(timeout=seconds)
