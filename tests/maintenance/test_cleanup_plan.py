"""What a clean-up would remove, case by case; and what it never does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.maintenance.cleanup_plan import (
    NEWEST_TOKENS,
    Checkpoint,
    Files,
    Found,
    Staging,
    Token,
    last_old_entry,
    plan,
)
from spark_jobs.settings import settings_from

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SETTINGS = settings_from({})


def files(days_ago: float = 0.0, *listed: Path) -> Files:
    return Files(Path("/x"), 7, NOW - timedelta(days=days_ago), listed)


def bikes(days_ago: float, **facts: bool) -> Checkpoint:
    return Checkpoint(files(days_ago), "bike_trips", **{"is_known": True, **facts})


CHECKPOINTS = {
    "of a stream that runs, however old": (bikes(400, is_on=True), None),
    "of a stream that is off for a day": (bikes(1), None),
    "of a stream that is off for long": (bikes(31), "bike_trips is off, and was last at work 31 days ago"),
    "of the other job in the same folder": (bikes(400, is_ours=False), None),
    "set aside": (bikes(0, is_set_aside=True, is_on=True), "set aside: bike_trips went on from its log without it"),
    "of no stream": (Checkpoint(files(1), "old_one", is_known=False), "no stream is called old_one"),
    "of no stream, but written to": (Checkpoint(files(0.01), "somebodys", is_known=False), None),
}


@pytest.mark.parametrize(("found", "why"), CHECKPOINTS.values(), ids=CHECKPOINTS.keys())
def test_checkpoints(found: Checkpoint, why: str | None) -> None:
    removals = plan(Found(checkpoints=[found]), SETTINGS, NOW)
    assert [removal.why for removal in removals] == ([] if why is None else [why])


STAGING = {
    "our own": (Staging(files(99), is_own=True, is_certainly_dead=False, has_token=True), False),
    "of a driver that is dead": (Staging(files(), is_own=False, is_certainly_dead=True, has_token=True), True),
    "of a driver that may live elsewhere": (
        Staging(files(99), is_own=False, is_certainly_dead=False, has_token=True),
        False,
    ),
    "of a driver whose token went long ago": (
        Staging(files(8), is_own=False, is_certainly_dead=False, has_token=False),
        True,
    ),
    "of a driver whose token went lately": (
        Staging(files(1), is_own=False, is_certainly_dead=False, has_token=False),
        False,
    ),
}


@pytest.mark.parametrize(("found", "goes"), STAGING.values(), ids=STAGING.keys())
def test_staging(found: Staging, goes: bool) -> None:
    assert bool(plan(Found(staging=[found]), SETTINGS, NOW)) == goes


def test_the_newest_tokens_stay_and_those_that_tell_whose_staging_it_is() -> None:
    tokens = [Token(files(), number, has_staging=number == 2) for number in range(1, NEWEST_TOKENS + 5)]
    removed = plan(Found(tokens=tokens), SETTINGS, NOW)
    assert [removal.what for removal in removed] == ["token"] * 3
    assert not plan(Found(tokens=tokens[:NEWEST_TOKENS]), SETTINGS, NOW)


def test_dead_letters_go_once_all_of_their_day_is_old_enough() -> None:
    days = [("bike_trips", NOW - timedelta(days=ago, hours=12), files()) for ago in (29, 30, 31, 32)]
    assert len(plan(Found(dead_letters=days), SETTINGS, NOW)) == 2


def test_answers_and_half_written_documents_go_with_age() -> None:
    found = Found(answers=[files(6), files(8)], written_aside=[files(0.5), files(2)], half_removed=[files(0)])
    assert [removal.what for removal in plan(found, SETTINGS, NOW)] == [
        "answer",
        "half-written document",
        "rest of a removal",
    ]


def test_a_log_without_old_entries_is_no_line_of_the_report() -> None:
    found = Found(old_entries=[("bike_trips", files()), ("taxi_trips", files(0, Path("/1.json")))])
    assert [removal.stream for removal in plan(found, SETTINGS, NOW)] == ["taxi_trips"]


def day_of(seq: int) -> datetime:
    """Ten entries a day, the last one now."""
    return NOW - timedelta(days=(1000 - seq) / 10)


LAST_OLD = {
    "by age": (range(1001), 10, 930),
    "by number": (range(1001), 700, 300),
    "all young": (range(950, 1001), 10, 0),
    "all within the newest": (range(1001), 2000, 0),
    "a beginning cleaned up before": ([0, *range(900, 1001)], 10, 930),
    "the first entry alone": ([0], 1, 0),
}


@pytest.mark.parametrize(("seqs", "newest_kept", "expected"), LAST_OLD.values(), ids=LAST_OLD.keys())
def test_entries_go_by_age_and_number_and_never_the_first(
    seqs: range | list[int], newest_kept: int, expected: int
) -> None:
    assert last_old_entry(list(seqs), day_of, timedelta(days=7), newest_kept, NOW) == expected
