"""Day files that were removed or damaged by hand, or whose rows were: made again, or refused."""

import errno
from pathlib import Path
from shutil import rmtree
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_jobs.catalog import ROLLUP
from spark_jobs.diagnosis import StreamFault
from spark_jobs.publication.entry import ANEW
from spark_jobs.rollup.day_files import DayFiles, UnreadableDay
from spark_jobs.rollup.day_rebuild import rebuild_day
from tests.analytics.flow.live import LiveJob
from tests.rollup.events import events
from tests.rollup.four_feeds import ACCIDENTS, BIKES, DAY, HOUR, MINUTE, NOON, TAXIS, counted, job_below, one_of_each


def two_days(root: Path) -> LiveJob:
    job = job_below(root)
    job.take({**one_of_each(), BIKES: events(BIKES, NOON, NOON + MINUTE)})
    job.take(one_of_each(NOON + DAY))
    return job


@pytest.mark.parametrize("comes", [{}, {BIKES: events(BIKES, NOON)}], ids=["nothing new", "a late event of that day"])
def test_a_day_file_that_was_removed_is_made_again_with_its_feed(tmp_path: Path, comes: dict[str, pa.Table]) -> None:
    job = two_days(tmp_path)
    (job.layout.dataset(ROLLUP) / BIKES / "2018-11-04.parquet").unlink()
    job.ingested.take(comes)
    job.rollup.begin()  # without news it is seen at the next start
    job.update()
    assert [counted(job, feed) for feed in one_of_each()] == [3 + len(comes), 2, 2, 2]
    assert job.rollup_head().details[ANEW] == [BIKES]


def test_a_rollup_whose_folder_was_removed_is_made_again(tmp_path: Path) -> None:
    job = two_days(tmp_path)
    rmtree(job.layout.dataset(ROLLUP))
    job.take(one_of_each(NOON + DAY))
    assert [counted(job, feed) for feed in one_of_each()] == [4, 3, 3, 3]


@pytest.mark.parametrize("sees", ["batch", "rebuild"])
def test_a_day_file_that_is_damaged_is_made_again(tmp_path: Path, sees: str) -> None:
    job = two_days(tmp_path)
    file = job.layout.dataset(ROLLUP) / BIKES / "2018-11-04.parquet"
    file.write_bytes(b"not Parquet")
    with pytest.raises(UnreadableDay, match=f"{file} cannot be read") as fault:
        job.tiles.day(BIKES, NOON.date())
    assert fault.value.diagnosis.next_step == "trigger analytics_rebuild from and to 2018-11-04"
    if sees == "rebuild":
        rebuild_day(job.rollup, NOON.date(), confirmed=False)
    job.take(one_of_each())
    assert [counted(job, feed) for feed in one_of_each()] == [4, 3, 3, 3]
    assert ANEW not in job.rollup_head().details


def test_a_day_is_made_again_although_another_days_rows_are_gone(tmp_path: Path) -> None:
    job = two_days(tmp_path)
    rmtree(next(job.ingested.layout.dataset(BIKES).glob("**/date=2018-11-05")))
    (job.layout.dataset(ROLLUP) / BIKES / "2018-11-04.parquet").write_bytes(b"not Parquet")
    job.take(one_of_each())
    assert counted(job, BIKES) == 4
    assert job.rollup.waiting.why == {}


@pytest.mark.parametrize("aside", ["2018-11-04.damaged.parquet", "copy of 2018-11-04.parquet"])
def test_a_day_file_that_was_set_aside_is_missed(tmp_path: Path, aside: str) -> None:
    job = two_days(tmp_path)
    file = job.layout.dataset(ROLLUP) / BIKES / "2018-11-04.parquet"
    file.rename(file.with_name(aside))
    job.take({BIKES: events(BIKES, NOON)})
    assert job.tiles.days(BIKES) == [NOON.date(), (NOON + DAY).date()]
    assert counted(job, BIKES) == 4


