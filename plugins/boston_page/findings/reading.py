"""Rows of the outputs in a period. Paths come from the calendar, never from a search: a year of hours is 8,760 files.

A closed day is one file where the analytics job has folded it, and then stays in memory.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.kept_days import KeptDays, Part, concatenated, read_file
from boston_page.period import Period
from boston_page.unreadable import UNREADABLE, left_out, why_unreadable
from spark_jobs.arrow_values import instants
from spark_jobs.completeness import HOUR
from spark_jobs.paths import Layout, day_folder, hour_folder, hour_of_folder, newest_hour_folder
from spark_jobs.publication.log import LogDamaged, LogReader

OUTPUT = "data.parquet"


class Outputs:
    """The outputs below ANALYTICS_OUTPUT_PATH, for one question."""

    def __init__(self, layout: Layout, kept: KeptDays) -> None:
        self.layout = layout
        self._kept = kept
        self._unreadable: dict[Path, str] = {}

    @property
    def left_out(self) -> str | None:
        """What could not be read so far, and is not in any rows."""
        return left_out(self._unreadable.values())

    def rows(self, output: str, part: Part, period: Period) -> pa.Table | None:
        """Return the rows of the part whose window starts in the period, in no order; None where there is none."""
        folder, going = self.layout.folded_days(output), self._going(output)
        names = {day: self.layout.folded_day(output, day).name for day in period.days() if period.covers(day)}
        kept, rows = self._kept.read(folder, (name for name in names.values() if folder / name not in going), part)
        unfolded = (day for day in period.days() if names.get(day) not in kept)
        read = dict(self._hours(output, part, period, unfolded))
        found = self._together(read if rows is None else {**read, folder: rows})
        return found if found is not None and found.num_rows else None

    def newest_rows(self, output: str, columns: Sequence[str], period: Period) -> pa.Table | None:
        """Return the rows of the newest window that starts in the period; None where there is none."""
        part = Part(("window_start", *columns))
        for day in reversed(list(period.days())):
            if not self._day_folder(output, day).is_dir():
                continue
            for hour in reversed(list(period.hours_of(day))):
                rows = self.rows(output, part, Period(max(hour, period.start), min(hour + HOUR, period.end)))
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

    def _together(self, read: Mapping[Path, pa.Table]) -> pa.Table | None:
        """One below the other, without the files whose types are not those of most rows."""
        try:
            return concatenated(read.values()) if read else None
        except pa.ArrowException:
            have = Counter[tuple[pa.DataType, ...]]()
            for rows in read.values():
                have[tuple(rows.schema.types)] += rows.num_rows
            ((usual, _),) = have.most_common(1)
            alike = {path: rows for path, rows in read.items() if _fit(rows.schema.types, usual)}
            others = read.keys() - alike.keys()
            self._unreadable.update((path, f"{path} cannot be read: columns of other types") for path in sorted(others))
            return concatenated(alike.values())

    def _hours(self, output: str, part: Part, period: Period, days: Iterable[date]) -> Iterator[tuple[Path, pa.Table]]:
        for day in days:
            if self._day_folder(output, day).is_dir():
                paths = (self.layout.dataset(output) / hour_folder(hour) / OUTPUT for hour in period.hours_of(day))
                found = ((path, self._hour(path, part, period)) for path in paths)
                yield from ((path, rows) for path, rows in found if rows is not None)

    def _hour(self, path: Path, part: Part, period: Period) -> pa.Table | None:
        try:
            return part.of(within(read_file(path, part.columns), period))
        except FileNotFoundError:  # no row in this hour
            return None
        except UNREADABLE as failure:
            self._unreadable[path] = why_unreadable(path, failure)
            return None

    def _day_folder(self, output: str, day: date) -> Path:
        return self.layout.dataset(output) / day_folder(day)

    def _going(self, output: str) -> set[Path]:
        """Days that the newest entry takes away: a job that died at it leaves them behind hours that are newer."""
        try:
            head = LogReader(self.layout, output).head()
        except (LogDamaged, OSError):
            head = None
        return set() if head is None else {self.layout.root / path for path in head.deletes}


def _fit(types: Sequence[pa.DataType], usual: Sequence[pa.DataType]) -> bool:
    """Whether they go together; a column that an older formula did not have is null."""
    return all(one == other or pa.null() in (one, other) for one, other in zip(types, usual, strict=True))


def within(rows: pa.Table, period: Period) -> pa.Table:
    """Return the rows whose window starts in the period."""
    start, (first, end) = rows["window_start"], instants([period.start, period.end])
    return rows.filter(pc.and_(pc.greater_equal(start, first), pc.less(start, end)))
