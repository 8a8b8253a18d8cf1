"""Who this driver is, and how it makes sure to be the only one: identity, takeover, the tie between Python and JVM."""

import logging
import os
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psutil
from pyspark.java_gateway import ensure_callback_server_started

from spark_jobs.documents.lease import take_token
from spark_jobs.documents.status import Driver, Process, read_status
from spark_jobs.paths import Layout
from spark_jobs.supervision.driver_processes import end_now, is_certainly_dead, this_host

log = logging.getLogger(__name__)

_HANDOVER_TIMEOUT_S = 12.0


def new_instance(now: datetime) -> str:
    """A name for this start of the job; no other start has it."""
    return f"{now:%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"


def driver_identity(instance: str, jvm_pid: int | None) -> Driver:
    """This process (and its JVM, once there is one) as tokens, status and log entries name it."""
    pids = {"python": os.getpid()} | ({} if jvm_pid is None else {"jvm": jvm_pid})
    return Driver(instance, this_host(), tuple(_process(role, pid) for role, pid in pids.items()))


def _process(role: str, pid: int) -> Process:
    return Process(role, pid, psutil.Process(pid).create_time())


def acquire_lease(layout: Layout, me: Driver, stale_after: timedelta, now: Callable[[], datetime]) -> int:
    """Become the one writer below this root and return the token.

    A dead or hanging older driver is ended first where it can be reached; a live one finds the new token at its next
    heartbeat and stops. We wait for that, but not for ever: the publication log keeps the content right in any case.
    """
    older = read_status(layout)
    if older is not None and not older.is_live(now(), stale_after):
        end_now(older.driver)
    token = take_token(layout, me, now())
    deadline = time.monotonic() + _HANDOVER_TIMEOUT_S
    while older is not None and older.is_live(now(), stale_after) and not is_certainly_dead(older.driver):
        if time.monotonic() > deadline:
            break
        log.info("waiting for the driver %s to make way", older.driver.instance)
        time.sleep(1)
        newest = read_status(layout)
        older = newest if newest is None or newest.driver.instance == older.driver.instance else older
    if older is not None:
        end_now(older.driver)
    return token


class JvmTie:
    """Python and JVM live and die together."""

    def __init__(self, spark_context: Any) -> None:
        self._context = spark_context
        self.pid: int = spark_context._jvm.java.lang.ProcessHandle.current().pid()
        self._jvm = psutil.Process(self.pid)

    def jvm_is_gone(self) -> bool:
        """Whether the JVM died under us. The JVM itself ends when this process does: Spark sees to that."""
        try:
            return not self._jvm.is_running() or self._jvm.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:  # between the two questions
            return True

    def forward_signals(self, stop: Callable[[], None]) -> None:
        """SIGTERM and SIGINT that reach the JVM (a kill of spark-submit or of the group) become a graceful stop."""
        # Without this the server starts with the first batch only, and a signal before it would be lost.
        ensure_callback_server_started(self._context._gateway)  # type: ignore[no-untyped-call]
        handler = _JvmSignalHandler(stop)
        for name in ("TERM", "INT"):
            signal = self._context._jvm.sun.misc.Signal(name)
            self._context._jvm.sun.misc.Signal.handle(signal, handler)


class _JvmSignalHandler:
    """Called by the JVM through Py4J's callback server instead of its own shutdown."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def handle(self, _signal: Any) -> None:
        self._stop()

    class Java:
        implements: tuple[str, ...] = ("sun.misc.SignalHandler",)
