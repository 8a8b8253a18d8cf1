"""Exactly once for every reader: whatever is killed, and whenever."""

from pathlib import Path

from tests.flow.driver import Place
from tests.flow.killings import assert_same_as, kill_again_and_again, named_killings, random_killings, read_to_the_end

Ends = dict[str, dict[str, int]]


def test_a_kill_at_every_named_step_loses_and_doubles_nothing(
    place: Place, undisturbed: Path, history_ends: Ends
) -> None:
    kill_again_and_again(place, named_killings())
    read_to_the_end(place, history_ends)
    assert_same_as(undisturbed, place, history_ends)


def test_kills_at_random_moments_lose_and_double_nothing(place: Place, undisturbed: Path, history_ends: Ends) -> None:
    kill_again_and_again(place, random_killings(3, seed=2018))
    read_to_the_end(place, history_ends)
    assert_same_as(undisturbed, place, history_ends)
