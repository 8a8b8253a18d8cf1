"""What a clean-up would remove, case by case; and what it never does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.maintenance.cleanup_plan import NEWEST_TOKENS, Checkpoint, Files, Found, Staging, Token, plan
from spark_jobs.settings import settings_from

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SETTINGS = settings_from({})


def files(days_ago: float = 0.0, *listed: Path) -> Files:
    return Files(Path("/x"), 7, NOW - timedelta(days=days_ago), listed)


def bikes(days_ago: float, **facts: bool) -> Checkpoint:
    return Checkpoint(files(days_ago), "bike_trips", **facts)


CHECKPOINTS = {
    "of a stream that runs, however old": (bikes(400, is_on=True), None),
    "of a stream that is off for a day": (bikes(1), None),
    "of a stream that is off for long": (bikes(31), "bike_trips is off, and was last at work 31 days ago"),
    "set aside": (bikes(0, is_set_aside=True, is_on=True), "set aside: bike_trips went on from its log without it"),
}


@pytest.mark.parametrize(("found", "why"), CHECKPOINTS.values(), ids=CHECKPOINTS.keys())
def test_checkpoints(found: Checkpoint, why: str | None) -> None:
    removals = plan(Found(checkpoints=[found]), SETTINGS, NOW)
    assert [removal.why for removal in removals] == ([] if why is None else [why])


STAGING = {
    "our own": (Staging(files(99), is_own=True, is_certainly_dead=False), False),
    "of a driver that is dead": (Staging(files(), is_own=False, is_certainly_dead=True), True),
    "of a driver that was somewhere else long ago, or here before a reboot": (
        Staging(files(8), is_own=False, is_certainly_dead=False),
        True,
    ),
    "of a driver that was somewhere else lately": (Staging(files(0.1), is_own=False, is_certainly_dead=False), False),
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


def test_an_answer_is_kept_for_longer_than_anybody_may_ask_again_however_short_the_log_is() -> None:
    found = Found(answers=[files(29), files(31), files(61)])
    assert len(plan(found, settings_from({"KEEP_FOLDED_LOG": "1 day"}), NOW)) == 2
    assert len(plan(found, settings_from({"KEEP_FOLDED_LOG": "60 days"}), NOW)) == 1


def test_answers_and_half_written_documents_go_with_age() -> None:
    found = Found(answers=[files(29), files(31)], temp_files=[files(0.5), files(2)], half_removed=[files(0)])
    assert [removal.what for removal in plan(found, SETTINGS, NOW)] == [
        "answer",
        "half-written document",
        "rest of a removal",
    ]
