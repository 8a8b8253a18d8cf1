"""Rows of the outputs in a period. Paths come from the calendar, never from a search: a year of hours is 8,760 files.

A closed day is one file where the analytics job has folded it, and then stays in memory: a chart of a year costs one
`stat` for each day.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from boston_page.period import Period
from spark_jobs.completeness import HOUR
from spark_jobs.paths import Layout, day_folder, hour_folder, hour_of_folder, newest_hour_folder
from spark_jobs.publication.log import LogDamaged, LogReader

OUTPUT = "data.parquet"
CACHE_BYTES = 32 * 1024 * 1024


class KeptDays:
    """Columns of folded days, the ones used last, up to a number of bytes. A replaced file has another identity."""

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], tuple[tuple[int, int], pa.Table]] = OrderedDict()
        self._bytes = 0

    def read(self, path: Path, columns: tuple[str, ...]) -> pa.Table:
        """Read the columns of a day. FileNotFoundError where it is not folded, or not any more."""
        found = path.stat()
        key, identity = (str(path), columns), (found.st_ino, found.st_mtime_ns)
        with self._lock:
            if key in self._kept and self._kept[key][0] == identity:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        table = read_file(path, columns)
        self._keep(key, identity, table)
        return table

    def _keep(self, key: tuple[str, tuple[str, ...]], identity: tuple[int, int], table: pa.Table) -> None:
        with self._lock:
            self._forget(key)
            self._kept[key] = (identity, table)
            self._bytes += table.nbytes
            while self._bytes > self._most_bytes and self._kept:
                self._forget(next(iter(self._kept)))

    def _forget(self, key: tuple[str, tuple[str, ...]]) -> None:
        _, table = self._kept.pop(key, (None, None))
        self._bytes -= table.nbytes if table is not None else 0


class Outputs:
    """The outputs below ANALYTICS_OUTPUT_PATH."""

    def __init__(self, layout: Layout, kept: KeptDays) -> None:
        self.layout = layout
        self._kept = kept

    def rows(self, output: str, columns: Sequence[str], period: Period) -> pa.Table | None:
        """Return the rows whose window starts in the period, oldest first; None where there is none."""
        wanted = ("window_start", *(name for name in columns if name != "window_start"))
        tables = list(self._tables(output, wanted, period))
        if not tables:
            return None
        rows = pa.concat_tables(tables, promote_options="default")
        start = rows["window_start"]
        inside = pc.and_(
            pc.greater_equal(start, pa.scalar(period.start, start.type)),
            pc.less(start, pa.scalar(period.end, start.type)),
        )
        rows = rows.filter(inside)
        for name in (name for name in columns if name not in rows.column_names):  # written by an older formula
            rows = rows.append_column(name, pa.nulls(rows.num_rows))
        return rows.select(list(columns)) if rows.num_rows else None

    def newest_rows(self, output: str, columns: Sequence[str], period: Period) -> pa.Table | None:
        """Return the rows of the newest window that starts in the period; None where there is none."""
        for day in reversed(list(period.days())):
            if not self._day_folder(output, day).is_dir():
                continue
            for hour in reversed(list(period.hours_of(day))):
                rows = self.rows(
                    output, ("window_start", *columns), Period(max(hour, period.start), min(hour + HOUR, period.end))
                )
                if rows is not None:
                    newest = pc.max(rows["window_start"])
                    return rows.filter(pc.equal(rows["window_start"], newest)).select(list(columns))
        return None

    def newest_hour(self, output: str) -> datetime | None:
        """The newest hour with a row; None where there is none."""
        folder = newest_hour_folder(self.layout.dataset(output))
        return None if folder is None else hour_of_folder(str(folder))

    def newest_end(self, output: str) -> datetime | None:
        """The end of that hour."""
        newest = self.newest_hour(output)
        return None if newest is None else newest + HOUR

    def _tables(self, output: str, columns: tuple[str, ...], period: Period) -> Iterator[pa.Table]:
        going = self._going(output)
        for day in period.days():
            folded = self.layout.folded_day(output, day)
            try:
                if not period.covers(day) or folded in going:
                    raise FileNotFoundError
                yield self._kept.read(folded, columns)
            except FileNotFoundError:
                yield from self._hours(output, columns, day, period.hours_of(day))

    def _hours(self, output: str, columns: tuple[str, ...], day: date, hours: Iterable[datetime]) -> Iterator[pa.Table]:
        if not self._day_folder(output, day).is_dir():
            return
        for hour in hours:
            try:
                yield read_file(self.layout.dataset(output) / hour_folder(hour) / OUTPUT, columns)
            except FileNotFoundError:
                continue  # no row in this hour

    def _day_folder(self, output: str, day: date) -> Path:
        return self.layout.dataset(output) / day_folder(day)

    def _going(self, output: str) -> set[Path]:
        """Days that the newest entry takes away: a job that died at it leaves them behind hours that are newer."""
        try:
            head = LogReader(self.layout, output).head()
        except (LogDamaged, OSError):
            head = None
        return set() if head is None else {self.layout.root / path for path in head.deletes}


def read_file(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of one file; those that it lacks are left out. FileNotFoundError where it is not there.

    Read at once: of a small file that takes half the time that opening it by its path takes.
    """
    with pq.ParquetFile(pa.BufferReader(path.read_bytes())) as file:
        return file.read(columns=list(columns), use_threads=False)
