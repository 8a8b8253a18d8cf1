"""CSV files, plain or gzip, as rows; small or large, they are read a row at a time."""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from playground.replay.layouts import Layout, layout_of

SUFFIXES = (".csv", ".csv.gz")
GZIP_BEGINS = b"\x1f\x8b"


class UnreadableFile(Exception):
    """Why there is nothing to read: a sentence."""


@dataclass(frozen=True)
class PublishedFile:
    path: Path
    header: tuple[str, ...]
    layout: Layout

    def rows(self) -> Iterator[dict[str, str]]:
        """Every row by column name; blank lines are no rows."""
        with _opened(self.path) as text:
            reader = csv.reader(text)
            next(reader, None)
            try:
                for cells in reader:
                    if cells:
                        yield dict(zip(self.header, cells, strict=False))
            except (OSError, EOFError, csv.Error) as broken:
                raise UnreadableFile(f"{self.path} breaks off at line {reader.line_num}: {broken}.") from None


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    # A publisher's stray byte must not end the replay; utf-8-sig drops a spreadsheet's byte order mark.
    with path.open("rb") as start:
        is_gzip = start.read(2) == GZIP_BEGINS
    open_text = gzip.open if is_gzip else open
    with open_text(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as text:
        yield text


def published_file(path: Path) -> PublishedFile:
    try:
        with _opened(path) as text:
            header = [name.strip() for name in next(csv.reader(text), [])]
    except (OSError, EOFError, csv.Error) as broken:
        raise UnreadableFile(f"{path} cannot be read: {broken}.") from None
    return PublishedFile(path, tuple(header), layout_of(path, header))


def csv_paths(given: list[Path]) -> list[Path]:
    """The files named, and the CSV files in the folders named; each once."""
    found: dict[Path, Path] = {}
    for path in given:
        if not path.exists():
            raise UnreadableFile(f"{path} does not exist. Give a folder with CSV files, or the files themselves.")
        inside = sorted(p for p in path.rglob("*") if p.name.lower().endswith(SUFFIXES)) if path.is_dir() else [path]
        found.update((file.resolve(), file) for file in inside)
    if not found:
        raise UnreadableFile(f"No .csv or .csv.gz file in {', '.join(map(str, given))}.")
    return list(found.values())
