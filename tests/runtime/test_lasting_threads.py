"""Threads beside the streams: they go on, whatever fails in them."""

import threading
from collections.abc import Iterator

import pytest

from spark_jobs.diagnosis import LeaseLost
from spark_jobs.runtime.lasting_threads import LastingThreads
from tests.patience import PATIENCE_S


class Again:
    """An action that fails in all ways before it succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.succeeded = threading.Event()

    def __call__(self) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self.succeeded.set()


@pytest.fixture
def lost() -> list[str]:
    """What was said of a lost lease."""
    return []


@pytest.fixture
def threads(lost: list[str]) -> Iterator[LastingThreads]:
    asked_to_stop = threading.Event()
    yield LastingThreads(asked_to_stop, lost.append)
    asked_to_stop.set()


def test_a_thread_outlives_whatever_fails_in_it_and_says_so(
    threads: LastingThreads, caplog: pytest.LogCaptureFixture
) -> None:
    action = Again(KeyError("x"), OSError(28, "No space left on device"), RuntimeError())
    threads.every(0.001, "housekeeping", action)
    assert action.succeeded.wait(PATIENCE_S)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert all(line.startswith("housekeeping failed and is tried again: ") for line in told)
    assert "the disk is full" in told[1]


def test_a_lost_lease_in_any_thread_is_passed_on(threads: LastingThreads, lost: list[str]) -> None:
    action = Again(LeaseLost("a newer driver"))
    threads.every(0.001, "housekeeping", action)
    assert action.succeeded.wait(PATIENCE_S)
    assert lost == ["a newer driver"]


def test_the_first_time_may_come_earlier_than_the_others(threads: LastingThreads) -> None:
    action = Again()
    threads.every(3600, "housekeeping", action, first_s=0.001)
    assert action.succeeded.wait(PATIENCE_S)


def test_a_thread_that_has_ended_is_named(threads: LastingThreads) -> None:
    threads.begin("requests", lambda: None).join(PATIENCE_S)
    assert threads.ended() == ["requests"]
