"""How long the oldest unread message waits, where producers tell no time or a wrong one."""

from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.kafka.lag import oldest_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AN_HOUR_AGO_MS = int((NOW - timedelta(hours=1)).timestamp() * 1000)


@pytest.mark.parametrize("none", [-1, 0, 1_700_000_000, 946_684_799_999, AN_HOUR_AGO_MS * 1000])
def test_a_time_that_is_none_is_left_out(none: int) -> None:
    assert oldest_of([none, AN_HOUR_AGO_MS], NOW) == NOW - timedelta(hours=1)
    assert oldest_of([none], NOW) == NOW


def test_the_oldest_counts() -> None:
    assert oldest_of([AN_HOUR_AGO_MS + 5, AN_HOUR_AGO_MS], NOW) == NOW - timedelta(hours=1)


def test_nobody_told_a_time() -> None:
    assert oldest_of([], NOW) == NOW
