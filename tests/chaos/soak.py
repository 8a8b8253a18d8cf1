"""`make soak`: a playground under load for an hour, a fault every few minutes; does anything grow or stay behind?

What each part holds (memory, processes, threads, open files, connections) is noted every 20 seconds. Memory is told as
the slope of a line through all of it; the rest as it was before the first fault and after the last one. Needs root.
"""

import argparse
import sys
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

import psutil

from bench.record import RELIABILITY, command_given, table, write_between_markers
from playground.run.__main__ import interrupted_by_signals
from playground.run.memory import MIB, part_of_process, pss_bytes, running_processes
from tests.chaos.__main__ import Suffered, suffered
from tests.chaos.faults import all_faults
from tests.chaos.reconciliation import Closing, Reconciliation
from tests.chaos.system import SystemUnderTest, town
from tests.chaos.table import HEAD

SPEED = 600
"""some hundred events a second"""
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
_LOOK_EVERY_S = 20
_CALM_S = 180
"""before the first fault and after the last one"""
_CALM_LOOKS = _CALM_S // _LOOK_EVERY_S
KINDS = ("processes", "threads", "open files", "connections")


@dataclass(frozen=True)
class Look:
    """What every part holds at a moment."""

    at: float
    memory: Counter[str] = field(default_factory=Counter)
    held: dict[str, Counter[str]] = field(default_factory=dict)
    """kind -> part -> how many"""


def look(mark: str) -> Look:
    found = Look(time.time(), held={kind: Counter() for kind in KINDS})
    for process in running_processes(mark):
        with suppress(psutil.Error):
            part = part_of_process(process)
            held = (1, process.num_threads(), process.num_fds(), len(process.net_connections()))
            found.memory[part] += pss_bytes(process)
            for kind, count in zip(KINDS, held, strict=True):
                found.held[kind][part] += count
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long it is mistreated")
    parser.add_argument("--every", type=float, default=5, help="minutes from one fault to the next")
    parser.add_argument("--record", action="store_true", help="write the tables into RELIABILITY.md")
    given = parser.parse_args()
    interrupted_by_signals()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, town(Path(folder), SPEED) as mistreated:
        looks, lines = soaked(mistreated, given.minutes * 60, given.every * 60)
        closing = Reconciliation(mistreated).closed()
    text = told(looks, lines, closing)
    print(text)
    if given.record:
        write_between_markers(RELIABILITY, "soak", text)
    return 0 if all(line.is_kept for line in lines) and closing.is_right and not more_at_the_end(looks) else 1


def soaked(mistreated: SystemUnderTest, length_s: float, every_s: float) -> tuple[list[Look], list[Suffered]]:
    faults = {name: next(f for f in all_faults(0, timedelta()) if f.name.startswith(name)) for name in FAULTS}
    looks: list[Look] = []
    lines: list[Suffered] = []
    _look_on(mistreated, looks, time.time() + _CALM_S)
    ends = time.time() + length_s
    for name in cycle(FAULTS):
        began = time.time()
        if began >= ends:
            break
        lines.append(suffered(mistreated, faults[name]))
        _look_on(mistreated, looks, began + every_s)
    _look_on(mistreated, looks, time.time() + _CALM_S)
    return looks, lines


def _look_on(mistreated: SystemUnderTest, looks: list[Look], until: float) -> None:
    while time.time() < until:
        looks.append(look(mistreated.playground.mark))
        time.sleep(_LOOK_EVERY_S)


def slope_mib_per_hour(looks: Sequence[Look], part: str) -> float:
    hours = [(one.at - looks[0].at) / 3600 for one in looks]
    return linear_regression(hours, [one.memory[part] / MIB for one in looks]).slope


def more_at_the_end(looks: Sequence[Look]) -> list[str]:
    """The parts that have more processes than before the first fault."""
    before, after = _usual(looks[:_CALM_LOOKS], "processes"), _usual(looks[-_CALM_LOOKS:], "processes")
    return [part for part in after if after[part] > before[part]]


def _usual(looks: Sequence[Look], kind: str) -> Counter[str]:
    """The least of some looks: a task that just runs, a file that is just read are no leak."""
    parts = {part for one in looks for part in one.held[kind]}
    return Counter({part: min(one.held[kind][part] for one in looks) for part in parts})


def told(looks: Sequence[Look], lines: Sequence[Suffered], closing: Closing) -> str:
    first, last = looks[:_CALM_LOOKS], looks[-_CALM_LOOKS:]
    usual = {kind: (_usual(first, kind), _usual(last, kind)) for kind in KINDS}
    parts = sorted({part for one in looks for part in one.memory})
    rows = []
    for part in parts:
        memory = [f"{sum(one.memory[part] for one in some) / len(some) / MIB:,.0f}" for some in (first, last)]
        counts = [f"{before[part]} / {after[part]}" for before, after in usual.values()]
        rows.append([part, *memory, f"{slope_mib_per_hour(looks, part):+.0f}", *counts])
    head = ["part", "MiB before", "MiB after", "MiB per hour", *(f"{kind} before / after" for kind in KINDS)]
    whole = sum(slope_mib_per_hour(looks, part) for part in parts)
    command, minutes = command_given("tests.chaos.soak"), (looks[-1].at - looks[0].at) / 60
    kept = sum(line.is_kept for line in lines)
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, 2 cores, {minutes:.0f} minutes at {SPEED} times real speed: "
        f"{kept} of {len(lines)} bounds kept; memory of everything together **{whole:+.0f} MiB per hour**; parts with "
        f"more processes than before: {', '.join(more_at_the_end(looks)) or 'none'}.\n\n"
        f"{table(head, rows)}\n\n{table(HEAD, [line.in_table(closing) for line in lines])}\n\n{closing}"
    )


if __name__ == "__main__":
    sys.exit(main())
