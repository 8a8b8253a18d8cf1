"""Announcing complete hours: each at least once, and again when revised, wherever a run ends or crashes."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.documents.announced_hours import AnnouncedHours, OlderHours
from spark_jobs.documents.codec import iso
from spark_jobs.documents.complete_hours import HourEvent
from spark_jobs.documents.hour_history import HourHistory
from spark_jobs.supervision.announcing_hours import Announcement, first_announced, next_announcement

NOON = datetime(2018, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOG = "a"
BEGINNING = AnnouncedHours(LOG)
EVERY = {NOON + hour * HOUR for hour in range(-200, 200)}


def at(hour: int) -> str:
    """An hour by its distance from noon."""
    return iso(NOON + hour * HOUR)


def complete(since: int, before: int) -> HourEvent:
    return HourEvent(LOG, "", 1, at(since), at(before))


def revised(*hours: int) -> HourEvent:
    return HourEvent(LOG, "", 1, revised=tuple(map(at, hours)))


HISTORY = [complete(0, 2), complete(2, 3), revised(2, 0), complete(3, 4), revised(0)]

Told = list[tuple[int, int]]
"""(hour, revision) of each event"""


def following(events: Sequence[HourEvent], announced: AnnouncedHours, at_most: int = 100) -> Announcement | None:
    return next_announcement(HourHistory(events), announced, EVERY, at_most)


def told(announcement: Announcement) -> Told:
    def distance(hour: str) -> int:
        return round((datetime.fromisoformat(hour) - NOON) / HOUR)

    return [(distance(hour), revision) for hour, revision in announcement.revisions.items()]


def all_told(events: Sequence[HourEvent], announced: AnnouncedHours, at_most: int = 100) -> Told:
    """The events of all announcements, one after the other."""
    found: Told = []
    while one := following(events, announced, at_most):
        found += told(one)
        announced = one.reached
    return found


def test_every_revision_is_announced_in_order() -> None:
    assert all_told(HISTORY, BEGINNING, at_most=1) == [(0, 1), (1, 1), (2, 1), (0, 2), (2, 2), (3, 1), (0, 3)]


def test_what_came_between_two_looks_is_one_event_with_the_newest_revision() -> None:
    assert all_told(HISTORY, BEGINNING) == [(0, 3), (1, 1), (2, 2), (3, 1)]


def test_what_comes_later_is_announced_from_where_the_last_run_ended() -> None:
    first = following(HISTORY[:2], BEGINNING)
    assert first is not None
    assert all_told(HISTORY, first.reached) == [(0, 3), (2, 2), (3, 1)]


def test_nothing_new_is_no_announcement() -> None:
    assert all_told([], BEGINNING) == []
    assert all_told(HISTORY[:1], replace(BEGINNING, lines=1)) == []


@pytest.mark.parametrize("seed", range(50))
def test_no_revision_is_lost_wherever_a_run_ends_or_crashes(seed: int) -> None:
    """A crash after the events and before they are remembered repeats them; a failure before them makes none."""
    chance = random.Random(seed)
    events, last, announced, heard = list[HourEvent](), 0, BEGINNING, dict[int, int]()
    for _ in range(60):
        if last and chance.random() < 0.5:
            events.append(revised(*chance.sample(range(last), chance.randint(1, min(3, last)))))
        else:
            events.append(complete(last, last + chance.randint(1, 4)))
            last = round((datetime.fromisoformat(events[-1].before or "") - NOON) / HOUR)
        one = following(events, announced, at_most=chance.randint(1, 4))
        ending = chance.choice(["well", "well", "no events", "not remembered"])
        if one and ending != "no events":
            heard.update(told(one))
        if one and ending == "well":
            announced = one.reached
    heard.update(all_told(events, announced))
    history = HourHistory(events)
    assert heard == {hour: history.revision_of(NOON + hour * HOUR) for hour in range(last)}


def test_of_a_decade_at_once_only_hours_with_rows_are_announced() -> None:
    history = HourHistory([complete(-80_000, 1), complete(1, 3)])
    found = next_announcement(history, BEGINNING, {NOON - 70_000 * HOUR, NOON}, 100)
    assert found is not None
    assert told(found) == [(-70_000, 1), (0, 1), (1, 1), (2, 1)]


def test_a_run_tells_whether_more_is_left() -> None:
    found = [following(HISTORY, BEGINNING, at_most) for at_most in (1, 7, 8)]
    assert [one.is_last for one in found if one] == [False, False, True]


def test_a_feed_that_was_never_announced_begins_with_its_last_complete_hour() -> None:
    first = first_announced(HourHistory(HISTORY), LOG)
    assert first is not None
    assert all_told(HISTORY, first) == [(3, 1)]
    assert all_told([*HISTORY, complete(4, 6)], first) == [(4, 1), (5, 1), (3, 1)]
    assert first_announced(HourHistory([]), LOG) is None


@pytest.mark.parametrize("at_most", [1, 2, 100])
def test_an_older_period_is_announced_again_after_what_is_new(at_most: int) -> None:
    period = AnnouncedHours(LOG, lines=3, again=(OlderHours(at(1), at(3)),))
    assert all_told(HISTORY, period, at_most) == [(3, 1), (0, 3), (1, 1), (2, 2)]


@pytest.mark.parametrize("at_most", [1, 2, 100])
def test_older_periods_are_announced_one_after_the_other(at_most: int) -> None:
    periods = AnnouncedHours(LOG, lines=5).and_again([OlderHours(at(3), at(4)), OlderHours(at(0), at(2))])
    assert all_told(HISTORY, periods, at_most) == [(0, 3), (1, 1), (3, 1)]


def test_of_a_period_only_complete_hours_are_announced() -> None:
    period = AnnouncedHours(LOG, lines=5, again=(OlderHours(at(-99), at(99)),))
    assert all_told(HISTORY, period) == [(0, 3), (1, 1), (2, 2), (3, 1)]


def test_a_history_that_became_shorter_is_announced_from_its_beginning() -> None:
    assert all_told(HISTORY[:2], AnnouncedHours(LOG, lines=5, hour=at(0))) == [(0, 1), (1, 1), (2, 1)]
