"""The table of RELIABILITY.md: one row per fault, as last done. A run replaces the rows of its own faults."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.record import read_between_markers, table, write_between_markers

SECTION = "chaos"
HEAD = [
    "fault",
    "bound",
    "acted on after",
    "new batch after",
    "lost",
    "doubled",
    "two drivers alive",
    "analytics different",
    "done on",
    "",
]
Row = list[str]


def recorded(page: Path) -> Iterator[Row]:
    """The rows that stand in the page."""
    for line in read_between_markers(page, SECTION).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("| ") else []
        if len(cells) == len(HEAD) and cells != HEAD and set(cells[0]) != {"-"}:
            yield cells


def together(before: Iterable[Row], now: Iterable[Row], order: list[str]) -> list[Row]:
    """By the fault's name, in the order of the faults; one that is not there any more goes."""
    rows = {row[0]: row for row in [*before, *now]}
    return [rows[name] for name in order if name in rows]


def record(page: Path, now: Iterable[Row], order: list[str]) -> None:
    rows = together(recorded(page), now, order)
    missing = [name for name in order if name not in {row[0] for row in rows}]
    note = f"\n\nNot done yet: {', '.join(missing)}." if missing else ""
    write_between_markers(page, SECTION, table(HEAD, rows) + note)
