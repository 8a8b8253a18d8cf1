"""Failures in words."""

import pytest

from spark_jobs.diagnosis import OF_A_SECURED_KAFKA, Diagnosis, StreamFault, diagnose
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
    "a wrong password, as Spark's source meets it": (
        RuntimeError(
            "java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.SaslAuthenticationException: "
            "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512"
        ),
        "Kafka refuses the login",
    ),
    "an authority that is unknown": (
        RuntimeError(
            "org.apache.kafka.common.errors.SslAuthenticationException: SSL handshake failed\n"
            "Caused by: sun.security.validator.ValidatorException: PKIX path building failed"
        ),
        "the brokers' certificate is not trusted",
    ),
    "a certificate that the broker misses": (
        RuntimeError("errors.SslAuthenticationException: Failed to process post-handshake messages"),
        "do not come to terms about TLS",
    ),
    "a missing ACL": (
        RuntimeError("errors.TopicAuthorizationException: Not authorized to access topics: [bike-trips]"),
        "Kafka's ACLs do not permit it",
    ),
    "credentials that an executor does not have": (
        RuntimeError("common.config.ConfigException: Could not read properties from file /run/credentials.properties"),
        "KAFKA_CREDENTIALS_FILE cannot be read where the job runs",
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
    assert all(cause.diagnosis.external for cause in OF_A_SECURED_KAFKA)
    assert not diagnose(KeyError("x")).external


def test_a_diagnosis_reads_as_one_sentence_after_the_other() -> None:
    assert str(Diagnosis("the disk is full", "free some space")) == "the disk is full. Next step: free some space."
    assert str(Diagnosis("the disk is full")) == "the disk is full."


def test_an_unknown_failure_shows_the_innermost_line() -> None:
    told = diagnose(RuntimeError("outer\nCaused by: java.lang.IllegalStateException: inner reason\n\tat x"))
    assert "inner reason" in told.message
