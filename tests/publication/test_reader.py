"""Following a feed: an increment is exactly the rows between two positions, whatever is done to the files meanwhile."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from spark_jobs.publication.entry import Entry
from spark_jobs.publication.log import LogDamaged, Origin
from spark_jobs.publication.reader import DatasetReader, Position
from tests.publication.small_feed import (
    FEED,
    HOUR,
    HOURS,
    NOON,
    TOPIC,
    Follower,
    Killed,
    SmallFeed,
    data_files,
    dies_at,
    folder_of,
    may_write,
    read_by_sql,
    rows_in,
    rows_within,
)


@pytest.fixture
def feed(tmp_path: Path) -> SmallFeed:
    return SmallFeed(tmp_path).begin()


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path)


def assert_exact(follower: Follower, bounds: dict[int, tuple[int, int]]) -> None:
    """The follower's next increment is the rows within these bounds, once each."""
    increment = follower.next()
    assert dict(increment.bounds) == bounds
    assert read_by_sql(increment) == rows_within(bounds)
    assert increment.rows == len(rows_within(bounds))
    assert not follower.reader.disturbed(increment)


def test_nothing_is_there_to_follow_before_the_first_entry(tmp_path: Path) -> None:
    reader = DatasetReader(tmp_path, FEED)
    assert reader.position() is None
    assert reader.since(None) is None
    assert reader.end_offsets_at_origin() == {}


def test_increments_follow_each_other_without_gap_or_overlap(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 7, 1: 2})
    assert_exact(follower, {0: (0, 7), 1: (0, 2)})
    feed.take({0: 1})
    assert_exact(follower, {0: (7, 8)})
    feed.take({1: 30})
    feed.take({0: 5, 1: 5})
    assert_exact(follower, {0: (8, 13), 1: (2, 37)})
    assert_exact(follower, {})


def test_an_increment_names_only_the_files_that_came(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 30})
    before = set(follower.next().files)
    feed.take({0: 3})
    assert len(follower.next().files) == 3
    assert len(before) == 3


def test_where_nothing_is_new_there_is_nothing_to_read(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 5})
    follower.next()
    increment = follower.next()
    assert (increment.files, increment.rows, increment.where) == ([], 0, "false")


def test_a_partition_that_appears_later_begins_where_its_messages_do(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 5})
    follower.next()
    feed.take({0: 1, 2: 12})
    assert_exact(follower, {0: (5, 6), 2: (0, 12)})


def test_refused_messages_move_the_position_and_are_no_rows(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 9})
    follower.next()
    assert feed.take({0: 1}).rows["refused"] == 1
    increment = follower.next()
    assert (dict(increment.bounds), increment.rows, increment.files) == ({0: (9, 10)}, 0, [])
    assert_exact(follower, {})


def test_dead_letters_neither_count_nor_disturb(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 10})
    increment = follower.next()
    assert increment.rows == 9
    assert set(increment.by_folder) == {folder_of(hour) for hour in HOURS}
    letters = [target for _, target in feed.head().moves if target.startswith("_dead_letters")]
    with feed.log.transaction(may_write) as transaction:
        head = transaction.head
        transaction.commit(Entry("cleanup", head.position, deletes=tuple(letters), rows={"total": 9}), NOON)
    assert not follower.reader.disturbed(increment)
    assert_exact(follower, {})


def test_a_position_survives_as_json(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 5})
    position = follower.next().position
    assert Position.from_document(json.loads(json.dumps(position.as_document()))) == position
    assert position.rows == 5
    assert position.is_behind({"0": 6})
    assert position.is_behind({"7": 1})
    assert not position.is_behind({"0": 5, "1": 0})


def test_the_log_says_what_the_broker_held_when_it_began(tmp_path: Path) -> None:
    SmallFeed(tmp_path).begin(end_offsets={"0": 7})
    assert DatasetReader(tmp_path, FEED).end_offsets_at_origin() == {"0": 7}


