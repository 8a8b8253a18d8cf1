"""Rows since midnight, counted from the log: also over folded entries, midnight, a restart and a log started over."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import rmtree

from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.folding import fold
from spark_jobs.runtime.rows_today import RowsOfDay, RowsToday

NAME, DAY = "bike_trips", date(2026, 1, 2)
MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)
MONTH = timedelta(days=30)


def begun(root: Path) -> PublicationLog:
    log = PublicationLog(Layout(root), NAME)
    log.begin(Entry("origin", {}, rows={"total": 0}), MIDNIGHT - timedelta(hours=5))
    return log


def add(log: PublicationLog, at: datetime, written: int, refused: int = 0, kind: str = "batch") -> None:
    with log.transaction(lambda: None) as transaction:
        transaction.commit(Entry(kind, {}, rows={"written": written, "refused": refused}), at)


def from_noon_to_noon(log: PublicationLog) -> None:
    """A row before midnight and ten after it, one refused, every half hour."""
    for half_hours in range(-4, 24):
        at = MIDNIGHT + timedelta(minutes=30) * half_hours
        add(log, at, *((1, 0) if half_hours < 0 else (10, 1)))


def test_rows_are_counted_from_midnight_on_and_refused_ones_apart(tmp_path: Path) -> None:
    log = begun(tmp_path)
    counted = RowsToday(log)
    assert counted.count(DAY) == RowsOfDay(DAY)
    from_noon_to_noon(log)
    assert counted.count(DAY) == RowsOfDay(DAY, 240, 24)
    add(log, MIDNIGHT + timedelta(hours=13), 5)
    add(log, MIDNIGHT + timedelta(hours=13), 0, kind="compaction")
    assert counted.count(DAY) == RowsOfDay(DAY, 245, 24)


def test_a_restart_and_a_folding_change_nothing(tmp_path: Path) -> None:
    log = begun(tmp_path)
    from_noon_to_noon(log)
    counted = RowsToday(log)
    before = counted.count(DAY)
    for hours in (3, 7, 13):  # midnight lies among what is folded first
        fold(log, timedelta(0), MONTH, MIDNIGHT + timedelta(hours=hours))
        assert counted.count(DAY) == before
        assert RowsToday(PublicationLog(Layout(tmp_path), NAME)).count(DAY) == before
    add(log, MIDNIGHT + timedelta(hours=13), 5)
    assert counted.count(DAY) == RowsOfDay(DAY, 245, 24)


def test_entries_that_are_folded_together_with_counted_ones_count_once(tmp_path: Path) -> None:
    log, counted = begun(tmp_path), None
    for minutes in range(0, 50, 10):
        add(log, MIDNIGHT + timedelta(minutes=minutes), 10)
        if minutes == 20:
            counted = RowsToday(log)
            counted.count(DAY)
    add(log, MIDNIGHT + timedelta(hours=2), 10)
    fold(log, timedelta(0), MONTH, MIDNIGHT + timedelta(hours=2))
    assert counted is not None
    assert counted.count(DAY) == RowsOfDay(DAY, 60, 0)


def test_another_day_and_another_log_begin_at_none(tmp_path: Path) -> None:
    log = begun(tmp_path)
    from_noon_to_noon(log)
    counted = RowsToday(log)
    counted.count(DAY)
    tomorrow = DAY + timedelta(days=1)
    assert counted.count(tomorrow) == RowsOfDay(tomorrow)
    counted.count(DAY)
    rmtree(log.layout.log(NAME))
    log.forget()
    assert counted.count(DAY) is None
    log.begin(Entry("origin", {}), MIDNIGHT)
    add(log, MIDNIGHT, 7)
    assert counted.count(DAY) == RowsOfDay(DAY, 7)


def test_what_has_no_dead_letters_refuses_nothing_that_could_be_counted(tmp_path: Path) -> None:
    log = begun(tmp_path)
    add(log, MIDNIGHT, 7)
    assert RowsToday(log, has_dead_letters=False).count(DAY) == RowsOfDay(DAY, 7, None)
