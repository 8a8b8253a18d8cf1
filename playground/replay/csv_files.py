"""Read CSV files, plain or gzip, row by row."""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from playground.replay.layouts import CsvLayout, layout_of

SUFFIXES = (".csv", ".csv.gz")
GZIP_MAGIC = b"\x1f\x8b"


class UnreadableFile(Exception):
    """A file cannot be read: which, and why."""


@dataclass(frozen=True)
class PublishedFile:
    path: Path
    header: tuple[str, ...]
    layout: CsvLayout

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield every row by column name, without blank lines. Raises: UnreadableFile."""
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
    # An invalid byte must not end the replay; utf-8-sig drops a spreadsheet's byte order mark.
    with path.open("rb") as start:
        is_gzip = start.read(2) == GZIP_MAGIC
    open_text = gzip.open if is_gzip else open
    with open_text(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as text:
        yield text


def published_file(path: Path) -> PublishedFile:
    """Open the file and recognise its header. Raises: UnreadableFile, UnknownLayout."""
    try:
        with _opened(path) as text:
            header = [name.strip() for name in next(csv.reader(text), [])]
    except (OSError, EOFError, csv.Error) as broken:
        raise UnreadableFile(f"{path} cannot be read: {broken}.") from None
    return PublishedFile(path, tuple(header), layout_of(path, header))


def csv_paths(paths: list[Path]) -> list[Path]:
    """Return the named files and the CSV files in the named folders, each once. Raises: UnreadableFile."""
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise UnreadableFile(f"{path} does not exist. Give a folder with CSV files, or the files themselves.")
        inside = sorted(p for p in path.rglob("*") if p.name.lower().endswith(SUFFIXES)) if path.is_dir() else [path]
        found.update((file.resolve(), file) for file in inside)
    if not found:
        raise UnreadableFile(f"No .csv or .csv.gz file in {', '.join(map(str, paths))}.")
    return list(found.values())
