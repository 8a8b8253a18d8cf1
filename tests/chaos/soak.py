"""`make soak`: a playground under load for an hour with a fault every few minutes; does it leak anything?

The resources of each part (memory, processes, threads, open files, connections) are sampled every 20 seconds. Memory is
reported as the slope of a line through all samples, the rest before the first fault and after the last one. Needs root.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from statistics import linear_regression
from typing import Annotated

import psutil
import typer

from bench.options import RecordReliability
from bench.record import RELIABILITY, command_line, table, write_between_markers
from playground.run.interrupts import interrupt_on_signals
from playground.run.memory import MIB, part_of_process, pss_bytes, running_processes
from tests.chaos.__main__ import FaultResult, inject
from tests.chaos.all_faults import all_faults
from tests.chaos.reconciliation import FinalState, Reconciliation
from tests.chaos.system import SystemUnderTest, system_under_test
from tests.chaos.table import HEAD

SPEED = 600
"""several hundred events a second"""
FAULTS = (
    "ingestion: python killed",
    "scheduler killed",
    "analytics: jvm killed",
    "triggerer killed",
    "ingestion: group killed",
    "broker killed",
    "analytics: python killed",
    "scheduler ended",
)
_SAMPLE_EVERY_S = 20
_CALM_S = 180
"""without faults, before the first one and after the last one"""
_CALM_SAMPLES = _CALM_S // _SAMPLE_EVERY_S
KINDS = ("processes", "threads", "open files", "connections")


@dataclass(frozen=True)
class Sample:
    """The resources of every part at one moment."""

    at: float
    memory: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """kind -> part -> how many"""


def sample(mark: str) -> Sample:
    found = Sample(time.time(), counts={kind: Counter() for kind in KINDS})
    for process in running_processes(mark):
        with suppress(psutil.Error):
            part = part_of_process(process)
            counts = (1, process.num_threads(), process.num_fds(), len(process.net_connections()))
            found.memory[part] += pss_bytes(process)
            for kind, count in zip(KINDS, counts, strict=True):
                found.counts[kind][part] += count
    return found


def main(
    minutes: Annotated[float, typer.Option(min=1, help="Minutes under faults.")] = 60,
    every: Annotated[float, typer.Option(min=0.1, help="Minutes from one fault to the next.")] = 5,
    record: RecordReliability = False,
) -> None:
    """Run a playground under load and faults, and report what grows or is left behind.

    Needs root. Exit status 1 where a bound was not kept or a part has more processes in the end.
    """
    interrupt_on_signals()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, system_under_test(Path(folder), SPEED) as system:
        samples, results = soak(system, minutes * 60, every * 60)
        final = Reconciliation(system).final()
    text = report_text(samples, results, final)
    print(text)
    if record:
        write_between_markers(RELIABILITY, "soak", text)
    if not all(result.is_kept for result in results) or not final.is_right or parts_with_more_processes(samples):
        raise typer.Exit(1)


def soak(system: SystemUnderTest, length_s: float, every_s: float) -> tuple[list[Sample], list[FaultResult]]:
    """Inject one fault after the other, and sample before, between and after them."""
    faults = {name: next(f for f in all_faults(0, timedelta()) if f.name.startswith(name)) for name in FAULTS}
    samples: list[Sample] = []
    results: list[FaultResult] = []
    _sample_until(system, samples, time.time() + _CALM_S)
    ends = time.time() + length_s
    for name in cycle(FAULTS):
        began = time.time()
        if began >= ends:
            break
        results.append(inject(system, faults[name]))
        _sample_until(system, samples, began + every_s)
    _sample_until(system, samples, time.time() + _CALM_S)
    return samples, results


def _sample_until(system: SystemUnderTest, samples: list[Sample], until: float) -> None:
    while time.time() < until:
        samples.append(sample(system.playground.mark))
        time.sleep(_SAMPLE_EVERY_S)


def slope_mib_per_hour(samples: Sequence[Sample], part: str) -> float:
    hours = [(one.at - samples[0].at) / 3600 for one in samples]
    return linear_regression(hours, [one.memory[part] / MIB for one in samples]).slope


def parts_with_more_processes(samples: Sequence[Sample]) -> list[str]:
    """Return the parts that have more processes in the end than before the first fault."""
    before, after = (_least(calm, "processes") for calm in (samples[:_CALM_SAMPLES], samples[-_CALM_SAMPLES:]))
    return [part for part in after if after[part] > before[part]]


def _least(samples: Sequence[Sample], kind: str) -> Counter[str]:
    """Return part -> the smallest count in the samples: a task that runs for a moment is not a leak."""
    parts = {part for one in samples for part in one.counts[kind]}
    return Counter({part: min(one.counts[kind][part] for one in samples) for part in parts})


def report_text(samples: Sequence[Sample], results: Sequence[FaultResult], final: FinalState) -> str:
    first, last = samples[:_CALM_SAMPLES], samples[-_CALM_SAMPLES:]
    least = {kind: (_least(first, kind), _least(last, kind)) for kind in KINDS}
    parts = sorted({part for one in samples for part in one.memory})
    rows = []
    for part in parts:
        memory = [f"{sum(one.memory[part] for one in calm) / len(calm) / MIB:,.0f}" for calm in (first, last)]
        counts = [f"{before[part]} / {after[part]}" for before, after in least.values()]
        rows.append([part, *memory, f"{slope_mib_per_hour(samples, part):+.0f}", *counts])
    head = ["part", "MiB before", "MiB after", "MiB per hour", *(f"{kind} before / after" for kind in KINDS)]
    whole = sum(slope_mib_per_hour(samples, part) for part in parts)
    command, minutes = command_line("tests.chaos.soak"), (samples[-1].at - samples[0].at) / 60
    kept = sum(result.is_kept for result in results)
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, 2 cores, {minutes:.0f} minutes at {SPEED} times real speed: "
        f"{kept} of {len(results)} bounds kept; memory of everything together **{whole:+.0f} MiB per hour**; parts "
        f"with more processes than before: {', '.join(parts_with_more_processes(samples)) or 'none'}.\n\n"
        f"{table(head, rows)}\n\n{table(HEAD, [result.row(final) for result in results])}\n\n{final}"
    )


if __name__ == "__main__":
    typer.run(main)
