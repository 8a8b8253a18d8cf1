"""One word for the facts of one moment: each word alone, and which goes before which."""

from dataclasses import replace

import pytest

from spark_jobs.documents.status import StreamState
from spark_jobs.runtime.stream_state import FIRST_BATCH_TIMEOUT_S, Facts, state_of, stuck_after_s

RUNS = Facts(has_work=True)
LATE = replace(RUNS, without_batch_s=60.1)

WORDS = {
    "switched off": (Facts(is_on=False), StreamState.OFF),
    "the breaker is open": (Facts(has_failed=True, is_given_up=True), StreamState.BROKEN),
    "the last try failed": (Facts(has_failed=True), StreamState.RESTARTING),
    "what was given up runs again": (Facts(is_given_up=True), StreamState.HEALTHY),
    "work, and no batch for too long": (LATE, StreamState.STUCK),
    "work, and no batch for as long as it may take": (replace(LATE, without_batch_s=60.0), StreamState.HEALTHY),
    "no batch for hours, but nothing due": (replace(LATE, has_work=False, without_batch_s=9e9), StreamState.IDLE),
    "a start that comes to no end": (Facts(has_settled=False, without_batch_s=60.1), StreamState.STUCK),
    "no cores: starting again brings none": (
        replace(LATE, lacks_executors=True, waits_for="cores"),
        StreamState.WAITING,
    ),
    "somebody else is to bring something": (Facts(has_work=False, waits_for="ingestion"), StreamState.WAITING),
    "asked to run, and nothing seen yet": (Facts(has_settled=False), StreamState.STARTING),
    "more to do than one interval brings": (replace(RUNS, is_behind=True), StreamState.CATCHING_UP),
    "behind at the last look, a batch since": (Facts(is_behind=True), StreamState.CATCHING_UP),
    "work, and it moves": (RUNS, StreamState.HEALTHY),
    "a batch has finished, and nobody has looked since": (Facts(), StreamState.HEALTHY),
    "nothing due": (Facts(has_work=False), StreamState.IDLE),
}


@pytest.mark.parametrize(("facts", "word"), WORDS.values(), ids=WORDS)
def test_a_word_for_each_case(facts: Facts, word: StreamState) -> None:
    assert state_of(facts) == word


MAKES_IT_SO = {
    StreamState.OFF: {"is_on": False},
    StreamState.BROKEN: {"has_failed": True, "is_given_up": True},
    StreamState.RESTARTING: {"has_failed": True},
    StreamState.STUCK: {"without_batch_s": 61.0},
    StreamState.WAITING: {"waits_for": "ingestion"},
    StreamState.STARTING: {"has_settled": False},
    StreamState.CATCHING_UP: {"is_behind": True},
}


@pytest.mark.parametrize("word", MAKES_IT_SO)
def test_a_word_goes_before_all_that_come_after_it(word: StreamState) -> None:
    facts, order = RUNS, list(MAKES_IT_SO)
    for later in reversed(order[order.index(word) :]):
        facts = replace(facts, **MAKES_IT_SO[later])  # type: ignore[arg-type]
    assert state_of(facts) == word


@pytest.mark.parametrize(
    ("trigger_s", "batch_s", "expected_s"),
    [(10, [], 60), (30, [1.0], 180), (10, [40.0] * 20, 200), (10, [1.0] * 19 + [900.0], 60)],
    ids=["at least a minute", "six triggers", "five slow batches", "one outlier does not count"],
)
def test_how_long_a_stream_may_take(trigger_s: float, batch_s: list[float], expected_s: float) -> None:
    assert stuck_after_s(trigger_s, batch_s) == expected_s
    assert stuck_after_s(trigger_s, batch_s, is_first=True) == FIRST_BATCH_TIMEOUT_S
