"""Closed days of an output folded into one file each, beside the hours: 365 of them open as fast as 15 days of hours.

`_days/<output>/<yyyy-MM-dd>.parquet` is there only while it equals its hours. It comes and goes through the output's
log: the entry that replaces an hour takes the file of its day away, and a later round makes it again
(docs/decisions/0011-folded-days.md).
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from spark_jobs.diagnosis import StreamFault
from spark_jobs.paths import day_folder, days_below, hour_of_folder
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.log import LogDamaged
from spark_jobs.publication.parquet_files import DamagedParquet, read_parquet, staged_file
from spark_jobs.runtime.writer import Writer

log = logging.getLogger(__name__)

KIND = "days"
_DAYS_PER_ENTRY = 10
_ENTRIES_PER_ROUND = 10
"""of each output: a year that was never folded takes four rounds, and no batch waits for more than one entry"""


class UnreadableHour(StreamFault):
    """A file of an output that is damaged: its day is not folded, all others are."""

    def __init__(self, why: DamagedParquet) -> None:
        super().__init__(f"{why}; analytics_rebuild of its day makes it again", "trigger analytics_rebuild")


def fold_closed_days(outputs: Iterable[PublicationLog], writer: Writer, now: Callable[[], datetime]) -> None:
    """Fold the newest closed days of each output that are not folded: one round of the hourly housekeeping.

    Raises: UnreadableHour, or OSError, for the first of those there are, once all else is folded.
    """
    faults: list[UnreadableHour | OSError] = []
    for output in outputs:
        try:
            days = unfolded(closed_days(output), output)[: _DAYS_PER_ENTRY * _ENTRIES_PER_ROUND]
            for first in range(0, len(days), _DAYS_PER_ENTRY):
                faults += _fold(output, days[first : first + _DAYS_PER_ENTRY], writer, now)
        except LogDamaged as damaged:
            log.warning("no day of %s is folded: %s", output.dataset, damaged)
        except OSError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


def _fold(
    output: PublicationLog, days: Iterable[date], writer: Writer, now: Callable[[], datetime]
) -> list[UnreadableHour | OSError]:
    """Fold these days in one entry; what of them cannot be read."""
    layout, moves, unreadable = output.layout, [], []
    with output.transaction(writer.check) as transaction:
        staging = transaction.new_staging(writer.driver.instance)
        for day in days:
            try:
                rows = rows_of_day(hours_of_day(layout.dataset(output.dataset), day))
            except (UnreadableHour, OSError) as fault:
                unreadable.append(fault)
                continue
            if rows is not None:
                target = layout.folded_day(output.dataset, day)
                moves.append(staged_file(rows, staging / f"{day}.parquet", target, layout.root))
        head = transaction.head
        details = {name: known for name, known in head.details.items() if name != "origin"}
        draft = Entry(
            KIND, head.position, tuple(moves), rows={"written": 0}, writer=writer.as_document(), details=details
        )
        if moves:
            transaction.commit(draft, now())
    return unreadable


def closed_days(output: PublicationLog) -> list[date]:
    """The days before that of the newest hour, newest first. Lists the folders down to the days."""
    return sorted(days_with_hours(output.layout.dataset(output.dataset)), reverse=True)[1:]


def days_with_hours(dataset: Path) -> Iterator[date]:
    """The days that have a folder, in no order."""
    return (day for month in dataset.glob("year=*/month=*") for day in days_below(month))


def unfolded(days: Iterable[date], output: PublicationLog) -> list[date]:
    """Those of the days that are not folded."""
    return [day for day in days if not output.layout.folded_day(output.dataset, day).exists()]


def stale_days(output: PublicationLog, hours: Iterable[datetime]) -> list[str]:
    """The files, relative to the root, that an entry which changes these hours has to take away."""
    days = sorted({hour.astimezone(UTC).date() for hour in hours})
    files = (output.layout.folded_day(output.dataset, day) for day in days)
    return [str(file.relative_to(output.layout.root)) for file in files if file.exists()]


def hours_of_day(dataset: Path, day: date) -> list[Path]:
    """The files of a day's hours, in order."""
    return [file for hour in range(24) for file in (dataset / day_folder(day) / f"hour={hour}").glob("*.parquet")]


def rows_of_day(files: Iterable[Path]) -> pa.Table | None:
    """All rows of these hours, with the partition columns that stand in their paths otherwise.

    None where there are none, or where the hours do not have the same columns: a new formula is on its way.
    """
    tables = [_with_partition(_read(file), file.parent) for file in files]
    if not tables or any(table.schema != tables[0].schema for table in tables):
        return None
    return pa.concat_tables(tables)


def _read(file: Path) -> pa.Table:
    try:
        return read_parquet(file)
    except DamagedParquet as odd:
        raise UnreadableHour(odd) from odd


def _with_partition(table: pa.Table, folder: Path) -> pa.Table:
    hour = hour_of_folder(str(folder))
    values = {"year": hour.year, "month": hour.month, "date": f"{hour:%Y-%m-%d}", "hour": hour.hour}
    for name, value in values.items():
        kind = pa.string() if isinstance(value, str) else pa.int32()
        table = table.append_column(name, pa.array([value] * table.num_rows, kind))
    return table
