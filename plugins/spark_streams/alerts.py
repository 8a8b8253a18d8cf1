"""Tells people: always as a line of the watch's log, and by e-mail and a Connection where the settings name them."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from airflow.sdk import BaseHook, BaseNotifier

from spark_jobs.documents.watch_memory import Notification
from spark_jobs.supervision.incidents import Alert
from spark_jobs.supervision.notifications import is_due, tried, ways_to_send, with_one_pause
from spark_streams.webhook import WebhookNotifier

log = logging.getLogger(__name__)

EMAIL, CONNECTION = "e-mail", "connection"
_ROUND_S = 15.0


@dataclass(frozen=True)
class Recipients:
    """Who is told, as the settings ALERT_EMAIL and ALERT_CONNECTION say; empty: nobody."""

    email: str
    connection: str

    @property
    def ways(self) -> tuple[str, ...]:
        """Name the ways there are."""
        return tuple(way for way, who in ((EMAIL, self.email), (CONNECTION, self.connection)) if who.strip())


class NotSent(RuntimeError):
    """A notification cannot be sent like this: the sentence says what to do."""


def log_alerts(job: str, alerts: Iterable[Alert]) -> None:
    """Write one line for each alert."""
    for alert in alerts:
        log.log(logging.INFO if alert.is_over else logging.ERROR, "%s: %s", job, alert.diagnosis)


def deliver(
    job: str, notifications: Sequence[Notification], recipients: Recipients, context: Any
) -> tuple[Notification, ...]:
    """Send what is due and return what is still to be sent, in a round that is short: nobody watches meanwhile.

    A way that has failed is not tried again in the round: a server that does not answer costs its timeout once, and
    what can only be sent there is over with the first that failed, however long that took.
    """
    kept, failed_ways, began_s = [], set[str](), time.monotonic()
    for one in notifications:
        ways = ways_to_send(one, recipients.ways)
        to_try = [way for way in ways if way not in failed_ways]
        is_over = time.monotonic() - began_s > _ROUND_S and bool(to_try)
        if is_over or not is_due(one, datetime.now(UTC)):
            kept.append(one)
            continue
        failed_ways |= set(send(job, one, to_try, recipients, context))
        if rest := tried(one, ways, [way for way in ways if way in failed_ways], datetime.now(UTC)):
            kept.append(rest)
    return with_one_pause(kept, failed_ways)


def send(
    job: str, notification: Notification, ways: Iterable[str], recipients: Recipients, context: Any
) -> Iterable[str]:
    """Send one notification in these ways; yield those that failed."""
    for way in ways:
        try:
            # Not by calling it, which renders: an error's text with {{ in it is no template.
            notifier(way, job, notification, recipients).notify(context)
        except Exception as failure:
            log.error(
                "a notification could not be sent by %s, and is kept: %s. Next step: check ALERT_EMAIL, "
                "ALERT_CONNECTION and their Connections",
                way,
                failure,
            )
            yield way


def notifier(way: str, job: str, notification: Notification, recipients: Recipients) -> BaseNotifier:
    """Return Airflow's notifier for one way."""
    subject = f"[{job}] {'Over' if notification.is_over else 'Alert'}: {notification.key}"
    next_step = f" Next step: {notification.next_step}." if notification.next_step else ""
    text = f"{notification.message}.{next_step}"
    if way == EMAIL:
        return _mail(recipients.email, subject, text)
    connection = recipients.connection.strip()
    kind = BaseHook.get_connection(connection).conn_type or "http"
    if kind not in _BY_CONNECTION:
        raise NotSent(f"the Connection {connection} has the type {kind}; allowed: {', '.join(_BY_CONNECTION)}")
    return _BY_CONNECTION[kind](connection, f"{subject}\n{text}")


def _mail(recipients: str, subject: str, text: str) -> BaseNotifier:
    try:
        from spark_streams.mail import MailNotifier
    except ImportError:
        raise NotSent("ALERT_EMAIL needs the package apache-airflow-providers-smtp in Airflow's environment") from None
    to = [part.strip() for part in recipients.split(",") if part.strip()]
    return MailNotifier(to, subject, f"<p>{escape(text)}</p>")


def _slack(connection: str, text: str) -> BaseNotifier:
    try:
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
    except ImportError:
        raise NotSent(
            f"the Connection {connection} needs the package apache-airflow-providers-slack in Airflow's environment"
        ) from None
    found: BaseNotifier = SlackWebhookNotifier(slack_webhook_conn_id=connection, text=text)
    return found


_BY_CONNECTION: dict[str, Callable[[str, str], BaseNotifier]] = {"http": WebhookNotifier, "slackwebhook": _slack}
"""type of a Connection -> the notifier for it and a text"""
