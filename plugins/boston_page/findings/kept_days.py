"""Folded days in memory: a chart of a year costs one `stat` for each day.

What a chart takes of an output is one table for all days. As a table for each day it took twice the memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import pyarrow as pa

from boston_page.unreadable import UNREADABLE
from spark_jobs.publication.parquet_files import DamagedParquet, read_parquet

_START = "window_start"
"""a column that no formula has been without"""
CACHE_BYTES = 16 * 1024 * 1024

Identity = tuple[int, int]
"""of a file: one that is replaced has another"""


@dataclass(frozen=True)
class Part:
    """What a chart takes of each file of an output."""

    columns: tuple[str, ...]
    keep: Callable[[pa.Table], pa.Table] | None = None
    """leaves the rows and columns that it needs; None: all"""

    def of(self, rows: pa.Table) -> pa.Table:
        return rows if self.keep is None else self.keep(rows)


@dataclass(frozen=True)
class _Days:
    """Days by the names of their files, one after the other in a table."""

    files: Mapping[str, Identity]
    starts: Sequence[int]
    rows: pa.Table | None

    @classmethod
    def of(cls, found: Mapping[str, tuple[Identity, pa.Table]]) -> "_Days":
        tables, starts = [table for _, table in found.values()], [0]
        for table in tables:
            starts.append(starts[-1] + table.num_rows)
        files = {name: identity for name, (identity, _) in found.items()}
        return cls(files, starts, concatenated(tables).combine_chunks() if tables else None)

    def has(self, files: Mapping[str, Identity]) -> bool:
        return files.items() <= self.files.items()

    def of_files(self, files: Mapping[str, Identity]) -> Iterator[tuple[str, tuple[Identity, pa.Table]]]:
        """The days of these files that are here, and are what the files hold."""
        for number, (name, identity) in enumerate(self.files.items()):
            if self.rows is not None and files.get(name) == identity:
                start = self.starts[number]
                yield name, (identity, self.rows.slice(start, self.starts[number + 1] - start))


_NONE = _Days({}, (0,), None)


class KeptDays:
    """The parts that were used last, each with the days that it was asked for, up to a number of bytes."""

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._kept: OrderedDict[tuple[Path, Part], _Days] = OrderedDict()

    @property
    def bytes(self) -> int:
        """How much is kept."""
        return sum(days.rows.nbytes for days in self._kept.values() if days.rows is not None)

    def read(self, folder: Path, names: Iterable[str], part: Part) -> tuple[set[str], pa.Table | None]:
        """Return which of these days are folded, and their rows; None where none is."""
        wanted, key = dict(_identities(folder, names)), (folder, part)
        with self._lock:
            known = self._kept.get(key, _NONE)
        days = known if known.has(wanted) else _Days.of(_read(folder, wanted, part, known))
        self._keep(key, days)
        if len(days.files) == len(wanted):
            return set(wanted), days.rows
        folded = dict(days.of_files(wanted))
        return set(folded), concatenated(rows for _, rows in folded.values()) if folded else None

    def _keep(self, key: tuple[Path, Part], days: _Days) -> None:
        with self._lock:
            self._kept[key] = days
            self._kept.move_to_end(key)
            while self.bytes > self._most_bytes:
                self._kept.popitem(last=False)


def _identities(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, Identity]]:
    for name in names:
        with suppress(OSError):
            found = (folder / name).stat()
            yield name, (found.st_ino, found.st_mtime_ns)


def _read(
    folder: Path, wanted: Mapping[str, Identity], part: Part, known: _Days
) -> Mapping[str, tuple[Identity, pa.Table]]:
    """Read the days that are not known yet. One that cannot be read counts as not folded: its hours are there."""
    found = dict(known.of_files(wanted))
    for name in wanted.keys() - found.keys():
        with suppress(*UNREADABLE):
            found[name] = wanted[name], part.of(read_file(folder / name, part.columns))
    return found


def read_file(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of one small file; those that an older formula did not have are null.

    Raises: FileNotFoundError without a file; else as `parquet_file`, also where its rows have no times.
    """
    rows = read_parquet(path, columns, at_once=True)
    for name in columns:
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows))
    if _START in columns and not pa.types.is_timestamp(rows[_START].type):
        raise DamagedParquet(path, ValueError(f"it has no times in {_START}"))
    return rows.select(list(columns))


def concatenated(tables: Iterable[pa.Table]) -> pa.Table:
    """One below the other; a column that is null in some has the type of the others."""
    return pa.concat_tables(tables, promote_options="default")
