"""Who this driver is: its identity, and the tie between Python and JVM."""

import os
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psutil
from pyspark.java_gateway import ensure_callback_server_started

from spark_jobs.documents.status import Driver, Process
from spark_jobs.drivers.processes import started_at, this_host


def new_instance(now: datetime) -> str:
    """A name for this start of the job; no other start has it."""
    return f"{now:%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"


def driver_identity(instance: str, jvm_pid: int | None) -> Driver:
    """This process (and its JVM, once there is one) as tokens, status and log entries name it."""
    pids = {"python": os.getpid()} | ({} if jvm_pid is None else {"jvm": jvm_pid})
    return Driver(instance, this_host(), tuple(_process(role, pid) for role, pid in pids.items()))


def _process(role: str, pid: int) -> Process:
    return Process(role, pid, started_at(psutil.Process(pid)))


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
