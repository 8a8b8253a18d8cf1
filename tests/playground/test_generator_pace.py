"""Simulated time against the wall clock."""

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from playground.generator.pace import Pace, speed_factor

BEGIN = datetime(2018, 1, 1, tzinfo=UTC)


class ManualClock(Event):
    """A clock that advances only by waiting on it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now_s += timeout or 0.0
        return self.is_set()


def waited_s(speed: float | None, rate: float | None, offsets_s: list[float]) -> float:
    clock = ManualClock()
    pace = Pace(speed, rate, clock, lambda: clock.now_s, lambda: None)
    for offset_s in offsets_s:
        pace.wait(BEGIN + timedelta(seconds=offset_s))
    return round(clock.now_s - 100.0, 6)


@pytest.mark.parametrize(
    ("speed", "rate", "expected_s"),
    [(None, None, 0.0), (60.0, None, 60.0), (3600.0, None, 1.0), (None, 2.0, 1.0), (3600.0, 1.0, 2.0)],
)
def test_a_message_waits_for_its_time_and_its_turn(speed: float | None, rate: float | None, expected_s: float) -> None:
    assert waited_s(speed, rate, [0, 1800, 3600]) == expected_s


def test_what_is_older_than_the_beginning_does_not_wait_and_the_speed_counts_from_there() -> None:
    clock = ManualClock()
    pace = Pace(60.0, None, clock, lambda: clock.now_s, lambda: None, since=BEGIN + timedelta(days=1))
    waited = []
    for hour in (0, 20, 24, 25):
        sent_at = BEGIN + timedelta(hours=hour)
        waited.append((pace.is_limited(sent_at), clock.now_s))
        pace.wait(sent_at)
    assert waited == [(False, 100.0), (False, 100.0), (True, 100.0), (True, 100.0)]
    assert round(clock.now_s, 6) == 160.0


def test_the_most_messages_per_second_hold_for_the_past_too() -> None:
    clock = ManualClock()
    pace = Pace(60.0, 2.0, clock, lambda: clock.now_s, lambda: None, since=BEGIN + timedelta(days=1))
    for hour in range(3):
        pace.wait(BEGIN + timedelta(hours=hour))
    assert round(clock.now_s, 6) == 101.0


def test_speeds_are_read_as_people_write_them() -> None:
    assert speed_factor("max") is None
    assert speed_factor("60") == 60.0
    with pytest.raises(ValueError, match="allowed: max, or a number above 0"):
        speed_factor("fast")
