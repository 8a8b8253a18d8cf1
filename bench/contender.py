"""Contenders as processes of their own: how each is started, and when it has finished a backlog."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from bench.backlog import Offsets
from bench.process_tree import Meter
from bench.publications import ingested, is_analysed, last_publication_at
from playground.run.settings import CHECKOUT
from playground.run.waiting import Found, wait_until
from playground.setup.by_hand import ready_to_run
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.kafka import checkpoint
from spark_jobs.paths import Layout

DEFAULT_JAVA_OPTIONS = "-XX:+ExitOnOutOfMemoryError"
"""for the plain contenders' JVM: Java's default compilers and collector; our jobs choose theirs"""
BACKLOG_TIMEOUT_S = 3600
_STOP_TIMEOUT_S = 60
_SETTINGS_PREFIXES = (
    "KAFKA_",
    "STREAMS_",
    "OUTPUT_",
    "CHECKPOINT_",
    "ANALYTICS_",
    "ENABLE_",
    "MAX_OFFSETS",
    "BATCH_",
    "WINDOW_",
    "SLIDE_",
)


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a job or plain contender: default settings but for paths and interval."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_PREFIXES)}
    return {
        **ready_to_run(inherited),
        "OUTPUT_BASE_PATH": str(folder / "out"),
        "CHECKPOINT_BASE_PATH": str(folder / "checkpoints"),
        "ANALYTICS_OUTPUT_PATH": str(folder / "analytics"),
        "ANALYTICS_CHECKPOINT_PATH": str(folder / "analytics-checkpoints"),
        # Triggers follow each other at once while there is a backlog.
        "BATCH_INTERVAL": "1 second",
        **settings,
    }


class Checkpoints:
    """Spark's checkpoints below a folder: when the batches of their queries were planned and committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._first_batch_at: float | None = None

    def first_batch_at(self) -> float | None:
        """Return when the first batch of any query was planned. Cached: Spark removes old batches."""
        if self._first_batch_at is None:
            planned = self.folder.glob("**/offsets/0")
            self._first_batch_at = min((file.stat().st_mtime for file in planned), default=None)
        return self._first_batch_at

    def read_at(self, queries: int, ends: Offsets) -> float | None:
        """Return when the last of so many queries committed the batch with its last message; None: not yet."""
        times = [self._read_at(folder.parent, ends) for folder in self.folder.glob("*/offsets")]
        return max(at for at in times if at) if len(times) == queries and all(times) else None

    @staticmethod
    def _read_at(query: Path, ends: Offsets) -> float | None:
        # A batch without data may follow, to advance a watermark: it does not count.
        for batch in sorted(int(file.name) for file in (query / "commits").glob("[0-9]*")):
            planned = checkpoint.planned_offsets(query, batch)
            if planned and all(ends[topic] == offsets for topic, offsets in planned.items()):
                with suppress(FileNotFoundError):
                    return (query / "commits" / str(batch)).stat().st_mtime
        return None


@dataclass(frozen=True)
class Contender:
    """What is measured: a module, its environment, and when it has finished a backlog."""

    module: str
    folder: Path
    env: Mapping[str, str]
    output: Path
    checkpoints: Checkpoints
    done_at: Callable[[Offsets], float | None]
    """when everything before these offsets was published, as a wall clock time; None: not yet"""

    def start(self) -> "Process":
        return Process(self.module, self.folder, self.env)


def our_ingestion(folder: Path, bootstrap_servers: str, **settings: str) -> Contender:
    env = environment(folder, KAFKA_BOOTSTRAP_SERVERS=bootstrap_servers, **settings)
    output, feeds = Path(env["OUTPUT_BASE_PATH"]), [feed.name for feed in FEEDS]

    def done_at(ends: Offsets) -> float | None:
        layout = Layout(output)
        return last_publication_at(layout, feeds) if ingested(layout) == ends else None

    return Contender(
        "spark_jobs.ingestion_job", folder, env, output, Checkpoints(Path(env["CHECKPOINT_BASE_PATH"])), done_at
    )


def our_analytics(folder: Path, **settings: str) -> Contender:
    """Return the job that follows the output of `our_ingestion` in the same folder; it gets no Kafka setting."""
    # The rollup's triggers follow each other at once; the analytics keep their default interval.
    env = environment(folder, **{"ANALYTICS_INTERVAL": "10 seconds", **settings})
    output, datasets = Path(env["ANALYTICS_OUTPUT_PATH"]), [ROLLUP, *(analytic.name for analytic in ANALYTICS)]
    feeds = Layout(Path(env["OUTPUT_BASE_PATH"]))

    def done_at(ends: Offsets) -> float | None:
        layout = Layout(output)
        is_done = ingested(feeds) == ends and is_analysed(layout, feeds)
        return last_publication_at(layout, datasets) if is_done else None

    return Contender(
        "spark_jobs.analytics_job", folder, env, output, Checkpoints(Path(env["ANALYTICS_CHECKPOINT_PATH"])), done_at
    )


def plain_ingestion(folder: Path, bootstrap_servers: str) -> Contender:
    env = environment(folder, KAFKA_BOOTSTRAP_SERVERS=bootstrap_servers)
    output, checkpoints = Path(env["OUTPUT_BASE_PATH"]), Checkpoints(Path(env["CHECKPOINT_BASE_PATH"]))
    done_at = partial(checkpoints.read_at, len(FEEDS))
    return Contender("bench.plain_ingestion", folder, env, output, checkpoints, done_at)


def plain_analytics(folder: Path, bootstrap_servers: str) -> Contender:
    env = environment(folder, KAFKA_BOOTSTRAP_SERVERS=bootstrap_servers, SPARK_DRIVER_MEMORY="3g")
    output, checkpoints = Path(env["ANALYTICS_OUTPUT_PATH"]), Checkpoints(Path(env["ANALYTICS_CHECKPOINT_PATH"]))
    done_at = partial(checkpoints.read_at, len(ANALYTICS))
    return Contender("bench.plain_analytics", folder, env, output, checkpoints, done_at)


class Process:
    """A running contender: a Python module in its own session, measured, stopped at the end of the block."""

    def __init__(self, module: str, folder: Path, env: Mapping[str, str], *arguments: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.module = module
        self.log = folder / f"{module}-{time.time():.0f}.log"
        self.started_at = time.time()
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=CHECKOUT,
                env=dict(env),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.meter = Meter(self.process.pid)

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.meter.close()

    def stop(self) -> None:
        """Send SIGTERM, then SIGKILL to what is left of the session."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_TIMEOUT_S)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log_tail(self) -> str:
        # A failed streaming query prints its whole plan, with lines of thousands of characters, after its reason.
        lines = [line[:300] for line in self.log.read_text(errors="replace").splitlines() if "~" not in line]
        return "\n".join([f"{self.module} (exit code {self.process.poll()}):", *lines[-60:]])


def wait_for(processes: Sequence[Process], condition: Callable[[], Found | None], what: str, timeout_s: float) -> Found:
    """Return the condition's first true value. Raises: RuntimeError where a process has ended, TimeoutError."""

    def found_while_all_run() -> Found | None:
        ended = [process for process in processes if process.process.poll() is not None]
        found = condition()
        if ended and not found:
            raise RuntimeError(f"a process ended before {what}:\n{ended[0].log_tail()}")
        return found

    def log_tails() -> str:
        return "\n".join(process.log_tail() for process in processes)

    return wait_until(found_while_all_run, what, timeout_s, poll_s=0.1, last_seen=log_tails)