def test_a_machine_that_cannot_open_a_file_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, real = two_days(tmp_path), pq.ParquetFile

    def too_many(path: Path, **options: Any) -> pq.ParquetFile:
        if ROLLUP in str(path):
            raise OSError(errno.EMFILE, "Too many open files", str(path))
        return real(path, **options)

    head = job.rollup_head().seq
    with monkeypatch.context() as machine:
        machine.setattr(pq, "ParquetFile", too_many)
        job.tiles = job.rollup.tiles = DayFiles(job.layout.dataset(ROLLUP))
        job.take({BIKES: events(BIKES, NOON)})
        assert "Too many open files" in job.rollup.waiting.why[BIKES].message
        assert job.rollup_head().seq == head
    job.rollup.waiting.look_again()
    job.update()
    assert (counted(job, BIKES), job.rollup.waiting.why) == (4, {})


def test_a_rebuild_refuses_rows_that_are_there_twice(tmp_path: Path) -> None:
    """A small file that was brought back from a backup, beside the one that it was compacted into."""
    job = two_days(tmp_path)
    job.take({BIKES: events(BIKES, NOON)})
    (brought_back, *_) = files = sorted(job.ingested.layout.dataset(BIKES).glob("**/date=2018-11-04/hour=12/*"))
    content = brought_back.read_bytes()
    job.ingested.compact(BIKES)
    job.take({BIKES: events(BIKES, NOON + DAY)})
    assert len(files) == 2
    brought_back.write_bytes(content)
    with pytest.raises(StreamFault, match=r"2 rows below .*hour=12 are there more than once"):
        rebuild_day(job.rollup, NOON.date(), confirmed=True)
    assert counted(job, BIKES) == 5
    brought_back.unlink()
    assert rebuild_day(job.rollup, NOON.date(), confirmed=False) == 0


def test_a_rebuild_counts_the_tiles_that_differ_and_the_last_bit_of_a_sum_is_no_difference(tmp_path: Path) -> None:
    """Sums of the sums of batches: 0.1 + (0.2 + 0.3) is another number than (0.1 + 0.2) + 0.3."""
    job = job_below(tmp_path)
    job.take({TAXIS: events(TAXIS, NOON, NOON + HOUR, price=[0.1, 0.1])})
    job.take({TAXIS: events(TAXIS, *[NOON, NOON + HOUR] * 2, price=[0.2, 0.2, 0.3, 0.3])})
    before = job.tiles_of(TAXIS)
    assert rebuild_day(job.rollup, NOON.date(), confirmed=False) == 0
    assert job.tiles_of(TAXIS).equals(before), "the file was not written again"
    assert job.tiles_of(TAXIS)["price_sum"].to_pylist() == [0.1 + (0.2 + 0.3)] * 2
    job.take_tiles({TAXIS: before.slice(0, 1)})
    assert rebuild_day(job.rollup, NOON.date(), confirmed=True) == 1
    assert job.tiles_of(TAXIS)["ride_count"].to_pylist() == [3, 3]


def test_a_rebuild_of_one_of_two_lost_days_does_not_hide_the_other(tmp_path: Path) -> None:
    job = two_days(tmp_path)
    for file in (job.layout.dataset(ROLLUP) / BIKES).glob("*.parquet"):
        file.unlink()
    rebuild_day(job.rollup, NOON.date(), confirmed=False)
    assert counted(job, BIKES) == 2
    job.rollup.begin()
    job.update()
    assert counted(job, BIKES) == 3


def test_day_files_that_a_rebuild_brings_and_takes_are_not_missed(tmp_path: Path) -> None:
    job = two_days(tmp_path)
    rmtree(next(job.ingested.layout.dataset(ACCIDENTS).glob("**/date=2018-11-04")))
    rebuild_day(job.rollup, NOON.date(), confirmed=True)
    assert job.tiles.days(ACCIDENTS) == [(NOON + DAY).date()]
    head = job.rollup_head().seq
    job.rollup.begin()
    job.update()
    assert job.rollup_head().seq == head
