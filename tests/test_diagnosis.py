"""Failures in words."""

import pytest

from spark_jobs.diagnosis import Diagnosis, StreamFault, diagnose
from spark_jobs.publication.log import LogDamaged

CASES = {
    "a full disk, from Python": (OSError(28, "No space left on device"), "the disk is full"),
    "a full disk, from a task": (RuntimeError("x\nOSError: [Errno 28] No space left on device"), "the disk is full"),
    "memory": (RuntimeError("java.lang.OutOfMemoryError: Java heap space"), "ran out of memory"),
    "Kafka away": (RuntimeError("org.apache.kafka.common.errors.TimeoutException: Timeout"), "Kafka cannot be reached"),
    "topic gone": (RuntimeError("UnknownTopicOrPartitionException: nope"), "does not exist"),
    "nanoseconds for a Kafka timestamp, as a batch meets them": (
        RuntimeError("Py4JJavaError: java.lang.ArithmeticException: long overflow"),
        "Kafka timestamp that Spark cannot read",
    ),
    "nanoseconds for a Kafka timestamp": (
        RuntimeError(
            "KafkaIllegalStateException: [KAFKA_MALFORMED_RECORD_TIMESTAMP] Record at topic bike-trips partition 0\n"
            "Caused by: java.lang.ArithmeticException: long overflow"
        ),
        "Kafka timestamp that Spark cannot read",
    ),
    "a path": (OSError(13, "Permission denied"), "cannot be written"),
}


@pytest.mark.parametrize(("failure", "sentence"), CASES.values(), ids=CASES)
def test_a_known_failure_has_its_cause_and_a_next_step(failure: Exception, sentence: str) -> None:
    told = diagnose(failure)
    assert sentence in told.message
    assert told.next_step
    assert told.retryable


def test_what_only_a_person_can_mend_says_so() -> None:
    assert not diagnose(StreamFault("recreated", "start over", retryable=False)).retryable
    assert not diagnose(LogDamaged("promised")).retryable


def test_what_we_wait_for_is_no_fault_of_ours() -> None:
    assert diagnose(OSError(28, "No space left on device")).external
    assert diagnose(StreamFault("away", "wait", external=True)).external
    assert not diagnose(KeyError("x")).external


def test_a_diagnosis_reads_as_one_sentence_after_the_other() -> None:
    assert str(Diagnosis("the disk is full", "free some space")) == "the disk is full. Next step: free some space."
    assert str(Diagnosis("the disk is full")) == "the disk is full."


def test_an_unknown_failure_shows_the_innermost_line() -> None:
    told = diagnose(RuntimeError("outer\nCaused by: java.lang.IllegalStateException: inner reason\n\tat x"))
    assert "inner reason" in told.message
