"""Partition folders: those that are called as ours are, whatever somebody has put beside them."""

from datetime import date
from pathlib import Path

from spark_jobs.paths import days_below, newest_hour_folder, oldest_hour_folder

STRAY = ("date=2026-01-01.old", "date=20260103", "date=2026-13-01", "date=", "date=2026-01-02 (copy)")


def test_days_are_those_that_have_a_folder_of_ours(tmp_path: Path) -> None:
    for name in ("date=2026-01-02", "date=2026-01-01", *STRAY):
        (tmp_path / name).mkdir()
    assert days_below(tmp_path) == [date(2026, 1, 1), date(2026, 1, 2)]
    assert days_below(tmp_path / "nowhere") == []


def test_the_first_and_the_last_hour_are_folders_of_ours(tmp_path: Path) -> None:
    month = tmp_path / "year=2026" / "month=1"
    first, last = month / "date=2026-01-01" / "hour=9", month / "date=2026-01-02" / "hour=10"
    strays = [month / name for name in STRAY]
    strays += [tmp_path / "year=2025.old", month.with_name("month=x"), first.with_name("hour=9.old")]
    for folder in (first, last, *strays, last.with_name("hour=24"), last.with_name("hour=")):
        folder.mkdir(parents=True)
    assert (oldest_hour_folder(tmp_path), newest_hour_folder(tmp_path)) == (first, last)
