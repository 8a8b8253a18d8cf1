"""Compaction: another arrangement of the same rows, whatever comes in between."""

import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_jobs.diagnosis import LeaseLost
from spark_jobs.maintenance.compaction import FolderLeft, closed_folders, compact, compaction, merged
from spark_jobs.paths import Layout
from spark_jobs.runtime.request_queue import Outcome, Refused
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import settings_from
from tests.maintenance.live_feed import BIKES, LiveFeed, may_write, now, put, tell, trip

NINE, TEN, ELEVEN = "2018-01-15 09:{:02}:00", "2018-01-15 10:{:02}:00", "2018-01-15 11:{:02}:00"
STEPS = ("staging", "staged", "declared", "moved", "applied")


class Killed(BaseException):
    """What a kill -9 at a step looks like to the log."""


def two_hours(root: Path, batches: int = 4) -> LiveFeed:
    """Each batch has a trip in each of two hours and a refused message."""
    feed = LiveFeed(root)
    for number in range(batches):
        feed.take([trip(NINE.format(number)), trip(TEN.format(number), bikeid=number), b"{"])
    return feed


def staged_files(feed: LiveFeed) -> list[Path]:
    return list(feed.layout.staging(BIKES.name).glob("**/*.parquet"))


def compacted(live: LiveFeed, later: timedelta = timedelta(hours=2), **arguments: Any) -> Outcome:
    work = compaction(settings_from({}), live.writer, [live.dataset], lambda: now() + later)
    return work(arguments, tell)


