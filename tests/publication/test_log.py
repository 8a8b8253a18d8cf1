"""The publication log: entries are created once, in order, by one writer at a time; who only looks waits for nobody."""

import json
import threading
from pathlib import Path
from secrets import token_hex

import pytest

from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files
from spark_jobs.publication.commit import CommitConflict, PublicationLog
from spark_jobs.publication.entry import Entry, decode_entry, encode_entry
from spark_jobs.publication.log import LogDamaged, Origin
from tests.publication.small_feed import FEED, NOON, may_write, when
from tests.publication.small_log import begun, committed, content, draft, head_of, log_at


def test_an_entry_reads_back_as_it_was_written() -> None:
    entry = Entry("batch", {"t": {"0": 1}}, (("a", "b"),), ("c",), {"written": 1}, {"pid": 1}, {"changed": []}, 3, "x")
    assert decode_entry(encode_entry(entry)) == entry


def test_a_commit_brings_files_and_position_together_and_leaves_nothing_staged(tmp_path: Path) -> None:
    entry = committed(begun(tmp_path), "ab", "new")
    assert (entry.seq, entry.at) == (1, NOON.isoformat())
    assert content(tmp_path) == {"a": "new", "b": "new"}
    assert head_of(tmp_path).position == {"reached": 1}
    assert list((tmp_path / "_staging" / FEED / "writer").iterdir()) == []


def test_what_is_staged_and_not_committed_changes_nothing(tmp_path: Path) -> None:
    log = begun(tmp_path)
    with log.transaction(may_write) as transaction:
        draft(transaction, "a", "dropped")
    assert content(tmp_path) == {}
    assert head_of(tmp_path).seq == 0
    assert committed(log, "a", "kept").seq == 1


def test_who_begins_a_log_that_another_has_begun_gets_that_one(tmp_path: Path) -> None:
    committed(begun(tmp_path), "a", "x")
    first = log_at(tmp_path).origin()
    assert log_at(tmp_path).begin(Entry("origin", {"reached": 99}), NOON).position == {"reached": 1}
    assert log_at(tmp_path).origin() == first


def test_of_two_writers_of_one_entry_the_slower_is_told_and_its_files_stay_out(tmp_path: Path) -> None:
    slow, fast = begun(tmp_path), log_at(tmp_path)
    with slow.transaction(may_write) as transaction:
        entry = draft(transaction, "a", "slow")
        committed(fast, "a", "fast")
        with pytest.raises(CommitConflict, match="bike_trips was faster with entry 1"):
            transaction.commit(entry, NOON)
    assert content(tmp_path) == {"a": "fast"}
    assert committed(slow, "b", "slow").seq == 2


def test_who_may_not_write_any_more_declares_nothing(tmp_path: Path) -> None:
    log = begun(tmp_path)

    def lease_lost() -> None:
        raise PermissionError

    with pytest.raises(PermissionError), log.transaction(lease_lost) as transaction:
        transaction.commit(draft(transaction, "a", "x"), NOON)
    assert head_of(tmp_path).seq == 0
    assert content(tmp_path) == {}


def test_a_log_without_a_first_entry_takes_no_other(tmp_path: Path) -> None:
    with pytest.raises(LogDamaged, match="has no first entry"), log_at(tmp_path).transaction(may_write):
        pass


def test_many_writers_number_their_entries_without_gap(tmp_path: Path) -> None:
    begun(tmp_path)
    lost = threading.Semaphore(0)

    def write(writer: str) -> None:
        log, done = log_at(tmp_path), 0
        while done < 20:
            try:
                with log.transaction(may_write) as transaction:
                    staging = transaction.new_staging(writer)
                    (staging / "1").write_text("x")
                    move = (str((staging / "1").relative_to(tmp_path)), f"{FEED}/{writer}-{done}")
                    position = {"reached": transaction.head.position["reached"] + 1}
                    transaction.commit(Entry("batch", position, (move,)), NOON)
                    done += 1
            except CommitConflict:
                lost.release()

    threads = [threading.Thread(target=write, args=[writer]) for writer in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    head = head_of(tmp_path)
    assert (head.seq, head.position["reached"]) == (80, 80)
    assert len(content(tmp_path)) == 80


def test_no_two_tries_share_a_staging_folder(tmp_path: Path) -> None:
    log = begun(tmp_path)
    folders = set()
    for _ in range(3):
        with log.transaction(may_write) as transaction:
            folders |= {transaction.new_staging("writer"), transaction.new_staging("writer")}
    assert len(folders) == 6
    assert {folder.parent for folder in folders} == {tmp_path / "_staging" / FEED / "writer"}


def test_the_head_is_seen_while_a_transaction_runs(tmp_path: Path) -> None:
    log = begun(tmp_path)
    seen: list[Entry | None] = []
    with log.transaction(may_write):
        look = threading.Thread(target=lambda: seen.append(log.head()), daemon=True)
        look.start()
        look.join(timeout=60)
    assert [head.seq for head in seen if head] == [0], "who looks waits for the batch"


def test_all_that_an_entry_promises_is_on_disk_before_it_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durable_files, "sync_folder", synced.append)
    begun(tmp_path)
    before: list[Path] = []
    log = log_at(tmp_path, when("declared", lambda: before.extend(synced)))
    with log.transaction(may_write) as transaction:
        entry = draft(transaction, "a", "x")
        transaction.commit(entry, NOON)
    staged = (tmp_path / entry.moves[0][0]).parent
    home = tmp_path / "_log" / FEED
    promised = {staged, staged.parent, staged.parent.parent, tmp_path / "_staging", home, home.parent, tmp_path}
    assert promised <= set(before)