def test_a_batch_that_comes_while_the_log_is_looked_at_is_left_to_the_next_increment(
    feed: SmallFeed, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.take({0: 7})
    follower.next()
    feed.take({0: 2})
    log, batches = follower.reader.log, iter([{0: 3}])
    look = log.newest

    def and_a_batch_comes() -> tuple[Origin, Entry] | None:
        found = look()
        for batch in batches:
            feed.take(batch)
        return found

    monkeypatch.setattr(log, "newest", and_a_batch_comes)
    assert_exact(follower, {0: (7, 9)})
    assert_exact(follower, {0: (9, 12)})


# -- compaction -------------------------------------------------------------------------------------------------


def test_files_compacted_between_entry_and_read_are_read_where_their_rows_went(
    feed: SmallFeed, follower: Follower
) -> None:
    feed.take({0: 7})
    follower.next()
    feed.take({0: 7, 1: 7})
    feed.compact(10)
    feed.take({1: 7})
    feed.compact(9)
    assert_exact(follower, {0: (7, 14), 1: (0, 14)})


def test_files_compacted_after_they_were_listed_are_missed_and_the_next_list_has_them(
    feed: SmallFeed, follower: Follower
) -> None:
    feed.take({0: 8})
    feed.take({0: 8})
    increment = follower.next()
    feed.compact(9)
    with pytest.raises(FileNotFoundError):
        _ = [rows_in(file) for file in increment.files]
    lost = follower.reader.disturbed(increment)
    assert lost == {folder_of(9)}
    again = follower.reader.again(increment, lost)
    assert set(again.by_folder) == lost
    kept = replace(increment, by_folder={name: f for name, f in increment.by_folder.items() if name not in lost})
    assert sorted(read_by_sql(kept) + read_by_sql(again)) == rows_within({0: (0, 16)})
    assert not follower.reader.disturbed(again)


def test_files_listed_between_a_compactions_moves_and_deletes_are_found_out(
    feed: SmallFeed, follower: Follower, tmp_path: Path
) -> None:
    feed.take({0: 8})
    feed.take({0: 8})
    listed: list[set[str]] = []

    def meanwhile(step: str) -> None:
        if step == "moved":
            listed.append({str(path) for path in (tmp_path / FEED).glob("hour=9/*.parquet")})

    before = follower.reader.since(None)
    assert before is not None
    SmallFeed(tmp_path, meanwhile).compact(9)
    (both,) = listed
    assert len(both) == 3, "the merged file and both of its sources"
    mixed = replace(before, by_folder={**before.by_folder, folder_of(9): tuple(map(Path, sorted(both)))})
    assert follower.reader.disturbed(mixed) == {folder_of(9)}
    assert_exact(follower, {0: (0, 16)})


@pytest.mark.parametrize("step", ["declared", "moved"])
@pytest.mark.parametrize("from_start", [True, False])
def test_a_compaction_whose_writer_died_and_stays_away_is_read_as_if_it_was_done(
    feed: SmallFeed, follower: Follower, tmp_path: Path, step: str, from_start: bool
) -> None:
    feed.take({0: 8})
    if not from_start:
        follower.next()
    feed.take({0: 8})
    with pytest.raises(Killed):
        SmallFeed(tmp_path, dies_at(step)).compact(9)
    assert_exact(follower, {0: (0 if from_start else 8, 16)})
    assert_exact(follower, {})
    SmallFeed(tmp_path).take({0: 4})
    assert_exact(follower, {0: (16, 20)})


@pytest.mark.parametrize("step", ["declared", "half moved", "moved"])
@pytest.mark.parametrize("from_start", [True, False])
def test_a_batch_whose_writer_died_and_stays_away_is_read_from_staging(
    feed: SmallFeed, follower: Follower, tmp_path: Path, step: str, from_start: bool
) -> None:
    if not from_start:
        follower.next()
    with pytest.raises(Killed):
        SmallFeed(tmp_path, dies_at(step)).take({0: 8})
    assert_exact(follower, {0: (0, 8)})


# -- old positions ----------------------------------------------------------------------------------------------


def several_hours(feed: SmallFeed, hours: int = 4) -> None:
    """Two batches in each hour, and a compaction in the second."""
    for hour in range(hours):
        feed.now = NOON + hour * HOUR
        feed.take({0: 4})
        feed.take({0: 2, 1: 3})
        if hour == 1:
            feed.compact(HOURS[0])


def test_a_position_within_a_folded_hour_goes_on_where_it_was(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 4})
    follower.next()
    several_hours(feed)
    feed.now = NOON + 10 * HOUR
    feed.fold()
    assert len(list(feed.log.folded_seqs())) == 4
    entries = follower.reader.log.since(1, feed.head().seq)
    assert entries is not None
    assert entries[0].first_seq == 1, "it begins before"
    assert_exact(follower, {0: (4, 28), 1: (0, 12)})


