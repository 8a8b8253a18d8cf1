"""Waiting returns what the condition found, and says what was seen last when it gives up."""

import pytest

from playground.run.waiting import wait_until


def test_the_first_true_value_is_returned() -> None:
    values = iter(["", "found"])
    assert wait_until(lambda: next(values), "a value", 5, poll_s=0.01) == "found"


def test_a_timeout_names_what_was_seen_last() -> None:
    with pytest.raises(TimeoutError, match=r"a value: not within 0\.05 s; last seen: nothing"):
        wait_until(lambda: None, "a value", 0.05, poll_s=0.01, last_seen=lambda: "nothing")


def test_an_error_of_the_condition_ends_the_wait() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 // 0, "a value", 5)