# -- logs that were changed by hand -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "null", '{"seq": 0}'])
def test_an_entry_that_is_none_is_told_by_its_name(text: str, tmp_path: Path) -> None:
    begun(tmp_path)
    log_at(tmp_path).path(1).write_text(text)
    with pytest.raises(LogDamaged, match=f"{1:020}.json is no log entry"):
        log_at(tmp_path).recover()


def test_a_log_removed_under_a_running_job_is_told_once_and_may_come_back(tmp_path: Path) -> None:
    log = begun(tmp_path)
    assert log.head() is not None
    aside = log.path(0).rename(tmp_path / "aside")
    with pytest.raises(LogDamaged, match="was removed while the job runs"):
        log.head()
    assert log.head() is None
    aside.rename(log.path(0))
    assert log.head() is not None


def test_a_log_that_has_lost_its_first_entry_is_told(tmp_path: Path) -> None:
    log = begun(tmp_path)
    committed(log, "a", "x")
    log.path(0).unlink()
    for look in (log, log_at(tmp_path)):
        with pytest.raises(LogDamaged, match=f"{0:020}.json is gone"):
            look.head()


def test_a_log_that_begins_during_a_look_is_not_one_that_has_lost_its_first_entry(tmp_path: Path) -> None:
    log = BegunDuringALook(Layout(tmp_path), FEED)
    head = log.head()
    assert head is not None
    assert head.seq == 0


class BegunDuringALook(PublicationLog):
    """Another process declares the first entry right after it was looked for the first time."""

    def origin(self) -> Origin | None:
        found = super().origin()
        if found is None:
            begun(self.layout.root)
        return found


def test_an_older_log_that_was_restored_counts(tmp_path: Path) -> None:
    log = begun(tmp_path)
    committed(log, "a", "x")
    committed(log, "b", "x")
    log.path(2).unlink()
    head = log.head()
    assert head is not None
    assert head.seq == 1


def _start_over(root: Path) -> PublicationLog:
    (root / "_log" / FEED).rename(root / token_hex(4))
    return begun(root)


def test_another_log_in_its_place_is_noticed_and_has_another_name(tmp_path: Path) -> None:
    log = begun(tmp_path)
    committed(log, "a", "x")
    first = log.origin()
    second = _start_over(tmp_path).origin()
    assert first is not None
    assert second is not None
    assert first.id != second.id
    assert log.origin() == second
    head = log.head()
    assert head is not None
    assert head.seq == 0
    committed(log, "a", "x")
    assert log.head() is not None
    newest = committed(_start_over(tmp_path), "b", "x")
    assert log.head() == newest, "not the entry that had this number before"


def test_a_writer_that_slept_while_the_log_was_started_over_has_no_part_in_the_new_one(tmp_path: Path) -> None:
    log = begun(tmp_path)
    committed(log, "a", "old")
    with log.transaction(may_write) as transaction:
        entry = draft(transaction, "b", "old")
        committed(_start_over(tmp_path), "c", "new")
        with pytest.raises(CommitConflict):
            transaction.commit(entry, NOON)
    assert sorted(log_at(tmp_path).seqs()) == [0, 1]
    assert head_of(tmp_path).moves[0][1] == f"{FEED}/c"
    assert "b" not in content(tmp_path)


def test_the_first_entry_tells_more_of_the_log(tmp_path: Path) -> None:
    log = log_at(tmp_path)
    log.begin(Entry("origin", {"reached": 0}), NOON, end_offsets={"0": 7})
    origin = log.origin()
    assert origin is not None
    assert json.loads(log.path(0).read_bytes())["origin"] == {"id": origin.id, "end_offsets": {"0": 7}}
