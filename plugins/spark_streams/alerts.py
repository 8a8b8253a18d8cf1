"""Tells people: always as a line of the watch's log, and by e-mail and webhook where the settings name them."""

import json
import logging
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.request import Request, urlopen

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import BaseHook, BaseNotifier, Connection

from spark_jobs.supervision.incidents import Alert

log = logging.getLogger(__name__)

_TIMEOUT_S = 10


class WebhookNotifier(BaseNotifier):
    """Posts `{"text": ...}`, which Slack, Mattermost, Teams and most others read, to an Airflow Connection.

    Host, schema and port make the address; a secret rest of it belongs in the extra as `endpoint`, which Airflow keeps
    encrypted; a password is sent as a bearer token. By hand: Airflow's HTTP provider is not among the locked
    packages, and this is one POST.
    """

    def __init__(self, connection: str, text: str) -> None:
        super().__init__()
        self.connection = connection
        self.text = text

    def notify(self, context: Any) -> None:  # noqa: ARG002 - the text says it all
        connection = BaseHook.get_connection(self.connection)
        headers = {"Content-Type": "application/json"}
        if connection.password:
            headers["Authorization"] = f"Bearer {connection.password}"
        body = json.dumps({"text": self.text}).encode()
        request = Request(address(connection), body, headers, method="POST")  # noqa: S310 - http(s), see address
        with urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
            return


def address(connection: Connection) -> str:
    """Return the whole address that a Connection names."""
    host = connection.host or ""
    if not host.startswith(("http://", "https://")):
        host = f"{connection.schema or 'https'}://{host}"
    port = f":{connection.port}" if connection.port else ""
    return f"{host.rstrip('/')}{port}/{str(connection.extra_dejson.get('endpoint', '')).lstrip('/')}"


def send_alerts(job: str, alerts: Iterable[Alert], email: str, connection: str, context: Any) -> None:
    """Send one notification per alert. A mail server or webhook that does not answer stops nothing: it is logged."""
    for alert in alerts:
        log.log(logging.INFO if alert.is_over else logging.ERROR, "%s: %s", job, alert.diagnosis)
        for notifier in notifiers(job, alert, email, connection):
            _send(notifier, context)


def _send(notifier: BaseNotifier, context: Any) -> None:
    try:
        notifier(context)
    except Exception as failure:
        log.error(
            "an alert could not be sent by %s: %s. Next step: check ALERT_EMAIL, ALERT_CONNECTION and the Connections",
            type(notifier).__name__,
            failure,
        )


def notifiers(job: str, alert: Alert, email: str, connection: str) -> list[BaseNotifier]:
    """Return one notifier for each way that the settings name."""
    subject, text = f"[{job}] {'Over' if alert.is_over else 'Alert'}: {alert.key}", str(alert.diagnosis)
    found: list[BaseNotifier] = []
    if email.strip():
        to = [part.strip() for part in email.split(",")]
        found.append(SmtpNotifier(to=to, subject=subject, html_content=f"<p>{escape(text)}</p>"))
    if connection.strip():
        found.append(WebhookNotifier(connection.strip(), f"{subject}\n{text}"))
    return found
