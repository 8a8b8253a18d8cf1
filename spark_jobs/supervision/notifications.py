"""Which notifications are still to be sent, and when: each is kept until it has reached everybody. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

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
    """Return whether it is to be sent now: at once, then after 30 s, doubling to an hour."""
    at = notification.next_try_at
    return at is None or datetime.fromisoformat(at) <= now


def tried(notification: Notification, failed_ways: Sequence[str], now: datetime) -> Notification | None:
    """Note a try; None where it has reached everybody."""
    if not failed_ways:
        return None
    pause = min(_FIRST_PAUSE * (1 << min(notification.tries, 10)), _LONGEST_PAUSE)
    return replace(notification, ways=tuple(failed_ways), tries=notification.tries + 1, next_try_at=iso(now + pause))
