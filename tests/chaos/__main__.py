"""`make chaos`: everything that may happen to the running system, done to it, and what became of its data.

A whole playground (real broker, Airflow's components, both jobs) on a disk of its own. After each fault the feeds are
compared with what their logs say was read: every message once. In the end all nine analytics are compared with the
independent reference. Needs root, for the disk.
"""

import argparse
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.record import RELIABILITY, table
from playground.run.__main__ import interrupted_by_signals
from tests.chaos.faults import Fault, all_faults
from tests.chaos.reconciliation import Closing, Reconciliation
from tests.chaos.system import SystemUnderTest, town
from tests.chaos.table import HEAD, Row, record


@dataclass(frozen=True)
class Suffered:
    """One fault that was done, for the table; its last cell says what there is to say."""

    cells: Row
    is_kept: bool

    def in_table(self, closing: Closing) -> Row:
        return [*self.cells[:-1], str(closing.different), f"{datetime.now(UTC):%Y-%m-%d}", self.cells[-1]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="faults whose name holds this text (repeatable)")
    parser.add_argument("--crashes", type=int, default=50, help="how many crashes at random moments")
    parser.add_argument("--quiet-minutes", type=float, default=60, help="how long the quiet night is")
    parser.add_argument("--record", action="store_true", help="write what was done into the table of RELIABILITY.md")
    given = parser.parse_args()
    known = all_faults(given.crashes, timedelta(minutes=given.quiet_minutes))
    faults = [fault for fault in known if any(text in fault.name for text in given.only or [""])]
    began = time.monotonic()
    interrupted_by_signals()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, town(Path(folder)) as mistreated:
        lines = [suffered(mistreated, fault) for fault in faults]
        closing = Reconciliation(mistreated).closed()
    rows = [line.in_table(closing) for line in lines]
    kept, minutes = sum(line.is_kept for line in lines), (time.monotonic() - began) / 60
    print(f"{kept} of {len(lines)} bounds kept, {minutes:.0f} minutes.\n\n{table(HEAD, rows)}\n\n{closing}")
    if given.record:
        record(RELIABILITY, rows, [fault.name for fault in known])
    return 0 if kept == len(lines) and closing.is_right else 1


def suffered(mistreated: SystemUnderTest, fault: Fault) -> Suffered:
    print(f"{datetime.now(UTC):%H:%M:%S} {fault.name} ...", file=sys.stderr, flush=True)
    since = time.time()
    try:
        outcome = fault.happens(mistreated)
        detected = "-" if outcome.detected_s is None else f"{outcome.detected_s:.0f} s"
        found, said, is_kept = [detected, f"{outcome.working_s:.0f} s"], outcome.said, True
    except Exception as broken:
        traceback.print_exc()
        found, said, is_kept = ["?", "?"], f"NOT KEPT: {_in_a_cell(str(broken))}", False
    lost, doubled = Reconciliation(mistreated).now()
    cells = [fault.name, fault.bound, *found, str(lost), str(doubled)]
    cells += [f"{mistreated.watching.two_alive_s(since):.1f} s", said]
    print(f"{datetime.now(UTC):%H:%M:%S} {' | '.join(cells)}", file=sys.stderr, flush=True)
    return Suffered(cells, is_kept and lost == doubled == 0)


def _in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


if __name__ == "__main__":
    sys.exit(main())
