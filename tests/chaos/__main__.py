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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.record import RELIABILITY, command_given, table, write_between_markers
from playground.run import interrupted_by_signals
from tests.chaos.books import Books
from tests.chaos.faults import Fault, all_faults
from tests.chaos.town import Town, town

HEAD = ["fault", "bound", "acted on after", "new batch after", "lost", "doubled", "two drivers alive", ""]


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    cells: list[str]
    is_kept: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="faults whose name holds this text (repeatable)")
    parser.add_argument("--crashes", type=int, default=50, help="how many crashes at random moments")
    parser.add_argument("--quiet-minutes", type=float, default=60, help="how long the quiet night is")
    parser.add_argument("--record", action="store_true", help="write the table into RELIABILITY.md")
    asked = parser.parse_args()
    faults = [
        fault
        for fault in all_faults(asked.crashes, timedelta(minutes=asked.quiet_minutes))
        if any(text in fault.name for text in asked.only or [""])
    ]
    began = time.monotonic()
    interrupted_by_signals()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, town(Path(folder)) as mistreated:
        lines = [suffered(mistreated, fault) for fault in faults]
        verdict = Books(mistreated).closed()
    command = command_given("tests.chaos")
    text = _text(command, lines, verdict, timedelta(seconds=time.monotonic() - began))
    print(text)
    if asked.record:
        write_between_markers(RELIABILITY, "chaos", text)
    return 0 if all(line.is_kept for line in lines) else 1


def suffered(mistreated: Town, fault: Fault) -> Line:
    print(f"{datetime.now(UTC):%H:%M:%S} {fault.name} ...", file=sys.stderr, flush=True)
    since = time.time()
    try:
        outcome = fault.happens(mistreated)
        detected = "-" if outcome.detected_s is None else f"{outcome.detected_s:.0f} s"
        found, said, is_kept = [detected, f"{outcome.working_s:.0f} s"], outcome.said, True
    except Exception as broken:
        traceback.print_exc()
        found, said, is_kept = ["?", "?"], f"NOT KEPT: {broken}", False
    lost, doubled = Books(mistreated).now()
    cells = [fault.name, fault.bound, *found, str(lost), str(doubled)]
    cells += [f"{mistreated.watching.two_alive_s(since):.1f} s", said]
    print(f"{datetime.now(UTC):%H:%M:%S} {' | '.join(cells)}", file=sys.stderr, flush=True)
    return Line(cells, is_kept and lost == doubled == 0)


def _text(command: str, lines: Sequence[Line], verdict: str, took: timedelta) -> str:
    kept = sum(line.is_kept for line in lines)
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, 2 cores, {took.total_seconds() / 60:.0f} minutes: "
        f"{kept} of {len(lines)} bounds kept.\n\n{table(HEAD, [line.cells for line in lines])}\n\n{verdict}"
    )


if __name__ == "__main__":
    sys.exit(main())