def test_closed_hours_become_one_file_each_with_the_same_rows_and_position(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    rows, letters = feed.rows(), feed.rows(feed.layout.dead_letters(BIKES.name))
    assert len(feed.files()) == 12
    outcome = compacted(feed)
    assert feed.rows() == rows
    assert feed.rows(feed.layout.dead_letters(BIKES.name)) == letters
    assert feed.next_offset() == 12
    assert len(feed.files()) == 3
    assert [(line["folders"], line["files"], line["rows"]) for line in outcome.report] == [(3, 12, 12)]
    assert outcome.sentence == "3 folders compacted: 12 files became 3, 12 rows"
    head = feed.log.head()
    assert head is not None
    assert (head.kind, head.seq) == ("compaction", 7)
    assert staged_files(feed) == []


def test_an_hour_with_a_new_file_is_left_alone_until_it_is_closed(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    assert compacted(feed, later=timedelta(minutes=59)).report == []
    assert len(feed.files()) == 12


def test_a_late_file_is_merged_the_next_time(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    compacted(feed)
    feed.take([trip(NINE.format(59))])
    rows = feed.rows()
    assert [len(list(found)) for found in (closed_folders(feed.layout.dataset(BIKES.name), now(), 2),)] == [1]
    compacted(feed)
    assert feed.rows() == rows
    assert len(feed.files()) == 3
    assert compacted(feed).report == []


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_is_mended_by_the_next_start_and_the_next_compaction(step: str, tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    rows = feed.rows()

    def reached(name: str) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        compacted(LiveFeed(tmp_path, reached=reached))
    restarted = LiveFeed(tmp_path)
    assert restarted.rows() == rows
    restarted.take([trip(ELEVEN.format(1))])
    compacted(restarted)
    assert restarted.rows()[:-1] == rows
    assert restarted.next_offset() == 13
    assert len(restarted.files()) == 4


def test_a_disk_that_fails_while_the_entry_is_applied_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = two_hours(tmp_path)
    rows = feed.rows()

    def fails(*_: object) -> bool:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("spark_jobs.publication.durable_files.move", fails)
        with pytest.raises(OSError, match="Input/output error"):
            compacted(feed)
    assert feed.rows() == rows
    compacted(feed)
    assert feed.rows() == rows
    assert len(feed.files()) == 3


def test_a_disk_that_is_full_while_files_are_merged_is_not_left_fuller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = two_hours(tmp_path)
    files = feed.files()

    def fails(*_: object) -> None:
        assert staged_files(feed), "it is being written"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spark_jobs.maintenance.compaction._row_groups", fails)
    with pytest.raises(OSError, match="No space left"):
        compacted(feed)
    assert feed.files() == files
    assert staged_files(feed) == []


def test_a_disk_that_is_full_when_the_entry_is_written_is_not_left_fuller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = two_hours(tmp_path)
    files = feed.files()

    def fails(*_: object) -> bool:
        assert staged_files(feed), "it is to be declared"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spark_jobs.publication.durable_files.create_if_absent", fails)
    with pytest.raises(OSError, match="No space left"):
        compacted(feed)
    assert feed.files() == files
    assert staged_files(feed) == []


@pytest.mark.parametrize("damage", [lambda sound: sound[:3], lambda sound: bytes(200) + sound[200:]])
def test_a_damaged_file_keeps_back_its_own_hour_alone_and_is_told(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    feed = two_hours(tmp_path)
    first, *_ = sorted((feed.layout.dataset(BIKES.name)).glob("**/hour=14/*.parquet"))
    first.write_bytes(damage(first.read_bytes()))
    with pytest.raises(FolderLeft, match=f"{first.parent} is not compacted: .* cannot be read"):
        compacted(feed)
    assert len(feed.files()) == 4 + 1 + 1
    assert list(feed.layout.staging(BIKES.name).glob("*/*")) == []


@pytest.mark.parametrize("folder", [Layout.dataset, Layout.dead_letters])
def test_files_that_were_brought_back_beside_their_merged_one_are_not_merged_with_it(
    folder: Callable[[Layout, str], Path], tmp_path: Path
) -> None:
    feed = two_hours(tmp_path / "live")
    backup = copytree(folder(feed.layout, BIKES.name), tmp_path / "backup")
    compacted(feed)
    copytree(backup, folder(feed.layout, BIKES.name), dirs_exist_ok=True)
    files = feed.files()
    with pytest.raises(FolderLeft, match="is not compacted: 4 rows are there more than once"):
        compacted(feed)
    assert feed.files() == files
    assert staged_files(feed) == []


def test_a_folder_that_is_left_alone_leaves_nothing_staged(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    (nine, *_) = closed_folders(feed.layout.dataset(BIKES.name), now(), 2)
    feed.take([trip(NINE.format(59))])
    assert compact(feed.dataset, nine, feed.writer, now) is None
    assert staged_files(feed) == []


def test_a_batch_between_merging_and_declaring_leaves_the_hour_for_the_next_time(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    (nine, *_) = closed_folders(feed.layout.dataset(BIKES.name), now(), 2)
    feed.take([trip(NINE.format(59)), trip(TEN.format(59))])
    rows = feed.rows()
    assert compact(feed.dataset, nine, feed.writer, now) is None
    assert feed.rows() == rows


def test_a_folder_that_another_driver_compacted_is_left_alone(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    (nine, *_) = closed_folders(feed.layout.dataset(BIKES.name), now(), 2)
    rows = feed.rows()
    compacted(LiveFeed(tmp_path))
    assert compact(feed.dataset, nine, feed.writer, now) is None
    assert feed.rows() == rows


def test_a_file_brought_along_by_hand_under_the_next_number_is_not_written_over(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    (nine, *_) = closed_folders(feed.layout.dataset(BIKES.name), now(), 2)
    with feed.log.transaction(may_write) as transaction:
        by_hand = nine.files[-1].rename(nine.path / transaction.file_name(0))
    rows = feed.rows()
    compacted(feed)
    assert feed.rows() == rows
    assert not by_hand.exists()


@pytest.mark.parametrize("day_file", [Layout.quality_day, Layout.redriven_day])
def test_a_day_file_is_not_merged_with_a_copy_beside_it(
    day_file: Callable[[Layout, str, date], Path], tmp_path: Path
) -> None:
    """Who reads it by its name would find nothing, and take a redriven message once more."""
    feed = two_hours(tmp_path)
    path = put(day_file(feed.layout, BIKES.name, date(2018, 1, 15)))
    copied = path.with_name("copy.parquet")
    for file in (path, copied):
        pq.write_table(pa.table({"kafka_offset": [1]}), file)
    assert compacted(feed).sentence.startswith("3 folders compacted")
    assert path.exists()
    assert copied.exists()


def test_what_somebody_has_put_beside_the_folders_stays_as_it_is(tmp_path: Path) -> None:
    """An entry that named it would stop whoever asks which hours have got rows."""
    feed = two_hours(tmp_path)
    hour = next(feed.layout.dataset(BIKES.name).glob("**/hour=14"))
    stray = copytree(hour.parent, hour.parent.with_name(f"{hour.parent.name}.old"))
    names = sorted(path.name for path in stray.rglob("*.parquet"))
    assert compacted(feed).sentence.startswith("3 folders compacted")
    assert sorted(path.name for path in stray.rglob("*.parquet")) == names


def test_who_lost_the_lease_declares_nothing(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)

    def lease_lost() -> None:
        raise LeaseLost("a newer driver")

    feed.writer = Writer(feed.writer.driver, 1, lease_lost)
    files = feed.files()
    with pytest.raises(LeaseLost):
        compacted(feed)
    assert feed.files() == files


def test_files_with_different_columns_are_not_merged(tmp_path: Path) -> None:
    for name, columns in (("1", {"a": [1]}), ("2", {"a": [1], "b": [2]})):
        pq.write_table(pa.table(columns), tmp_path / name)
    assert merged([tmp_path / "1", tmp_path / "2"], tmp_path / "3") is None


def test_files_that_are_not_ours_keep_back_their_own_folder_alone(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    folder = feed.layout.dataset(BIKES.name) / "year=2017/month=1/date=2017-01-15/hour=9"
    for name in ("a", "b"):
        pq.write_table(pa.table({"n": [1]}), put(folder / f"{name}.parquet"))
    with pytest.raises(FolderLeft, match="its files have no kafka_offset"):
        compacted(feed)
    assert len(list(folder.iterdir())) == 2
    assert len(feed.files()) == 2 + 2 + 1, "two foreign ones, two hours and the dead letters"


def test_rows_are_merged_in_the_order_in_which_they_came_in_few_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spark_jobs.maintenance.compaction._ROWS_AT_ONCE", 10)
    files = [tmp_path / f"{number}.parquet" for number in range(8)]
    for number, file in enumerate(files):
        pq.write_table(pa.table({"n": range(3 * number, 3 * number + 3)}), file)
    assert merged(files, tmp_path / "all.parquet") == 24
    written = pq.ParquetFile(tmp_path / "all.parquet")
    assert written.read()["n"].to_pylist() == list(range(24))
    assert [written.metadata.row_group(n).num_rows for n in range(written.num_row_groups)] == [12, 12]


def test_one_feed_or_a_limited_time_can_be_asked_for(tmp_path: Path) -> None:
    feed = two_hours(tmp_path)
    outcome = compacted(feed, most_minutes=0)
    assert outcome.sentence.endswith("; 3 folders are left for the next run")
    with pytest.raises(Refused, match="there are bike_trips"):
        compacted(feed, feed="taxis")
    assert len(compacted(feed, feed="bike_trips").report) == 1


def test_files_are_taken_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["9-0", "9-1", "10-0-0a1b2c3d", "10-1-12345678", "11-0", "odd"]  # v0.1 gave two numbers only
    for name in reversed(names):
        (tmp_path / f"{name}.parquet").touch()
    os.utime(tmp_path, (0, 0))
    (folder,) = closed_folders(tmp_path, now(), 2)
    assert [path.stem for path in folder.files] == names
