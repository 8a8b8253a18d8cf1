"""Applying an entry: whoever finds it half done finishes it, and nobody does so once another came after it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_jobs.publication.log import LogDamaged
from tests.publication.small_feed import FEED, Killed, dies_at, when
from tests.publication.small_log import begun, committed, content, head_of, log_at

STEPS = ("staging", "staged", "declared", "half moved", "moved", "applied")


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_leaves_each_file_once_after_the_next_start(tmp_path: Path, step: str) -> None:
    committed(begun(tmp_path), "x", "old")
    with pytest.raises(Killed):
        committed(log_at(tmp_path, dies_at(step)), "abc", "new", deletes="x")
    log = log_at(tmp_path)
    found = log.recover()
    assert found is not None
    if found.seq == 1:
        committed(log, "abc", "new", deletes="x")
    assert content(tmp_path) == {"a": "new", "b": "new", "c": "new"}
    assert (head_of(tmp_path).seq, log.applied_up_to()) == (2, 2)


@pytest.mark.parametrize("step", ["half moved", "moved", "applied"])
def test_a_death_while_another_ones_work_is_finished_is_finished_in_turn(tmp_path: Path, step: str) -> None:
    committed(begun(tmp_path), "x", "old")
    with pytest.raises(Killed):
        committed(log_at(tmp_path, dies_at("declared")), "abc", "new", deletes="x")
    with pytest.raises(Killed):
        log_at(tmp_path, dies_at(step)).recover()
    log_at(tmp_path).recover()
    assert content(tmp_path) == {"a": "new", "b": "new", "c": "new"}


def test_a_promised_file_that_was_removed_by_hand_is_told(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(Killed):
        committed(log_at(tmp_path, dies_at("declared")), "a", "x")
    (tmp_path / head_of(tmp_path).moves[0][0]).unlink()
    with pytest.raises(LogDamaged, match="promises bike_trips/a"):
        log_at(tmp_path).recover()


def test_deletes_take_the_files_and_their_empty_folders(tmp_path: Path) -> None:
    log = begun(tmp_path)
    folder = tmp_path / FEED / "year=2018" / "hour=1"
    folder.mkdir(parents=True)
    (folder / "d").write_text("old")
    committed(log, "a", "x", deletes=["year=2018/hour=1/d"])
    assert not (tmp_path / FEED / "year=2018").exists()
    assert content(tmp_path) == {"a": "x"}


# -- what says that an entry is applied -------------------------------------------------------------------------


def _with(**change: object) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), **change}).encode()


UNTRUE: dict[str, Callable[[bytes], bytes] | None] = {
    "lost": None,
    "older": _with(up_to=1),
    "older still": _with(up_to=0),
    "ahead": _with(up_to=7),
    "no number": _with(up_to=None),
    "of another log": _with(log="another"),
    "empty": lambda _: b"",
    "cut short": lambda content: content[:20],
    "no object": lambda _: b"[]",
    "of another kind": lambda _: b"{}",
}


@pytest.mark.parametrize("spoil", UNTRUE.values(), ids=UNTRUE)
def test_where_nobody_can_tell_the_head_is_applied_once_more_and_nothing_changes(
    spoil: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    log = begun(tmp_path)
    committed(log, "ab", "first")
    committed(log, "bc", "second", deletes="a")
    true = log.applied_path.read_bytes()
    assert log.applied_up_to() == 2
    if spoil is None:
        log.applied_path.unlink()
    else:
        log.applied_path.write_bytes(spoil(true))
    assert log.applied_up_to() == 1, "the head may not be applied; all before it are"
    applied: list[str] = []
    log_at(tmp_path, when("applied", lambda: applied.append("head"))).recover()
    assert applied == ["head"]
    assert content(tmp_path) == {"b": "second", "c": "second"}
    assert log.applied_path.read_bytes() == true


def test_an_applied_head_is_not_applied_again(tmp_path: Path) -> None:
    committed(begun(tmp_path), "a", "x")
    log_at(tmp_path, dies_at("moved")).recover()


def test_before_the_first_entry_nothing_is_applied(tmp_path: Path) -> None:
    assert log_at(tmp_path).applied_up_to() == -1
    assert begun(tmp_path).applied_up_to() == 0


@pytest.mark.parametrize("step", ["declared", "half moved", "moved"])
def test_a_writer_woken_in_the_middle_of_applying_leaves_what_came_since_alone(tmp_path: Path, step: str) -> None:
    """The paths of analytics come again: an entry deletes an hour, and a later one makes it once more."""
    committed(begun(tmp_path), "x", "old")

    def meanwhile() -> None:
        other = log_at(tmp_path)
        other.recover()
        committed(other, "ax", "newer", deletes="b")

    committed(log_at(tmp_path, when(step, meanwhile)), "abc", "new", deletes="x")
    assert content(tmp_path) == {"a": "newer", "c": "new", "x": "newer"}
    assert head_of(tmp_path).seq == 3
    assert log_at(tmp_path).applied_up_to() == 3
