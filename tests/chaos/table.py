"""The table of RELIABILITY.md: one row per fault, of its last run. A run replaces the rows of its own faults."""

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


def read_rows(page: Path) -> Iterator[Row]:
    """Yield the rows that the page has."""
    for line in read_between_markers(page, SECTION).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("| ") else []
        if len(cells) == len(HEAD) and cells != HEAD and set(cells[0]) != {"-"}:
            yield cells


def write_rows(page: Path, new: Iterable[Row], faults: list[str]) -> None:
    """Replace the rows of the same faults; the order is that of `faults`, and rows of other faults are removed."""
    rows = {row[0]: row for row in [*read_rows(page), *new]}
    missing = [name for name in faults if name not in rows]
    note = f"\n\nNot done yet: {', '.join(missing)}." if missing else ""
    write_between_markers(page, SECTION, table(HEAD, [rows[name] for name in faults if name in rows]) + note)
