"""Closed days in one file: equal to their hours as long as they are there, whatever changes, crashes or starts over."""

import errno
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import copytree

import duckdb
import pytest

from spark_jobs.analytics import folded_days
from spark_jobs.analytics.folded_days import UnreadableHour, closed_days, fold_closed_days
from spark_jobs.drivers import processes
from spark_jobs.maintenance.start_over import start_over
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.rollup.day_rebuild import rebuild_day
from spark_jobs.runtime.dataset import Dataset
from tests.analytics.flow.ingestion import now, tell
from tests.analytics.flow.live import LiveJob
from tests.analytics.tiles import NOON, bikes, tile_table
from tests.publication.small_feed import Killed, dies_at

NAME = "transport_usage_summary"
DAY = timedelta(days=1)
FIRST = NOON.date()


@pytest.fixture
def job(tmp_path: Path) -> LiveJob:
    """Three days with two hours each."""
    job = LiveJob(tmp_path, names=(NAME,))
    starts = [NOON + day * DAY + hour * timedelta(hours=1) for day in range(3) for hour in range(2)]
    job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(start, 7) for start in starts])})
    job.settle()
    return job


def fold(job: LiveJob) -> None:
    fold_closed_days([job.analytics[NAME].log], job.writer, now)


def change(job: LiveJob, at: datetime) -> None:
    """A late event, and what follows from it."""
    job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(at, 3)])})
    job.settle()


def folded(root: Path) -> list[str]:
    return sorted(file.stem for file in (root / "_days" / NAME).glob("*.parquet"))


def rows(pattern: Path) -> list[tuple[object, ...]]:
    columns = "window_start, bike_count, year, month, CAST(date AS VARCHAR), hour"
    query = f"SELECT {columns} FROM read_parquet('{pattern}', hive_partitioning = true) ORDER BY window_start"
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def of_day(root: Path, day: date) -> list[tuple[object, ...]]:
    return rows(root / NAME / f"year={day.year}/month={day.month}/date={day}/hour=*/*.parquet")


def test_a_closed_day_is_one_file_that_equals_its_hours(job: LiveJob, tmp_path: Path) -> None:
    fold(job)
    assert folded(tmp_path) == [str(FIRST), str(FIRST + DAY)]
    for day in folded(tmp_path):
        in_one = rows(tmp_path / "_days" / NAME / f"{day}.parquet")
        assert len(in_one) == 2
        assert in_one == of_day(tmp_path, date.fromisoformat(day))


def test_what_readers_open_holds_each_row_once(job: LiveJob, tmp_path: Path) -> None:
    fold(job)
    assert len(rows(tmp_path / NAME / "**/*.parquet")) == 6


def test_a_late_event_takes_its_day_away_and_the_next_round_brings_it_back(job: LiveJob, tmp_path: Path) -> None:
    fold(job)
    change(job, NOON + timedelta(hours=5))
    assert folded(tmp_path) == [str(FIRST + DAY)]
    fold(job)
    assert rows(tmp_path / "_days" / NAME / f"{FIRST}.parquet") == of_day(tmp_path, FIRST)
    assert len(of_day(tmp_path, FIRST)) == 3


def test_a_crash_between_an_hour_and_its_day_is_mended_by_the_next_start(job: LiveJob, tmp_path: Path) -> None:
    fold(job)
    job.analytics[NAME].log.reached = dies_at("moved")
    with pytest.raises(Killed):
        change(job, NOON)
    assert str(FIRST) in folded(tmp_path), "what this test is about: the day is still there, its hour is new"
    LiveJob(tmp_path, names=(NAME,))
    assert folded(tmp_path) == [str(FIRST + DAY)]


def test_the_fold_changes_nothing_of_where_the_analytic_stands(job: LiveJob, tmp_path: Path) -> None:
    before = job.position(NAME)
    fold(job)
    assert job.position(NAME) == before
    again = LiveJob(tmp_path, names=(NAME,))
    assert again.is_settled(NAME)
    fold(again)
    assert PublicationLog(job.layout, NAME).head() == again.analytics[NAME].log.head()


