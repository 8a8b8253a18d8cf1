"""Contenders as processes of their own: how each is started, and when it has finished a backlog."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.backlog import Offsets
from bench.process_tree import Meter
from bench.publications import ingested, is_rolled_up, is_settled, last_publication_at
from playground.run.settings import CHECKOUT
from playground.run.waiting import wait_until
from playground.setup.by_hand import ready_to_run
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.kafka import checkpoint
from spark_jobs.paths import Layout

DEFAULT_JAVA_OPTIONS = "-XX:+ExitOnOutOfMemoryError"
"""for the plain contenders' JVM: Java's default compilers and collector; our jobs choose theirs"""
BACKLOG_TIMEOUT_S = 3600
_STOP_TIMEOUT_S = 60
_SETTINGS_PREFIXES = ("KAFKA_", "STREAMS_", "OUTPUT_", "CHECKPOINT_", "ANALYTICS_", "ENABLE_", "MAX_OFFSETS", "BATCH_")


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

    def have_read(self, ends: Offsets, queries: int) -> bool:
        """Whether each of so many queries has committed a batch that ends at the end of all its topics."""
        found = self._queries()
        return len(found) == queries and all(self._read_at(query, ends) is not None for query in found)

    def read_at(self, ends: Offsets) -> float:
        """Return when the last query committed the batch with its last message."""
        return max(at for query in self._queries() if (at := self._read_at(query, ends)) is not None)

    def _queries(self) -> list[Path]:
        return [folder.parent for folder in self.folder.glob("*/offsets")]

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
    """What is measured: a module, its environment, and when it has finished a backlog that ends at some offsets."""

    module: str
    folder: Path
    env: Mapping[str, str]
    output: Path
    checkpoints: Checkpoints
    is_done: Callable[[Offsets], bool]
    last_publication_at: Callable[[Offsets], float]
    """wall clock time, once it is done"""

    def start(self) -> "Process":
        return Process(self.module, self.folder, self.env)


def our_ingestion(folder: Path, bootstrap_servers: str, **settings: str) -> Contender:
    env = environment(folder, KAFKA_BOOTSTRAP_SERVERS=bootstrap_servers, **settings)
    layout, feeds = Layout(Path(env["OUTPUT_BASE_PATH"])), [feed.name for feed in FEEDS]
    return Contender(
        "spark_jobs.ingestion_job",
        folder,
        env,
        layout.root,
        Checkpoints(Path(env["CHECKPOINT_BASE_PATH"])),
        lambda ends: ingested(layout) == ends,
        lambda _: last_publication_at(layout, feeds),
    )


def our_analytics(folder: Path, **settings: str) -> Contender:
    """Return the job that follows the output of `our_ingestion` in the same folder; it gets no Kafka setting."""
    # The rollup's triggers follow each other at once; the analytics look as often as they do by default.
    env = environment(folder, **{"ANALYTICS_INTERVAL": "10 seconds", **settings})
    layout, datasets = Layout(Path(env["ANALYTICS_OUTPUT_PATH"])), [ROLLUP, *(analytic.name for analytic in ANALYTICS)]
    return Contender(
        "spark_jobs.analytics_job",
        folder,
        env,
        layout.root,
        Checkpoints(Path(env["ANALYTICS_CHECKPOINT_PATH"])),
        lambda ends: is_rolled_up(layout, ends) and is_settled(layout),
        lambda _: last_publication_at(layout, datasets),
    )


def plain_ingestion(folder: Path, bootstrap_servers: str) -> Contender:
    env = environment(folder, KAFKA_BOOTSTRAP_SERVERS=bootstrap_servers)
    output, checkpoints = env["OUTPUT_BASE_PATH"], env["CHECKPOINT_BASE_PATH"]
    return _plain("bench.plain_ingestion", folder, env, output, checkpoints, len(FEEDS))


def plain_analytics(folder: Path, bootstrap_servers: str) -> Contender:
    env = environment(folder, KAFKA_BOOTSTRAP_SERVERS=bootstrap_servers, SPARK_DRIVER_MEMORY="3g")
    output, checkpoints = env["ANALYTICS_OUTPUT_PATH"], env["ANALYTICS_CHECKPOINT_PATH"]
    return _plain("bench.plain_analytics", folder, env, output, checkpoints, len(ANALYTICS))


def _plain(
    module: str, folder: Path, env: Mapping[str, str], output: str, checkpoint_folder: str, queries: int
) -> Contender:
    checkpoints = Checkpoints(Path(checkpoint_folder))
    return Contender(
        module,
        folder,
        env,
        Path(output),
        checkpoints,
        lambda ends: checkpoints.have_read(ends, queries),
        checkpoints.read_at,
    )


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


def wait_for(processes: Sequence[Process], condition: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Poll the condition while all processes run. Raises: RuntimeError, TimeoutError; both quote the logs."""

    def is_true_while_all_run() -> bool:
        ended = [process for process in processes if process.process.poll() is not None]
        if condition():
            return True
        if ended:
            raise RuntimeError(f"a process ended before {what}:\n{ended[0].log_tail()}")
        return False

    wait_until(
        is_true_while_all_run,
        what,
        timeout_s,
        poll_s=0.1,
        last_seen=lambda: "\n".join(process.log_tail() for process in processes),
    )
