"""The age of what is unread, by our own looks."""

from spark_jobs.runtime import first_seen
from spark_jobs.runtime.first_seen import FirstSeen
from tests.monotonic import Seconds


def ages(*looks: tuple[float, int, int], before_s: float = 0.0) -> list[float | None]:
    """The age told at each look: (seconds since the one before, what is read, the end)."""
    clock = Seconds()
    seen = FirstSeen(clock, before_s)
    told = []
    for pause_s, reached, end in looks:
        clock.go_on(pause_s)
        since = seen.look({"0": reached}, {"0": end})
        told.append(None if since is None else clock() - since)
    return told


def test_what_is_read_has_no_age_and_what_is_not_grows_older() -> None:
    assert ages((0, 5, 5), (5, 5, 8), (5, 5, 8), (5, 5, 9)) == [None, 0, 5, 10]


def test_once_the_oldest_is_read_the_next_one_counts_from_its_own_look() -> None:
    assert ages((0, 0, 5), (5, 0, 9), (5, 5, 9), (5, 7, 12), (5, 9, 12), (5, 12, 12)) == [0, 5, 5, 10, 5, None]


def test_a_new_driver_counts_on_from_the_one_before_until_that_is_read() -> None:
    assert ages((1, 0, 5), (5, 0, 9), (5, 5, 9), before_s=100.0) == [100, 105, 5]
    assert ages((1, 5, 5), (5, 5, 9), before_s=100.0) == [None, 0], "what was unread is read"


def test_what_is_started_over_begins_anew() -> None:
    assert ages((0, 50, 99), (60, 0, 10), (5, 0, 10)) == [0, 0, 5]


def test_parts_are_counted_apart_and_the_oldest_is_told() -> None:
    clock = Seconds()
    seen = FirstSeen(clock)
    seen.look({"0": 0, "1": 0}, {"0": 4, "1": 0})
    clock.go_on(7)
    assert seen.look({"0": 0, "1": 0}, {"0": 4, "1": 3}) == clock() - 7
    assert seen.look({"0": 4, "1": 0}, {"0": 4, "1": 3}) == clock()


def test_a_lag_of_days_is_remembered_in_little_room_and_never_told_too_young() -> None:
    clock, looks = Seconds(), 3_000
    seen = FirstSeen(clock)
    began = clock()
    for end in range(1, looks):
        clock.go_on(5)
        assert seen.look({"0": 0}, {"0": end}) == began + 5
    assert len(seen._ends["0"]) <= first_seen._KEPT_LOOKS
    for reached in range(0, looks - 1, 100):
        since = seen.look({"0": reached}, {"0": looks - 1})
        assert since is not None
        assert since <= began + 5 * (reached + 1)
