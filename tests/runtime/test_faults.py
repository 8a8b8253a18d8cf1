"""Failures in words."""

import pytest

from spark_jobs.contracts.publication_log import LogDamaged
from spark_jobs.runtime.faults import StreamFault, explanation

CASES = {
    "a full disk, from Python": (OSError(28, "No space left on device"), "the disk is full"),
    "a full disk, from a task": (RuntimeError("x\nOSError: [Errno 28] No space left on device"), "the disk is full"),
    "memory": (RuntimeError("java.lang.OutOfMemoryError: Java heap space"), "ran out of memory"),
    "Kafka away": (RuntimeError("org.apache.kafka.common.errors.TimeoutException: Timeout"), "Kafka cannot be reached"),
    "topic gone": (RuntimeError("UnknownTopicOrPartitionException: nope"), "does not exist"),
    "a path": (OSError(13, "Permission denied"), "cannot be written"),
}


@pytest.mark.parametrize(("failure", "sentence"), CASES.values(), ids=CASES)
def test_a_known_failure_has_its_cause_and_a_next_step(failure: Exception, sentence: str) -> None:
    told = explanation(failure)
    assert sentence in told.sentence
    assert told.next_step
    assert not told.needs_person


def test_what_only_a_person_can_mend_says_so() -> None:
    assert explanation(StreamFault("recreated", "start over", needs_person=True)).needs_person
    assert explanation(LogDamaged("promised")).needs_person


def test_an_unknown_failure_shows_the_innermost_line() -> None:
    told = explanation(RuntimeError("outer\nCaused by: java.lang.IllegalStateException: inner reason\n\tat x"))
    assert "inner reason" in told.sentence
