from datetime import UTC, datetime, timedelta

from spark_jobs.analytics.backlog import MAX_DEFERRED_HOURS, MOST_HOURS_AT_ONCE, SETTLE_EVERY, Backlog
from spark_jobs.completeness import HOUR

NOON = datetime(2018, 11, 4, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
BUSY, DUE = timedelta(seconds=10), SETTLE_EVERY


def hours(count: int, start: datetime = NOON) -> list[datetime]:
    return [start + number * HOUR for number in range(count)]


def test_the_hour_of_a_tile_comes_at_once_and_its_many_consequences_when_it_is_quiet() -> None:
    backlog = Backlog().with_more(hours(2 + MAX_DEFERRED_HOURS), [NOON + 2 * QUARTER], QUARTER)
    assert backlog.next_hours(quiet=False, settled_ago=BUSY) == [NOON]
    assert backlog.next_hours(quiet=True, settled_ago=BUSY) == hours(2 + MAX_DEFERRED_HOURS)


def test_a_few_consequences_are_done_along() -> None:
    backlog = Backlog().with_more(hours(1 + MAX_DEFERRED_HOURS), [NOON + 2 * QUARTER], QUARTER)
    assert backlog.next_hours(quiet=False, settled_ago=BUSY) == hours(1 + MAX_DEFERRED_HOURS)


def test_many_consequences_wait_a_minute_at_most() -> None:
    many = hours(1 + MAX_DEFERRED_HOURS)
    backlog = Backlog(later=frozenset(many))
    assert backlog.next_hours(quiet=False, settled_ago=BUSY) == []
    assert backlog.next_hours(quiet=False, settled_ago=DUE) == many


def test_a_window_that_starts_in_the_hour_before_its_tile_is_current_too() -> None:
    backlog = Backlog().with_more(hours(3, NOON - HOUR), [NOON], QUARTER)
    assert backlog.current == {NOON - HOUR, NOON}
    assert backlog.later == {NOON + HOUR}


def test_an_hour_that_becomes_current_does_not_wait_any_more() -> None:
    backlog = Backlog(later=frozenset(hours(3))).with_more([NOON + HOUR], [NOON + HOUR + QUARTER], QUARTER)
    assert backlog.current == {NOON + HOUR}
    assert backlog.later == {NOON, NOON + 2 * HOUR}


def test_an_hour_stays_current_when_a_later_change_reaches_it_from_afar() -> None:
    backlog = Backlog(current=frozenset([NOON])).with_more(hours(2), [NOON - 5 * HOUR], QUARTER)
    assert backlog.current == {NOON}
    assert backlog.later == {NOON + HOUR}


def test_a_long_backlog_comes_in_bounded_steps_the_newest_hours_first_and_none_is_lost() -> None:
    backlog = Backlog(current=frozenset([NOON]), later=frozenset(hours(2 * MOST_HOURS_AT_ONCE)) - {NOON})
    steps = []
    while backlog:
        steps.append(backlog.next_hours(quiet=True, settled_ago=BUSY))
        backlog = backlog.without(steps[-1])
    assert [len(step) for step in steps] == [MOST_HOURS_AT_ONCE, MOST_HOURS_AT_ONCE]
    assert NOON in steps[0], "what somebody looks at goes before what is newer but only a consequence"
    assert {hour for step in steps for hour in step} == set(hours(2 * MOST_HOURS_AT_ONCE))
    assert min(steps[0][1:]) > max(steps[1])


def test_what_is_done_is_gone() -> None:
    assert not Backlog(frozenset(hours(1)), frozenset(hours(1, NOON + HOUR))).without(hours(2))
