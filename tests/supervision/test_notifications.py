"""Each notification is kept until it has reached everybody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.watch_memory import Notification
from spark_jobs.supervision.incidents import Alert
from spark_jobs.supervision.notifications import is_due, tried, ways_to_send, with_alerts, with_one_pause

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAYS = ("e-mail", "connection")
DOWN = Alert("down", False, Diagnosis("it is down", "mend it"))


def test_what_was_not_delivered_is_tried_again_with_growing_pauses_and_for_ever() -> None:
    (one,) = with_alerts((), [DOWN], START)
    now, pauses = START, []
    for _ in range(9):
        assert is_due(one, now)
        again = tried(one, WAYS, ["e-mail"], now)
        assert again
        one, before = again, now
        assert not is_due(one, now)
        while not is_due(one, now):
            now += timedelta(seconds=30)
        pauses.append(int((now - before).total_seconds()))
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert tried(one, WAYS, [], now) is None


def test_only_the_ways_that_failed_are_tried_again() -> None:
    (one,) = with_alerts((), [DOWN], START)
    assert one.ways is None, "all of them"
    again = tried(one, WAYS, ["connection"], START)
    assert again
    assert again.ways == ("connection",)
    assert ways_to_send(again, WAYS) == ("connection",)


def test_a_way_that_is_gone_is_replaced_by_those_there_are() -> None:
    (one,) = with_alerts((), [DOWN], START)
    again = tried(one, ["e-mail"], ["e-mail"], START)
    assert again
    assert ways_to_send(again, ["connection"]) == ("connection",)
    replacing = tried(again, [], [], START)
    assert replacing, "nobody has got it"
    assert ways_to_send(replacing, WAYS) == WAYS
    assert tried(replacing, [], [], START) is None, "nobody wants to be told any more"


def test_a_pause_is_the_ways_and_not_each_notifications() -> None:
    """The watch leaves the triggerer for each round, so those that are kept for long share theirs."""
    (new,) = with_alerts((), [DOWN], START)

    def waiting(ways: tuple[str, ...], tries: int, minutes: int) -> Notification:
        return replace(new, ways=ways, tries=tries, next_try_at=iso(START + timedelta(minutes=minutes)))

    by_mail, by_both = waiting(("e-mail",), 9, 20), waiting(WAYS, 9, 40)
    first, second = waiting(("connection",), 12, 10), waiting(("connection",), 1, 30)
    one, other, *rest = with_one_pause([first, second, by_mail, by_both, new], ["connection"])
    assert one == other == waiting(("connection",), 12, 30), "the latest, which is no time from before a clock was set"
    assert rest == [by_mail, by_both, new], "another way may do"


def test_a_clock_that_is_set_back_delays_nothing() -> None:
    (one,) = with_alerts((), [DOWN], START)
    again = tried(one, WAYS, ["e-mail"], START)
    assert again
    assert not is_due(again, START - timedelta(seconds=20)), "another host's clock may be a little behind"
    assert is_due(again, START - timedelta(hours=1))


def test_what_nobody_can_be_told_does_not_fill_the_disk() -> None:
    kept: tuple[Notification, ...] = ()
    for second in range(300):
        kept = with_alerts(kept, [DOWN], START + timedelta(seconds=second))
    assert len(kept) == 200
    assert kept[-1].since == (START + timedelta(seconds=299)).isoformat()
