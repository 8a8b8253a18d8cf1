"""`make chaos`: inject faults into a running system, and reconcile its data.

A whole playground (real broker, Airflow's components, both jobs) on a disk of its own. After each fault the feeds are
compared with what their logs say was read: every message once. In the end all nine analytics are compared with the
independent reference. Needs root, for the disk.
"""

import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from bench.options import RecordReliability
from bench.record import RELIABILITY, table
from playground.run.interrupts import interrupt_on_signals
from tests.chaos.all_faults import all_faults
from tests.chaos.fault import Fault
from tests.chaos.reconciliation import FinalState, Reconciliation
from tests.chaos.system import SystemUnderTest, system_under_test
from tests.chaos.table import HEAD, Row, write_rows


@dataclass(frozen=True)
class FaultResult:
    """The row of an injected fault, without what is known in the end only."""

    cells: Row
    is_kept: bool

    def row(self, final: FinalState) -> Row:
        return [*self.cells[:-1], str(final.different), f"{datetime.now(UTC):%Y-%m-%d}", self.cells[-1]]


def main(
    only: Annotated[list[str], typer.Option(help="Faults with this text in their name (repeatable).")] = [],  # noqa: B006
    crashes: Annotated[int, typer.Option(min=0, help="Crashes at random moments.")] = 50,
    quiet_minutes: Annotated[float, typer.Option(min=0, help="Minutes without feeds in the quiet faults.")] = 60,
    record: RecordReliability = False,
) -> None:
    """Inject faults into a running playground, and compare its data with the logs and an independent reference.

    Needs root. Exit status 1 where a bound was not kept.
    """
    known = all_faults(crashes, timedelta(minutes=quiet_minutes))
    faults = [fault for fault in known if any(text in fault.name for text in only or [""])]
    began = time.monotonic()
    interrupt_on_signals()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, system_under_test(Path(folder)) as system:
        results = [inject(system, fault) for fault in faults]
        final = Reconciliation(system).final()
    rows = [result.row(final) for result in results]
    kept, minutes = sum(result.is_kept for result in results), (time.monotonic() - began) / 60
    print(f"{kept} of {len(results)} bounds kept, {minutes:.0f} minutes.\n\n{table(HEAD, rows)}\n\n{final}")
    if record:
        write_rows(RELIABILITY, rows, [fault.name for fault in known])
    if kept < len(results) or not final.is_right:
        raise typer.Exit(1)


def inject(system: SystemUnderTest, fault: Fault) -> FaultResult:
    """Inject the fault, and compare what is published afterwards with the logs."""
    print(f"{datetime.now(UTC):%H:%M:%S} {fault.name} ...", file=sys.stderr, flush=True)
    since = time.time()
    try:
        outcome = fault.inject(system)
        detected = "-" if outcome.detected_s is None else f"{outcome.detected_s:.0f} s"
        times, note, is_kept = [detected, f"{outcome.recovered_s:.0f} s"], outcome.note, True
    except Exception as broken:
        traceback.print_exc()
        times, note, is_kept = ["?", "?"], f"NOT KEPT: {_one_cell(str(broken))}", False
    lost, doubled = Reconciliation(system).lost_and_doubled()
    cells = [fault.name, fault.bound, *times, str(lost), str(doubled)]
    cells += [f"{system.observer.two_alive_s(since):.1f} s", note]
    print(f"{datetime.now(UTC):%H:%M:%S} {' | '.join(cells)}", file=sys.stderr, flush=True)
    return FaultResult(cells, is_kept and lost == doubled == 0)


def _one_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


if __name__ == "__main__":
    typer.run(main)