def test_of_a_folded_hour_only_the_folders_that_changed_are_read(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 12})
    feed.now += HOUR
    feed.take({0: 1})
    follower.next()
    feed.take({0: 1})
    feed.now += HOUR
    feed.take({1: 1})
    feed.fold()
    assert feed.log.folded_up_to() == 3
    increment = follower.next()
    assert set(increment.by_folder) == {folder_of(9), folder_of(10)}, "9 is the hour of the row before"
    assert read_by_sql(increment) == rows_within({0: (13, 14), 1: (0, 1)})


def test_a_position_older_than_the_kept_entries_is_read_by_offset_from_all_files(
    feed: SmallFeed, follower: Follower
) -> None:
    feed.take({0: 4})
    follower.next()
    several_hours(feed)
    feed.now = NOON + 10 * HOUR
    feed.fold(folded_kept=timedelta(0))
    assert follower.reader.log.since(1, feed.head().seq) is None
    assert_exact(follower, {0: (4, 28), 1: (0, 12)})


def test_a_compaction_during_the_read_is_found_out_though_it_is_folded_by_now(
    feed: SmallFeed, follower: Follower
) -> None:
    feed.take({0: 8})
    feed.take({0: 8})
    increment = follower.next()
    feed.compact(9)
    feed.take({0: 3})
    feed.now += 2 * HOUR
    feed.fold()
    assert feed.log.folded_up_to() == 3
    assert follower.reader.disturbed(increment) >= {folder_of(9)}


def test_what_cannot_be_told_of_any_more_is_disturbed(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 8})
    increment = follower.next()
    several_hours(feed)
    feed.now = NOON + 10 * HOUR
    feed.fold(folded_kept=timedelta(0))
    assert follower.reader.disturbed(increment) == set(increment.by_folder)


def test_the_rows_before_a_position_are_those_of_some_folders(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 8, 1: 3})
    position = follower.next().position
    feed.take({0: 8})
    feed.compact(9)
    below = follower.reader.below(position, [folder_of(9)])
    of_nine = [row for row in rows_within({0: (0, 8), 1: (0, 3)}) if sum(row) % 3 == 0]
    assert read_by_sql(below) == of_nine
    assert (below.rows, below.position) == (None, position)


# -- logs that were started over, restored, or removed ----------------------------------------------------------


def test_a_log_that_was_started_over_does_not_hold_the_position(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 4})
    position = follower.next().position
    assert follower.reader.holds(position)
    (feed.root / "_log" / FEED).rename(feed.root / "removed")
    with pytest.raises(LogDamaged, match="was removed"):
        follower.reader.since(position)
    assert not follower.reader.holds(position), "nothing is there"
    again = SmallFeed(feed.root).begin()
    again.take({0: 4})
    again.take({0: 4})
    for reader in (follower.reader, DatasetReader(feed.root, FEED)):
        assert not reader.holds(position)
        with pytest.raises(ValueError, match="started over or restored"):
            reader.since(position)
    newest = follower.reader.position()
    assert newest is not None
    assert newest.log != position.log


def ahead_by_entry(position: Position) -> Position:
    return replace(position, seq=position.seq + 1)


def ahead_by_offset(position: Position) -> Position:
    return replace(position, next_offset={**position.next_offset, "0": position.next_offset["0"] + 1})


def of_a_partition_more(position: Position) -> Position:
    return replace(position, next_offset={**position.next_offset, "5": 1})


@pytest.mark.parametrize("changed", [ahead_by_entry, ahead_by_offset, of_a_partition_more])
def test_a_position_beyond_the_head_is_not_held(
    feed: SmallFeed, follower: Follower, changed: Callable[[Position], Position]
) -> None:
    feed.take({0: 4})
    position = changed(follower.next().position)
    assert not follower.reader.holds(position)
    with pytest.raises(ValueError, match="started over or restored"):
        follower.reader.since(position)


