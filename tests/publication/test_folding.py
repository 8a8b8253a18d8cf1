"""Folding: a log stays small, and who follows it learns the same from one entry of an hour as from all of them."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.publication import durable_files, folding
from spark_jobs.publication.commit import CommitConflict, PublicationLog
from spark_jobs.publication.entry import ANEW, CHANGED, FOLDED, LOST, Entry, touched_folders
from spark_jobs.publication.folding import fold
from spark_jobs.publication.log import LogReader
from tests.publication.small_feed import HOUR, MINUTE, NOON, Killed, may_write
from tests.publication.small_log import begun, committed, content, draft, log_at

MONTH = timedelta(days=30)
AT_MINUTE = (10, 20, 65, 110, 130, 140)
"""when entries 1 to 6 are committed: two in each of three hours"""


def details_of(number: int) -> dict[str, Any]:
    """What a rollup's or a feed's entry tells beside its files."""
    lost = [{"topic": "t", "partition": "0", "first": number, "end": number + 1}] if number == 3 else []
    return {CHANGED: {"bike_trips": [f"tile {number}"]}, ANEW: ["taxi_trips"] if number == 2 else [], LOST: lost}


def commit(log: PublicationLog, number: int, minute: int) -> Entry:
    with log.transaction(may_write) as transaction:
        rows = {"written": number, "refused": 1, "total": transaction.head.rows.get("total", 0) + number}
        position = {"reached": number}
        move = (str((transaction.new_staging("w") / "f").relative_to(log.layout.root)), f"bike_trips/hour={number}/f")
        (log.layout.root / move[0]).write_text("x")
        entry = Entry("batch", position, (move,), rows=rows, details=details_of(number))
        return transaction.commit(entry, NOON + minute * MINUTE)


@pytest.fixture
def log(tmp_path: Path) -> PublicationLog:
    """An origin at noon and six entries until 14:20."""
    log = begun(tmp_path)
    for number, minute in enumerate(AT_MINUTE, start=1):
        commit(log, number, minute)
    return log


def seqs(log: PublicationLog) -> list[int]:
    return sorted(log.seqs())


def folded_ranges(log: PublicationLog) -> list[tuple[int, int]]:
    names = sorted(log.folded_path(0).parent.glob("[0-9]*.json"))
    return [(entry.first_seq, entry.seq) for entry in (log.folded(int(name.stem)) for name in names)]


KEPT = {
    "nothing is old enough": (NOON + 59 * MINUTE, timedelta(0), []),
    "the first hour is over": (NOON + HOUR, timedelta(0), [(1, 2)]),
    "and is kept for a while": (NOON + HOUR, MINUTE, []),
    "two hours": (NOON + 2 * HOUR + 30 * MINUTE, timedelta(0), [(1, 2), (3, 4)]),
    "the hour of the head, but not the head": (NOON + 50 * HOUR, 3 * HOUR, [(1, 2), (3, 4), (5, 5)]),
}


@pytest.mark.parametrize(("now", "kept", "expected"), KEPT.values(), ids=KEPT)
def test_whole_old_hours_become_one_entry_each(
    log: PublicationLog, now: Any, kept: timedelta, expected: list[tuple[int, int]]
) -> None:
    planned = fold(log, kept, MONTH, now, dry_run=True)
    assert (seqs(log), folded_ranges(log)) == (list(range(7)), [])
    done = fold(log, kept, MONTH, now)
    assert planned == done == sum(last - first + 1 for first, last in expected)
    assert folded_ranges(log) == expected
    gone = {seq for first, last in expected for seq in range(first, last + 1)}
    assert seqs(log) == sorted(set(range(7)) - gone)


def test_the_log_goes_on_after_folding(log: PublicationLog) -> None:
    fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    for one in (log, log_at(log.layout.root)):
        head = one.head()
        assert head is not None
        assert head.seq == 6
    assert commit(log, 7, 60 * 60).seq == 7
    fold(log, timedelta(0), MONTH, NOON + 100 * HOUR)
    assert folded_ranges(log) == [(1, 2), (3, 4), (5, 5), (6, 6)]
    assert seqs(log) == [0, 7]


def test_a_log_that_never_began_is_left_alone(tmp_path: Path) -> None:
    assert fold(log_at(tmp_path), timedelta(0), MONTH, NOON) == 0


def told(entries: Iterable[Entry]) -> dict[str, Any]:
    """All that a follower learns."""
    listed = list(entries)
    changed: dict[str, set[str]] = {}
    for entry in listed:
        for name, starts in entry.details.get(CHANGED, {}).items():
            changed.setdefault(name, set()).update(starts)
    return {
        "folders": {folder for entry in listed for folder in touched_folders(entry)},
        CHANGED: changed,
        ANEW: {name for entry in listed for name in entry.details.get(ANEW, ())},
        LOST: [lost for entry in listed for lost in entry.details.get(LOST, ())],
        "rows": {name: sum(entry.rows[name] for entry in listed) for name in ("written", "refused")},
        "end": [(entry.seq, entry.position, entry.rows["total"], entry.at) for entry in listed[-1:]],
    }


@pytest.mark.parametrize("after", [0, 2, 4, 5, 6])
def test_folded_entries_tell_the_same(log: PublicationLog, after: int) -> None:
    before = log.since(after, 6)
    fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    since = log.since(after, 6)
    assert before is not None
    assert since is not None
    assert told(since) == told(before)
    assert sum(entry.kind == FOLDED for entry in since) == len([last for last in (2, 4, 5) if last > after])


def test_a_folder_that_only_lost_files_was_touched_too() -> None:
    assert touched_folders(Entry("refresh", {}, (("staged", "a/1"),), ("a/2", "b/1"))) == {"a", "b"}


@pytest.mark.parametrize("after", [1, 3])
def test_who_stands_within_a_folded_hour_is_told_all_of_it(log: PublicationLog, after: int) -> None:
    fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    within, from_its_beginning = log.since(after, 6), log.since(after - 1, 6)
    assert within == from_its_beginning
    assert within is not None
    assert within[0].first_seq == after


def test_entries_that_are_folded_while_they_are_read_are_read_in_their_new_place(
    log: PublicationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read, meanwhile = told(log.since(0, 6) or ()), log.entry, iter([log_at(log.layout.root)])

    def entry(seq: int) -> Entry:
        for owner in meanwhile:
            fold(owner, timedelta(0), MONTH, NOON + 50 * HOUR)
        return read(seq)

    monkeypatch.setattr(log, "entry", entry)
    assert told(log.since(0, 6) or ()) == before


def test_a_death_between_folding_and_removing_is_mended_the_next_time(
    log: PublicationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told(log.since(0, 6) or ())

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(durable_files, "unlink_all", lambda paths: die() if list(paths) else None)
        with pytest.raises(Killed):
            fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    assert (folded_ranges(log), seqs(log)) == ([(1, 2)], list(range(7)))
    assert told(log.since(0, 6) or ()) == before, "nothing is told twice"
    fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    assert (folded_ranges(log), seqs(log)) == ([(1, 2), (3, 4), (5, 5)], [0, 6])
    assert told(log.since(0, 6) or ()) == before


def test_folded_entries_go_with_age_but_never_the_newest(log: PublicationLog) -> None:
    old = NOON + 50 * HOUR
    fold(log, timedelta(0), MONTH, old)
    assert folded_ranges(log) == [(1, 2), (3, 4), (5, 5)]
    assert log.oldest_kept() == 1
    fold(log, timedelta(0), old - NOON - HOUR, old, dry_run=True)
    assert folded_ranges(log) == [(1, 2), (3, 4), (5, 5)]
    fold(log, timedelta(0), old - NOON - HOUR, old)
    assert folded_ranges(log) == [(3, 4), (5, 5)]
    assert (log.oldest_kept(), log.folded_up_to()) == (3, 5)
    assert log.since(1, 6) is None, "what is not kept cannot be told"
    assert log.since(2, 6) is not None
    fold(log, timedelta(0), timedelta(0), old)
    assert folded_ranges(log) == [(5, 5)]


def test_an_hour_of_a_clock_that_was_years_ahead_is_folded_and_goes_with_those_after_it(tmp_path: Path) -> None:
    """Else the log would grow until the clock gets there."""
    log = begun(tmp_path)
    for number, at in enumerate((0, 4 * 365 * 24 * 60, 70, 130, 50 * 60), start=1):
        commit(log, number, at)
    fold(log, 3 * HOUR, MONTH, NOON + 50 * HOUR)
    assert folded_ranges(log) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert seqs(log) == [0, 5]
    fold(log, 3 * HOUR, 48 * HOUR, NOON + 50 * HOUR)
    assert folded_ranges(log) == [(4, 4)]


def test_who_has_all_is_told_of_nothing_and_no_folder_is_listed(
    log: PublicationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder has an entry for each hour of a month, and every stream asks every few seconds."""
    fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    assert log.since(5, 6) is not None
    monkeypatch.delattr(LogReader, "folded_seqs")
    assert log.since(6, 6) == []


