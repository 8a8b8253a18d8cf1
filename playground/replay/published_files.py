"""Read a published table row by row, and say what is odd about a row."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from playground.replay.found_files import DAMAGE, FoundFile, UnusableFile
from playground.replay.layouts import FileLayout, Record, layout_of

Sent = Record | Sequence[str]
"""what a message holds; a list is no record of any feed"""
_LONGEST_HEADER = 100_000
_DAY_FIRST = re.compile(r"(1[3-9]|2\d|3[01])/\d{1,2}/\d{4}\b")


class Piped(csv.excel):
    """NOAA's `.psv`: no quotes, so that one in a remark is a character like others."""

    delimiter = "|"
    quoting = csv.QUOTE_NONE


class Oddity(StrEnum):
    """What may be odd about a row. It is sent all the same; the job judges it, and refuses what has too many cells."""

    TOO_FEW_CELLS = "too few cells"
    TOO_MANY_CELLS = "too many cells: sent as a list, which ingestion refuses"
    LINE_BREAK = "a line break in a cell"
    NOT_UTF_8 = "characters that are not UTF-8: shown as question marks"


class FileRow(NamedTuple):
    record: Sent
    event_s: float | None
    """seconds since the epoch; None where its time cannot be read"""
    oddity: Oddity | None
    line: int
    """the last of its lines"""


@dataclass(frozen=True)
class PublishedFile:
    """A file of a known layout."""

    found: FoundFile
    dialect: type[csv.Dialect]
    header: tuple[str, ...]
    """the keys of its messages"""
    layout: FileLayout

    def rows(self) -> Iterator[FileRow]:
        """Yield every row, without blank lines. Raises: UnusableFile."""
        line = 1
        try:
            with self.found.text() as text:
                cells_of = csv.reader(text, self.dialect)
                next(cells_of, None)
                for cells in cells_of:
                    line = cells_of.line_num
                    if cells:
                        yield self._row(cells, line)
        except (*DAMAGE, csv.Error) as damage:
            raise UnusableFile(f"{self.found} breaks off at line {line}: {damage}.") from None

    def _row(self, cells: list[str], line: int) -> FileRow:
        row = dict(zip(self.header, cells, strict=False))
        event_s = self.layout.event_time_s(row)
        if event_s is None and any(map(_DAY_FIRST.match, cells)):
            raise UnusableFile(
                f"{self.found} writes the day before the month (line {line}): other rows would be read as of another "
                "month. Write dates as YYYY-MM-DD."
            )
        oddity = self._oddity(cells)
        # Nobody knows which of its cells is one too many: those behind it would be read as of another column.
        record: Sent = cells if oddity is Oddity.TOO_MANY_CELLS else self.layout.record(row)
        return FileRow(record, event_s, oddity, line)

    def _oddity(self, cells: list[str]) -> Oddity | None:
        if len(cells) < len(self.header):
            return Oddity.TOO_FEW_CELLS
        if any(cells[len(self.header) :]):
            return Oddity.TOO_MANY_CELLS
        text = "".join(cells)
        if "\n" in text or "\r" in text:
            return Oddity.LINE_BREAK
        return Oddity.NOT_UTF_8 if "\ufffd" in text else None


def published_file(found: FoundFile) -> PublishedFile:
    """Open the file and recognise its header. Raises: UnusableFile."""
    try:
        with found.text() as text:
            first = text.readline(_LONGEST_HEADER)
        dialect = max(csv.excel, Piped, key=lambda dialect: first.count(dialect.delimiter))
        cells = next(csv.reader([first], dialect), [])
    except (*DAMAGE, csv.Error) as damage:
        raise UnusableFile(f"{found} cannot be read: {damage}.") from None
    if "\0" in first:
        raise UnusableFile(f"{found} is no text in UTF-8: it is packed (tar), or saved as UTF-16 or in another format.")
    header = [name.strip() for name in cells]
    layout = layout_of(found, header)
    return PublishedFile(found, dialect, tuple(layout.keys.get(name, name) for name in header), layout)
