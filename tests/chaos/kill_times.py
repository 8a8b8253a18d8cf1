"""`make kill-times`: how soon the watch has a killed job at work again, over many killings.

A whole playground, as for `make chaos`. The jobs are killed in turn (Python driver, JVM, both), each once the watch has
forgotten its last failure: what is measured is a failure by itself, not the pauses after several. Needs root.
"""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice, product
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from bench.options import RecordReliability
from bench.record import RELIABILITY, progress, target, write_between_markers
from playground.run.interrupts import interrupt_on_signals
from playground.run.waiting import wait_until
from spark_jobs.documents.watch_memory import read_memory
from spark_jobs.paths import Layout
from spark_jobs.supervision import restarts
from tests.chaos import driver_faults
from tests.chaos.observer import JOBS
from tests.chaos.reconciliation import FinalState, Reconciliation
from tests.chaos.system import SystemUnderTest, system_under_test

MEDIAN_S = 30
WORST_S = 45
_WELL_AGAIN_TIMEOUT_S = 2 * restarts.RESET_AFTER.total_seconds()


def main(
    count: Annotated[int, typer.Option(min=1, help="Killings.")] = 20,
    record: RecordReliability = False,
) -> None:
    """Kill the jobs of a running playground one after the other, and report when each commits again.

    Needs root. Exit status 1 where a bound was missed or the data are not right.
    """
    interrupt_on_signals()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, system_under_test(Path(folder)) as system:
        seconds = list(_seconds_to_a_batch(system, count))
        final = Reconciliation(system).final()
    text = _report_text(seconds, final)
    print(text)
    if record:
        write_between_markers(RELIABILITY, "kill-times", text)
    if median(seconds) > MEDIAN_S or max(seconds) > WORST_S or not final.is_right:
        raise typer.Exit(1)


def _seconds_to_a_batch(system: SystemUnderTest, count: int) -> Iterator[float]:
    """Yield, for each killing, the seconds from the kill to a batch that the next driver committed."""
    for job, role in islice(_victims(), count):
        wait_until(lambda job=job: not _restarts(system, job), f"{job} is well again", _WELL_AGAIN_TIMEOUT_S)  # type: ignore[misc]
        recovered = driver_faults.killed(job, role)(system).recovered_s
        progress(f"{job}: {role} killed, a new batch after {recovered:.1f} s")
        yield recovered


def _victims() -> Iterator[tuple[str, str]]:
    """Yield (job, role) for ever, the jobs in turn."""
    return cycle((job, role) for role, job in product(("python", "jvm", "group"), JOBS))


def _restarts(system: SystemUnderTest, job: str) -> int:
    return read_memory(Layout(system.roots[job])).restarts.in_a_row


def _report_text(seconds: Sequence[float], final: FinalState) -> str:
    figures = [
        target("median, seconds", median(seconds), at_most=MEDIAN_S),
        target("worst, seconds", max(seconds), at_most=WORST_S),
    ]
    return (
        f"`make kill-times COUNT={len(seconds)}`, {datetime.now(UTC):%Y-%m-%d}, 2 cores: from the kill to a new "
        f"committed batch, with the watch alone to help.\n\n"
        + "\n".join(figures)
        + f"\n- each: {', '.join(f'{one:.0f}' for one in seconds)}\n\n{final}"
    )


if __name__ == "__main__":
    typer.run(main)
