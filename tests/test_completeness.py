"""The rule of completeness: what has to be true before an hour counts as complete, and what it never says."""

from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.completeness import FeedProgress, HourState, Mark, hours_between, passed_by, state_of

NINE = datetime(2018, 1, 15, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEN = NINE + HOUR
LATER = NINE + timedelta(days=2000)


@pytest.mark.parametrize(
    ("newest", "passed"),
    [
        (TEN + timedelta(minutes=9, seconds=59), NINE),
        (TEN + timedelta(minutes=10), TEN),
        (TEN + timedelta(minutes=69), TEN),
        (TEN + timedelta(minutes=70), TEN + HOUR),
        (None, None),
    ],
)
def test_an_hour_is_passed_ten_minutes_after_its_end(newest: datetime | None, passed: datetime | None) -> None:
    assert passed_by(newest, now=LATER) == passed


def test_an_event_ahead_of_the_clock_ends_no_hour_that_still_runs() -> None:
    assert passed_by(LATER, now=TEN) == NINE


def test_a_feed_is_complete_once_it_has_read_what_the_broker_held() -> None:
    behind = FeedProgress().looked(TEN, {"0": 100, "1": 7}, {"0": 99, "1": 7})
    assert behind.complete_before is None
    assert behind.looked(TEN, {"0": 500, "1": 9}, {"0": 100, "1": 7}).complete_before == TEN


def test_what_the_broker_got_since_does_not_put_it_off() -> None:
    behind = FeedProgress().looked(TEN, {"0": 100}, {"0": 50})
    still = behind.looked(TEN + HOUR, {"0": 100_000}, {"0": 99})
    assert still.complete_before is None
    assert still.looked(TEN + HOUR, {"0": 200_000}, {"0": 100}).complete_before == TEN


def test_a_quiet_partition_and_a_silent_feed_come_to_complete() -> None:
    assert FeedProgress().looked(TEN, {"0": 100}, {"0": 100, "1": 0}).complete_before == TEN
    assert FeedProgress().looked(TEN, {}, {"0": 0}).complete_before == TEN


def test_a_partition_that_the_feed_does_not_know_yet_is_waited_for() -> None:
    assert FeedProgress().looked(TEN, {"0": 100, "1": 3}, {"0": 100}).complete_before is None


def test_it_never_goes_back() -> None:
    assert FeedProgress(TEN).looked(NINE, {"0": 5}, {"0": 5}).complete_before == TEN


def test_without_any_event_nothing_is_complete() -> None:
    assert FeedProgress().looked(None, {"0": 0}, {"0": 0}) == FeedProgress()


def test_a_mark_is_reached_only_in_all_partitions() -> None:
    assert not Mark(TEN, {"0": 1, "1": 1}).is_reached({"0": 9, "1": 0})
    assert Mark(TEN, {"0": 1, "1": 1}).is_reached({"0": 9, "1": 1})


def test_a_row_is_late_where_its_hour_was_complete() -> None:
    assert FeedProgress(TEN).is_late(NINE)
    assert not FeedProgress(TEN).is_late(TEN)
    assert not FeedProgress().is_late(NINE)


@pytest.mark.parametrize(
    ("complete_before", "rows", "is_told", "state"),
    [
        (TEN, 5, True, HourState.COMPLETE),
        (TEN, 5, False, HourState.COMPLETE),
        (TEN, 0, True, HourState.NOTHING_CAME),
        (NINE, 5, True, HourState.FILLING),
        (NINE, 0, True, HourState.FILLING),
        (NINE, 5, False, HourState.UNKNOWN),
        (None, 5, True, HourState.FILLING),
        (None, 0, False, HourState.UNKNOWN),
    ],
)
def test_the_words_of_an_hour(complete_before: datetime | None, rows: int, is_told: bool, state: HourState) -> None:
    assert state_of(NINE, None, complete_before, rows, is_told) is state


@pytest.mark.parametrize(
    ("known_since", "rows", "state"),
    [(TEN, 0, HourState.UNKNOWN), (TEN, 5, HourState.COMPLETE), (NINE, 0, HourState.NOTHING_CAME)],
)
def test_of_an_empty_hour_before_the_first_nothing_is_known(known_since: datetime, rows: int, state: HourState) -> None:
    assert state_of(NINE, known_since, TEN, rows, is_told=True) is state


def test_the_hours_between_two_times_begin_before_the_second() -> None:
    assert list(hours_between(NINE, TEN + HOUR)) == [NINE, TEN]
    assert list(hours_between(NINE, TEN + timedelta(minutes=1))) == [NINE, TEN]
    assert list(hours_between(NINE, NINE)) == []
