"""Exactly once for every reader: whatever is killed, and whenever. `make kill-matrix` does it at every step."""

from dataclasses import replace
from pathlib import Path

from tests.flow.driver import Place, log_positions
from tests.flow.killings import (
    TELLING_STEPS,
    assert_same_as,
    kill_again_and_again,
    named_killings,
    random_killings,
    read_to_the_end,
)

Ends = dict[str, dict[str, int]]


def test_kills_at_telling_steps_and_at_a_random_moment_lose_and_double_nothing(
    place: Place, undisturbed: Path, history_ends: Ends
) -> None:
    small_steps = replace(place, settings={"MAX_OFFSETS_PER_TRIGGER": "120"})
    kill_again_and_again(small_steps, [*named_killings(steps=TELLING_STEPS), *random_killings(1, seed=2018)])
    assert log_positions(place.output) != history_ends, "every kill came while there was something to read"
    read_to_the_end(place, history_ends)
    assert_same_as(undisturbed, place, history_ends)
