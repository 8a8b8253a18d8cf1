"""One contender as its own process, measured from its start to its end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.process_tree import Meter
from playground.run.settings import CHECKOUT
from playground.setup.by_hand import ready_to_run
from spark_jobs.kafka import checkpoint

_SETTINGS_PREFIXES = ("KAFKA_", "STREAMS_", "OUTPUT_", "CHECKPOINT_", "ANALYTICS_", "ENABLE_", "MAX_OFFSETS", "BATCH_")
_STOP_TIMEOUT_S = 60

JAVAS_OWN = "-XX:+ExitOnOutOfMemoryError"
"""What the plain contenders' JVM gets: both compilers and Java's choice of a collector. Ours are chosen for our job."""

Offsets = Mapping[str, Mapping[str, int]]


def settings_for(folder: Path, bootstrap_servers: str, **changed: str) -> dict[str, str]:
    """The environment of a Spark contender: default settings but for paths, broker and interval."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_PREFIXES)}
    return {
        **ready_to_run(kept),
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "OUTPUT_BASE_PATH": str(folder / "out"),
        "CHECKPOINT_BASE_PATH": str(folder / "checkpoints"),
        "ANALYTICS_OUTPUT_PATH": str(folder / "analytics"),
        "ANALYTICS_CHECKPOINT_PATH": str(folder / "analytics-checkpoints"),
        # Triggers follow each other at once while there is a backlog.
        "BATCH_INTERVAL": "1 second",
        **changed,
    }


class Contender:
    """A started Python module, its own session, its output in a file that failures quote. Ended with the block."""

    def __init__(self, module: str, folder: Path, env: Mapping[str, str], *arguments: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
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

    def __enter__(self) -> "Contender":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.meter.close()

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        deadline = time.time() + timeout_s
        while not condition():
            if self.process.poll() is not None and not condition():
                raise RuntimeError(
                    f"the process ended ({self.process.returncode}) before {what}:\n{self._last_words()}"
                )
            if time.time() > deadline:
                raise RuntimeError(f"{what} did not happen within {timeout_s:.0f} s:\n{self._last_words()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL for whatever of its session is left."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_TIMEOUT_S)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _last_words(self) -> str:
        # A failed streaming query prints its whole plan, with lines of thousands of characters, after its reason.
        lines = [line[:300] for line in self.log.read_text(errors="replace").splitlines() if "~" not in line]
        return "\n".join(lines[-60:])


class Checkpoints:
    """What Spark's checkpoints below a folder say of the queries that keep them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._first_batch_at: float | None = None

    def first_batch_at(self) -> float | None:
        """When the first batch of any query was planned. Kept: Spark removes old batches from a checkpoint."""
        if self._first_batch_at is None:
            self._first_batch_at = min((_modified(file) for file in self.folder.glob("*/offsets/0")), default=None)
        return self._first_batch_at

    def have_read(self, ends: Offsets, queries: int) -> bool:
        """Whether each of so many queries has committed a batch that ends at the end of all its topics."""
        self.first_batch_at()
        found = [folder.parent for folder in self.folder.glob("*/offsets")]
        return len(found) == queries and all(self._read_at(query, ends) is not None for query in found)

    def read_at(self, ends: Offsets) -> float:
        """When the last query committed the batch that read its last message."""
        found = [folder.parent for folder in self.folder.glob("*/offsets")]
        return max(at for query in found if (at := self._read_at(query, ends)) is not None)

    @staticmethod
    def _read_at(query: Path, ends: Offsets) -> float | None:
        # A batch without data may follow, to let a watermark pass: it does not count.
        for batch in sorted(int(file.name) for file in (query / "commits").glob("[0-9]*")):
            planned = checkpoint.planned_offsets(query, batch)
            if planned and all(ends[topic] == offsets for topic, offsets in planned.items()):
                return _modified(query / "commits" / str(batch))
        return None


@dataclass(frozen=True)
class Result:
    """What one contender took for a backlog."""

    name: str
    events: int
    startup_s: float
    wall_s: float
    cpu_s: float
    peak_pss_mib: float
    files: int
    others_cores: float

    @property
    def events_per_s(self) -> float:
        return self.events / self.wall_s

    @property
    def cpu_s_per_million(self) -> float:
        return self.cpu_s / self.events * 1_000_000


def result_of(contender: Contender, name: str, events: int, first: float, last: float, files: int) -> Result:
    """`first`, `last`: wall clock of the first batch's start and of the last row's publication."""
    meter = contender.meter
    return Result(
        name,
        events,
        first - contender.started_at,
        last - first,
        meter.cpu_s(first, last),
        meter.peak_pss_mib(),
        files,
        meter.others_cores(first, last),
    )


def parquet_files(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*.parquet"))


def newest(folder: Path, pattern: str) -> float:
    """When the newest file below the folder was written."""
    return max((_modified(file) for file in folder.glob(pattern)), default=0.0)


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
