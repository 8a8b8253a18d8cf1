"""Which checkpoints are kept: only those that go on just where the log stands."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.kafka.checkpoint import planned_offsets, resumes_at, set_aside

HEAD = {"bike-trips": {"0": 20, "1": 20}}
BEFORE = {"bike-trips": {"0": 10, "1": 10}}
BEYOND = {"bike-trips": {"0": 30, "1": 30}}

# (planned batches, how many of them are committed, whether the checkpoint is kept)
CASES = {
    "committed just to the head": ([BEFORE, HEAD], 2, True),
    "published, killed before Spark's commit": ([BEFORE, HEAD], 1, True),
    "a batch beyond the head was planned, not published": ([HEAD, BEYOND], 1, True),
    "behind the log: an older copy": ([BEFORE], 1, False),
    "ahead of the log": ([HEAD, BEYOND], 2, False),
    "another run's topic": ([{"taxi-trips": {"0": 20}}], 1, False),
    "nothing planned yet": ([], 0, False),
}


def written(checkpoint: Path, planned: list[dict[str, dict[str, int]]], committed: int) -> Path:
    for folder in ("offsets", "commits"):
        (checkpoint / folder).mkdir(parents=True)
    for batch, offsets in enumerate(planned):
        text = str(offsets).replace("'", '"')
        (checkpoint / "offsets" / str(batch)).write_text(f"v1\n{{}}\n{text}")
        if batch < committed:
            (checkpoint / "commits" / str(batch)).write_text("v1\n{}")
    return checkpoint


@pytest.mark.parametrize(("planned", "committed", "kept"), CASES.values(), ids=CASES)
def test_a_checkpoint_is_kept_only_where_it_agrees_with_the_log(
    tmp_path: Path, planned: list[dict[str, dict[str, int]]], committed: int, kept: bool
) -> None:
    assert resumes_at(written(tmp_path / "c", planned, committed), HEAD) is kept


def test_a_cut_short_file_counts_as_no_plan(tmp_path: Path) -> None:
    checkpoint = written(tmp_path / "c", [HEAD], 1)
    (checkpoint / "offsets" / "0").write_text('v1\n{}\n{"bike-tr')
    assert planned_offsets(checkpoint, 0) is None
    assert not resumes_at(checkpoint, HEAD)


def test_a_checkpoint_with_a_file_that_a_power_cut_emptied_is_not_kept(tmp_path: Path) -> None:
    checkpoint = written(tmp_path / "c", [HEAD], 1)
    assert resumes_at(checkpoint, HEAD)
    (checkpoint / "commits" / "0").write_text("")
    assert not resumes_at(checkpoint, HEAD)


def test_several_sources_make_one_plan_and_a_silent_one_is_left_out(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c"
    (checkpoint / "offsets").mkdir(parents=True)
    (checkpoint / "offsets" / "0").write_text('v1\n{}\n{"a": {"0": 1}}\n-\n{"b": {"0": 2}}')
    assert planned_offsets(checkpoint, 0) == {"a": {"0": 1}, "b": {"0": 2}}


def test_only_the_newest_checkpoint_set_aside_is_kept(tmp_path: Path) -> None:
    for hour in (1, 2):
        (tmp_path / "c").mkdir()
        set_aside(tmp_path / "c", datetime(2026, 1, 1, hour, tzinfo=UTC))
    assert [path.name for path in tmp_path.iterdir()] == ["c.set-aside-20260101T020000"]
    assert set_aside(tmp_path / "c", datetime(2026, 1, 1, tzinfo=UTC)) is None
