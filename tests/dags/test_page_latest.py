"""What is slow is made by one request at a time: all others get the result before, and a fault ends nothing."""

import time
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from boston_page.latest import Latest


def test_who_comes_while_it_is_made_gets_the_result_before() -> None:
    begun, may_end = Event(), Event()
    results = iter(["first", "second"])

    def make() -> str:
        result = next(results)
        if result == "second":
            begun.set()
            may_end.wait(30)
        return result

    latest = Latest(make, at_most_every_s=0)
    assert latest() == "first"
    slow = Thread(target=latest)
    slow.start()
    assert begun.wait(30)
    assert latest() == "first"
    may_end.set()
    slow.join()
    assert latest._result == "second"


class Making:
    """The lock while somebody else makes the result: it comes free for who waits."""

    def __init__(self, latest: Latest[str]) -> None:
        self._latest = latest

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout:
            self._latest._result, self._latest._made_at_s = "new", time.monotonic()
        return blocking and timeout != 0

    def release(self) -> None:
        pass


@pytest.mark.parametrize("before", [None, "of yesterday"])
def test_who_has_nothing_or_something_old_waits_for_what_is_being_made(before: str | None) -> None:
    """Charts ask together: none is told that nothing is known yet, or what held before a night without visitors."""
    latest = Latest(lambda: "of yesterday", at_most_every_s=0.5)
    if before:
        assert latest() == before
        latest._made_at_s -= 3600
    latest._lock = Making(latest)  # type: ignore[assignment]
    assert latest() == "new"


def test_it_is_made_no_more_often_than_allowed() -> None:
    made: list[int] = []
    latest = Latest(lambda: made.append(1) or len(made), at_most_every_s=3600)  # type: ignore[func-returns-value]
    assert (latest(), latest(), len(made)) == (1, 1, 1)


def test_a_fault_is_told_and_the_next_one_tries_again() -> None:
    outcomes: Iterator[OSError | str] = iter([OSError("gone"), "back"])

    def make() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    latest = Latest(make, at_most_every_s=0)
    with pytest.raises(OSError, match="gone"):
        latest()
    assert latest() == "back"
