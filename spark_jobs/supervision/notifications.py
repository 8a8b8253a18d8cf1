"""Which notifications are still to be sent, and when: each is kept until it has reached everybody. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from spark_jobs.backoff import pause_after
from spark_jobs.documents.codec import iso
from spark_jobs.documents.watch_memory import Notification
from spark_jobs.supervision.incidents import Alert

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_MOST = 200
"""a document of this many is small; of older ones the watch's log has the line"""


def with_alerts(kept: Sequence[Notification], alerts: Iterable[Alert], now: datetime) -> tuple[Notification, ...]:
    """Add what people are to be told now."""
    new = (Notification(a.key, a.is_over, a.diagnosis.message, a.diagnosis.next_step, iso(now)) for a in alerts)
    return (*kept, *new)[-_MOST:]


def is_due(notification: Notification, now: datetime) -> bool:
    """Return whether it is to be sent now: at once, then after 30 s, doubling to an hour.

    A time that lies further ahead than twice the pause is from before the clock was set back.
    """
    if notification.next_try_at is None:
        return True
    ahead = datetime.fromisoformat(notification.next_try_at) - now
    return not timedelta(0) < ahead <= 2 * _pause_after(notification.tries)


def ways_to_send(notification: Notification, there_are: Sequence[str]) -> tuple[str, ...]:
    """Return how to send it now: in the ways that are left; in all there are where none of those exists any more."""
    left = tuple(way for way in there_are if notification.ways is None or way in notification.ways)
    return left or tuple(there_are)


def tried(
    notification: Notification, ways: Sequence[str], failed_ways: Sequence[str], now: datetime
) -> Notification | None:
    """Note a try in these ways; None where it has reached everybody, or where nobody has ever wanted to be told."""
    tries, pause_over = notification.tries + 1, now + _pause_after(notification.tries + 1)
    if failed_ways:
        return replace(notification, ways=tuple(failed_ways), tries=tries, next_try_at=iso(pause_over))
    if not ways and notification.ways is not None:
        # All recipients are gone: perhaps somebody is just replacing them.
        return replace(notification, ways=None, tries=tries, next_try_at=iso(pause_over))
    return None


def with_one_pause(kept: Sequence[Notification], failed_ways: Iterable[str]) -> tuple[Notification, ...]:
    """Have all that wait for the same ways, which just failed, wait for as long as the longest of them.

    The watch leaves the triggerer for each round: with a pause for each of many notifications it would never stay.
    """
    failed, together = set(failed_ways), defaultdict[tuple[str, ...], list[Notification]](list)
    for one in kept:
        if one.ways and one.next_try_at and failed.issuperset(one.ways):
            together[one.ways].append(one)
    return tuple(_waiting_with(one, together.get(one.ways or (), ())) for one in kept)


def _waiting_with(one: Notification, others: Sequence[Notification]) -> Notification:
    if not others:
        return one
    latest = max((other.next_try_at for other in others if other.next_try_at), key=datetime.fromisoformat)
    return replace(one, tries=max(other.tries for other in others), next_try_at=latest)


def _pause_after(tries: int) -> timedelta:
    return pause_after(tries, _FIRST_PAUSE, _LONGEST_PAUSE)
