"""What a backlog costs: contenders run until they have finished it, and their figures as a table."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.backlog import Offsets, message_count
from bench.contender import BACKLOG_TIMEOUT_S, Contender, Process, wait_for
from bench.record import progress, table


@dataclass(frozen=True)
class Result:
    """Figures of one or more processes that worked on one backlog at the same time."""

    name: str
    events: int
    startup_s: float
    """from the start of the process to the plan of its first batch"""
    startup_cpu_s: float
    batches_s: float
    """from there to the last publication"""
    batches_cpu_s: float
    peak_pss_mib: float
    """each process tree's peak, summed up"""
    files: int
    others_cores: float
    """cores that everything else kept busy meanwhile, the broker among it"""

    @property
    def wall_s(self) -> float:
        return self.startup_s + self.batches_s

    @property
    def cpu_s(self) -> float:
        return self.startup_cpu_s + self.batches_cpu_s

    @property
    def events_per_s(self) -> float:
        return self.events / self.batches_s


def run(name: str, contenders: Sequence[Contender], ends: Offsets) -> Result:
    """Run the contenders together until all of them have finished the backlog."""
    progress(name)
    with ExitStack() as stack:
        processes = [stack.enter_context(contender.start()) for contender in contenders]
        return finished(name, processes, contenders, ends)


def finished(name: str, processes: Sequence[Process], contenders: Sequence[Contender], ends: Offsets) -> Result:
    """Wait until all contenders have finished the backlog, and return their figures."""
    last = wait_until_done(processes, contenders, ends)
    first = min(at for contender in contenders if (at := contender.checkpoints.first_batch_at()))
    files = sum(parquet_files(contender.output) for contender in contenders)
    return measured(name, processes, message_count(ends), first, last, files)


def wait_until_done(processes: Sequence[Process], contenders: Sequence[Contender], ends: Offsets) -> float:
    """Wait until all contenders have finished the backlog; return when the last one had, as a wall clock time."""

    def all_done_at() -> float | None:
        for contender in contenders:
            contender.checkpoints.first_batch_at()  # before Spark removes it
        times = [contender.done_at(ends) for contender in contenders]
        return max(at for at in times if at) if all(times) else None

    return wait_for(processes, all_done_at, "everything was published", BACKLOG_TIMEOUT_S)


def measured(name: str, processes: Sequence[Process], events: int, first: float, last: float, files: int) -> Result:
    """Read the meters; `first`, `last`: wall clock times of the first batch's plan and of the last publication."""
    started = min(process.started_at for process in processes)
    meters = [process.meter for process in processes]
    own_cpu_s = sum(meter.cpu_s(first, last) for meter in meters)
    return Result(
        name,
        events,
        first - started,
        sum(meter.cpu_s(started, first) for meter in meters),
        last - first,
        own_cpu_s,
        sum(meter.peak_pss_mib() for meter in meters),
        files,
        max(0.0, meters[0].machine_cpu_s(first, last) - own_cpu_s) / (last - first),
    )


def parquet_files(root: Path) -> int:
    """Count the Parquet files of all datasets below a root; logs, dead letters and rollup are below `_` folders."""
    return sum(1 for _ in root.glob("[!_]*/**/*.parquet"))


def results_table(results: Sequence[Result]) -> str:
    head = ["", "events", "start-up s", "batches s", "start-up CPU-s", "batches CPU-s", "events/s"]
    head += ["CPU-s per million", "peak PSS MiB", "files", "others' cores"]
    rows = [
        [
            result.name,
            f"{result.events:,}",
            f"{result.startup_s:.1f}",
            f"{result.batches_s:.1f}",
            f"{result.startup_cpu_s:.1f}",
            f"{result.batches_cpu_s:.1f}",
            f"{result.events_per_s:,.0f}",
            f"{result.batches_cpu_s / result.events * 1e6:.1f}",
            f"{result.peak_pss_mib:,.0f}",
            f"{result.files:,}",
            f"{result.others_cores:.2f}",
        ]
        for result in results
    ]
    return table(head, rows)
