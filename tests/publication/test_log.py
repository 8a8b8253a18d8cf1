"""The publication log: an entry is created once, applied by whoever finds it, and repeating anything is harmless."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.paths import Layout
from spark_jobs.publication.log import Entry, LogDamaged, PublicationLog, entry_from_json, entry_json

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """What a kill -9 at a step looks like to the log."""


def log_at(root: Path, dies_at: str | None = None) -> PublicationLog:
    def reached(step: str) -> None:
        if step == dies_at:
            raise Killed

    return PublicationLog(Layout(root), "bike_trips", reached)


def with_origin(root: Path) -> PublicationLog:
    log = log_at(root)
    log.declare_origin(Entry("origin", {"reached": 0}), NOW)
    return log


def staging_of(root: Path, writer: str, names: list[str], position: int) -> Callable[[Entry], Entry | None]:
    """A writer that brings its files in, unless the log is already at its position."""

    def stage(head: Entry) -> Entry | None:
        if head.position["reached"] >= position:
            return None
        folder = root / "_staging" / "bike_trips" / writer
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).write_text(f"{writer} {name}")
        moves = tuple((f"_staging/bike_trips/{writer}/{name}", f"bike_trips/{name}") for name in names)
        return Entry("batch", {"reached": position}, moves, rows={"written": len(names)})

    return stage


def published(log: PublicationLog, stage: Callable[[Entry], Entry | None]) -> Entry | None:
    return log.publish(stage, lambda: None, lambda: NOW)


def content(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / "bike_trips").glob("**/*") if path.is_file()}


def test_an_entry_reads_back_as_it_was_written() -> None:
    entry = Entry("batch", {"t": {"0": 1}}, (("a", "b"),), ("c",), {"written": 1}, {"pid": 1}, {"changed": []}, 3, "x")
    assert entry_from_json(entry_json(entry)) == entry


def test_a_publication_moves_files_and_position_together(tmp_path: Path) -> None:
    log = with_origin(tmp_path)
    entry = published(log, staging_of(tmp_path, "a", ["1", "2"], position=10))
    assert entry is not None
    assert entry.seq == 1
    assert content(tmp_path) == {"1": "a 1", "2": "a 2"}
    assert published(log, staging_of(tmp_path, "a", ["3"], position=10)) is None


@pytest.mark.parametrize("step", ["staging", "staged", "declared", "half moved", "moved", "applied"])
def test_a_death_at_any_step_leaves_each_file_once_after_the_next_start(tmp_path: Path, step: str) -> None:
    with_origin(tmp_path)
    with pytest.raises(Killed):
        published(log_at(tmp_path, dies_at=step), staging_of(tmp_path, "a", ["1", "2", "3"], position=10))
    next_start = log_at(tmp_path)
    next_start.recover()
    published(next_start, staging_of(tmp_path, "b", ["1", "2", "3"], position=10))
    assert sorted(content(tmp_path)) == ["1", "2", "3"]
    head = next_start.head()
    assert head is not None
    assert (head.seq, head.position) == (1, {"reached": 10})


def test_of_two_writers_of_one_entry_one_is_told_no_and_looks_again(tmp_path: Path) -> None:
    slow, fast = with_origin(tmp_path), log_at(tmp_path)
    first = staging_of(tmp_path, "slow", ["1"], position=10)

    def overtaken(head: Entry) -> Entry | None:
        draft = first(head)
        published(fast, staging_of(tmp_path, "fast", ["1"], position=10))
        return draft

    assert published(slow, overtaken) is None
    assert content(tmp_path) == {"1": "fast 1"}


def test_many_threads_with_logs_of_their_own_number_their_entries_without_gap(tmp_path: Path) -> None:
    with_origin(tmp_path)

    def write(writer: str) -> None:
        log = log_at(tmp_path)
        for number in range(20):

            def stage(head: Entry, name: str = f"{writer}-{number}") -> Entry:
                position = head.position["reached"] + 1
                draft = staging_of(tmp_path, writer, [name], position)(head)
                assert draft is not None
                return draft

            published(log, stage)

    threads = [threading.Thread(target=write, args=[writer]) for writer in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    head = log_at(tmp_path).head()
    assert head is not None
    assert (head.seq, head.position["reached"]) == (80, 80)
    assert len(content(tmp_path)) == 80


def test_who_may_not_write_any_more_declares_nothing(tmp_path: Path) -> None:
    log = with_origin(tmp_path)

    def lease_lost() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        log.publish(staging_of(tmp_path, "a", ["1"], 10), lease_lost, lambda: NOW)
    head = log_at(tmp_path).head()
    assert head is not None
    assert head.seq == 0


def test_an_entry_applied_by_another_and_compacted_since_is_left_alone(tmp_path: Path) -> None:
    with_origin(tmp_path)
    with pytest.raises(Killed):
        published(log_at(tmp_path, dies_at="half moved"), staging_of(tmp_path, "a", ["1", "2"], position=10))
    asleep = log_at(tmp_path).entry(1)

    other = log_at(tmp_path)
    other.recover()
    (tmp_path / "bike_trips" / "2").unlink()  # a later compaction took it into another file
    log_at(tmp_path).apply(asleep)
    assert content(tmp_path) == {"1": "a 1"}


def test_a_promised_file_that_was_removed_by_hand_is_told(tmp_path: Path) -> None:
    with_origin(tmp_path)
    with pytest.raises(Killed):
        published(log_at(tmp_path, dies_at="declared"), staging_of(tmp_path, "a", ["1"], position=10))
    (tmp_path / "_staging" / "bike_trips" / "a" / "1").unlink()
    with pytest.raises(LogDamaged, match="promises bike_trips/1"):
        log_at(tmp_path).recover()


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "null", '{"seq": 0}'])
def test_an_entry_that_is_none_is_told_by_its_name(content: str, tmp_path: Path) -> None:
    with_origin(tmp_path)
    (tmp_path / "_log" / "bike_trips" / f"{1:020}.json").write_text(content)
    with pytest.raises(LogDamaged, match=f"{1:020}.json is no log entry"):
        log_at(tmp_path).recover()


def test_a_log_removed_under_a_running_job_is_told(tmp_path: Path) -> None:
    log = with_origin(tmp_path)
    (tmp_path / "_log" / "bike_trips" / f"{0:020}.json").unlink()
    with pytest.raises(LogDamaged, match="was removed while the job runs"):
        log.head()
    assert log.head() is None


def test_an_older_log_that_was_restored_counts(tmp_path: Path) -> None:
    log = with_origin(tmp_path)
    published(log, staging_of(tmp_path, "a", ["1"], position=10))
    (tmp_path / "_log" / "bike_trips" / f"{1:020}.json").unlink()
    with pytest.raises(LogDamaged):
        log.head()
    head = log.head()
    assert head is not None
    assert head.seq == 0


def test_deletes_take_the_files_and_their_empty_folders(tmp_path: Path) -> None:
    log = with_origin(tmp_path)
    folder = tmp_path / "bike_trips" / "year=2018" / "hour=1"
    folder.mkdir(parents=True)
    (folder / "data.parquet").write_text("old")
    published(log, lambda _: Entry("refresh", {"reached": 1}, deletes=("bike_trips/year=2018/hour=1/data.parquet",)))
    assert not (tmp_path / "bike_trips" / "year=2018").exists()


def test_a_log_whose_beginning_was_cleaned_up_goes_on_and_its_old_entries_count_as_applied(tmp_path: Path) -> None:
    log = with_origin(tmp_path)
    for number in range(1, 6):
        published(log, staging_of(tmp_path, "a", [str(number)], position=number))
    asleep = log.entry(2)
    with pytest.raises(Killed):
        published(log_at(tmp_path, dies_at="declared"), staging_of(tmp_path, "b", ["6"], position=6))
    old = log.old_documents(up_to=99)
    assert content(tmp_path).keys() == set("123456"), "what a crash left unapplied is applied before"
    assert sorted(int(path.stem) for path in old) == sorted([1, 2, 3, 4, 5] * 2)
    assert {path.parent.parent.name for path in old[:5]} == {"_log"}, "an entry goes before its marker"
    for path in old:
        path.unlink()

    (tmp_path / "bike_trips" / "2").unlink()  # compacted since
    log_at(tmp_path).apply(asleep)
    fresh = log_at(tmp_path)
    assert sorted(fresh.seqs()) == [0, 6]
    assert published(fresh, staging_of(tmp_path, "c", ["7"], position=7)) is not None
    assert sorted(content(tmp_path)) == ["1", "3", "4", "5", "6", "7"]