def test_a_day_whose_hours_have_other_columns_waits(job: LiveJob, tmp_path: Path) -> None:
    hour = next((tmp_path / NAME).glob(f"**/date={FIRST}/hour=*/*.parquet"))
    duckdb.sql(f"COPY (SELECT 1 AS another) TO '{hour}' (FORMAT parquet)")
    fold(job)
    assert folded(tmp_path) == [str(FIRST + DAY)]


def test_a_damaged_hour_is_told_keeps_back_its_day_alone_and_is_made_again_by_a_rebuild(
    job: LiveJob, tmp_path: Path
) -> None:
    newest_closed = FIRST + DAY
    hour = next((tmp_path / NAME).glob(f"**/date={newest_closed}/hour=*/*.parquet"))
    hour.write_bytes(b"not Parquet")
    with pytest.raises(UnreadableHour, match=f"{hour} cannot be read: .* analytics_rebuild of its day"):
        fold(job)
    assert folded(tmp_path) == [str(FIRST)]
    rebuild_day(job.rollup, newest_closed, confirmed=False)
    job.settle()
    fold(job)
    assert rows(tmp_path / "_days" / NAME / f"{newest_closed}.parquet") == of_day(tmp_path, newest_closed)


def test_an_hour_that_the_disk_does_not_give_keeps_back_its_day_alone(
    job: LiveJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = folded_days.hours_of_day

    def unless_newest(dataset: Path, day: date) -> list[Path]:
        if day == FIRST + DAY:
            raise OSError(errno.EACCES, "Permission denied")
        return given(dataset, day)

    monkeypatch.setattr(folded_days, "hours_of_day", unless_newest)
    with pytest.raises(OSError, match="Permission denied"):
        fold(job)
    assert folded(tmp_path) == [str(FIRST)]


def test_a_log_that_cannot_be_read_for_a_moment_is_told_and_keeps_no_other_output_from_being_folded(
    job: LiveJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> None:
        raise OSError(errno.EIO, "Input/output error")

    other = LiveJob(tmp_path / "other", names=(NAME,)).analytics[NAME].log
    other_days = job.layout.dataset(NAME), other.layout.dataset(NAME)
    copytree(*other_days)
    monkeypatch.setattr(other, "newest", unreadable)
    with pytest.raises(OSError, match="Input/output error"):
        fold_closed_days([other, job.analytics[NAME].log], job.writer, now)
    assert folded(tmp_path) == [str(FIRST), str(FIRST + DAY)]


def test_what_somebody_has_put_beside_the_days_and_hours_is_passed_over(job: LiveJob, tmp_path: Path) -> None:
    for folder in sorted((tmp_path / NAME).glob("**/date=*")):
        hour = next(folder.glob("hour=*"))
        copytree(hour, hour.with_name(f"{hour.name}.old"))
        copytree(folder, folder.with_name(f"{folder.name}.old"))
    fold(job)
    assert folded(tmp_path) == [str(FIRST), str(FIRST + DAY)]
    assert len(rows(tmp_path / "_days" / NAME / f"{FIRST}.parquet")) == 2


def test_starting_over_takes_the_days_too(job: LiveJob, tmp_path: Path) -> None:
    fold(job)
    stream = Dataset(NAME, job.analytics[NAME].log, tmp_path / "checkpoints" / NAME)
    start_over([stream])({"stream": NAME, "confirm": NAME}, tell)
    assert folded(tmp_path) == []


def test_what_a_fold_is_staging_is_not_cleared_while_the_query_starts(
    job: LiveJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its entry would promise files that are gone, and the log would be damaged for good."""
    log, is_free = job.analytics[NAME].log, []

    def and_somebody_wants_to_stage(*_: object) -> bool:
        with ThreadPoolExecutor() as housekeeping:
            is_free.append(housekeeping.submit(log.lock.acquire, blocking=False).result())
        return True

    (job.layout.staging(NAME) / "a-driver-before").mkdir(parents=True)
    monkeypatch.setattr(processes, "instance_is_certainly_dead", and_somebody_wants_to_stage)
    job.analytics[NAME].resume()
    assert is_free == [False]


def test_the_day_of_the_newest_hour_is_not_closed(job: LiveJob) -> None:
    assert closed_days(job.analytics[NAME].log) == [FIRST + DAY, FIRST]