def test_a_long_backlog_is_folded_in_rounds_that_may_end_within_an_hour(
    log: PublicationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "AT_MOST", 3)
    before = told(log.since(0, 6) or ())
    late = NOON + 50 * HOUR
    assert [fold(log, timedelta(0), MONTH, late) for _ in range(3)] == [3, 2, 0]
    assert folded_ranges(log) == [(1, 2), (3, 3), (4, 4), (5, 5)]
    assert told(log.since(0, 6) or ()) == before


def test_who_asks_up_to_the_middle_of_a_folded_hour_is_told_of_nothing_rather_than_of_a_part(
    log: PublicationLog,
) -> None:
    """Whoever found the head and then slept for hours asks so."""
    fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    assert log.since(0, 3) is None
    assert log.since(0, 4) is not None


def test_entries_are_removed_oldest_first_so_that_a_death_in_between_leaves_no_hole(
    log: PublicationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[list[Path]] = []
    monkeypatch.setattr(durable_files, "unlink_all", lambda paths: removed.append(list(paths)))
    monkeypatch.setattr(log, "seqs", lambda: iter([6, 2, 5, 0, 1, 4, 3]))
    for _ in range(2):
        fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    assert [log.path(seq) for seq in (1, 2, 3, 4, 5)] in removed
    assert all(paths == sorted(paths) for paths in removed)


@pytest.mark.parametrize("known", [0, 3])
def test_who_has_not_looked_since_before_all_was_folded_finds_the_head(tmp_path: Path, known: int) -> None:
    log, other = begun(tmp_path), log_at(tmp_path)
    for number in range(1, 9):
        if number == known + 1:
            assert other.head() == log.head()
        commit(log, number, number)
    fold(log, timedelta(0), MONTH, NOON + 50 * HOUR)
    assert other.head() == log.head()
    assert commit(other, 9, 200).seq == 9


# -- a number once used is never free again ---------------------------------------------------------------------


def test_a_writer_that_slept_past_folding_declares_nothing_again(log: PublicationLog) -> None:
    root = log.layout.root
    with log.transaction(may_write) as transaction:
        late = draft(transaction, "z", "late")
        other = log_at(root)
        for number in (7, 8, 9):
            commit(other, number, 200)
        fold(other, timedelta(0), MONTH, NOON + 50 * HOUR)
        assert transaction.seq not in seqs(other)
        with pytest.raises(CommitConflict):
            transaction.commit(late, NOON + 51 * HOUR)
    assert seqs(log) == [0, 9]
    assert not (root / "bike_trips" / "z").exists()
    assert committed(log, "z", "again").seq == 10


def test_a_writer_that_slept_through_a_half_done_removal_takes_no_rest_of_it_for_the_head(log: PublicationLog) -> None:
    root = log.layout.root
    committed(log, "z", "old", at=NOON + 2 * HOUR)
    committed(log, "y", "x", deletes="z", at=NOON + 2 * HOUR)
    asleep = log_at(root)
    assert asleep.recover() is not None
    left = log.path(8).read_bytes()
    committed(log, "z", "new", at=NOON + 3 * HOUR)
    fold(log, timedelta(0), MONTH, NOON + 3 * HOUR)
    log.path(8).write_bytes(left)  # the last to be removed: a death came just before
    assert committed(asleep, "a", "woken").seq == 10
    assert content(root).keys() >= {"z", "a"}, "an older entry was applied again"