@pytest.mark.parametrize("is_folded", [False, True])
def test_a_restored_log_that_went_past_the_position_on_other_steps_gives_all_rows(
    feed: SmallFeed, follower: Follower, is_folded: bool
) -> None:
    feed.take({0: 4})
    feed.take({0: 4})
    follower.next()
    for path in (feed.log.path(2), *feed.root.glob(f"{FEED}/*/2-*.parquet")):
        path.unlink()  # a backup from before is brought back
    again = SmallFeed(feed.root)
    again.take({0: 20})
    again.now += HOUR
    again.take({0: 1})
    if is_folded:
        again.fold()
        assert again.log.folded_up_to() == 2
    assert_exact(follower, {0: (8, 25)})


# -- logs of v0.1 -----------------------------------------------------------------------------------------------


def log_of_v01(root: Path) -> SmallFeed:
    """No name, no count of rows, a marker for each entry; compacted once."""
    feed = SmallFeed(root, counts_rows=False).begin()
    document = json.loads(feed.log.path(0).read_bytes())
    del document["origin"]
    feed.log.path(0).write_text(json.dumps(document))
    several_hours(feed, 2)
    feed.log.applied_path.unlink()
    markers = root / "_applied" / FEED
    markers.mkdir(parents=True)
    for seq in feed.log.seqs():
        (markers / feed.log.path(seq).name).write_text(json.dumps({"schema_version": 1, "seq": seq}))
    return SmallFeed(root, now=NOON + 2 * HOUR)


def count_rows(feed: SmallFeed) -> None:
    """What ingestion does at its first start."""
    with feed.log.transaction(may_write) as transaction:
        rows = {"written": 0, "refused": 0, "total": sum(len(rows_in(feed.root / f)) for f in data_files(feed.root))}
        transaction.commit(Entry("skip", transaction.head.position, rows=rows), feed.now)


def test_a_log_of_v01_is_folded_and_followed(tmp_path: Path, follower: Follower) -> None:
    feed = log_of_v01(tmp_path)
    increment = follower.next()
    everything = {0: (0, 12), 1: (0, 6)}
    assert read_by_sql(increment) == rows_within(everything)
    assert increment.rows is None, "nobody has counted"
    assert increment.position.rows is None
    feed.take({0: 3})
    assert_exact(follower, {0: (12, 15)})
    count_rows(feed)
    feed.take({0: 3})
    assert_exact(follower, {0: (15, 18)})
    assert follower.next().position.rows == len(rows_within({0: (0, 18), 1: (0, 6)}))
    feed.now += 5 * HOUR
    feed.fold()
    assert len(list(feed.log.folded_seqs())) == 3
    assert SmallFeed(tmp_path).take({1: 6}).seq == 9
    assert_exact(follower, {1: (6, 12)})
    assert follower.reader.holds(increment.position), "the log has kept its name"


def test_a_log_of_v01_whose_old_entries_are_gone_without_a_trace_is_folded_and_followed(
    tmp_path: Path, follower: Follower
) -> None:
    feed = log_of_v01(tmp_path)
    early = Position(follower.next().position.log, 1, {"0": 4, "1": 0})
    for seq in (1, 2):
        feed.log.path(seq).unlink()
    count_rows(feed)
    feed.now += 5 * HOUR
    feed.fold()
    assert [entry.first_seq for entry in follower.reader.log.since(2, 6) or ()] == [3, 6]
    follower.position = early
    increment = follower.next()
    assert read_by_sql(increment) == rows_within({0: (4, 12), 1: (0, 6)})
    assert increment.rows is None


def test_how_many_rows_a_part_of_a_folded_hour_of_v01_has_nobody_knows(tmp_path: Path, follower: Follower) -> None:
    feed = SmallFeed(tmp_path, counts_rows=False).begin()
    feed.take({0: 4})
    follower.next()
    feed.take({0: 4})
    feed.now += HOUR
    feed.take({0: 4})
    feed.fold()
    increment = follower.next()
    assert increment.rows is None
    assert read_by_sql(increment) == rows_within({0: (4, 12)})


def test_the_topics_name_does_not_matter(feed: SmallFeed, follower: Follower) -> None:
    feed.take({0: 4})
    assert list(feed.head().position) == [TOPIC]
    assert follower.next().position.next_offset == {"0": 4, "1": 0}
