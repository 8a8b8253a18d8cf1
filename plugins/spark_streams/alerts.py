"""Tells people: always as a line of the watch's log, and by e-mail and webhook where the settings name them."""

import json
import logging
from collections.abc import Iterable
from typing import Any
from urllib.request import Request, urlopen

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import BaseHook, BaseNotifier, Connection

from spark_jobs.supervision.incidents import Message

log = logging.getLogger(__name__)

_TIMEOUT_S = 10


class WebhookNotifier(BaseNotifier):
    """Posts `{"text": ...}`, which Slack, Mattermost, Teams and most others read, to an Airflow Connection.

    Host, schema and port make the address; a secret rest of it belongs in the extra as `endpoint`, which Airflow keeps
    encrypted; a password is sent as a bearer token.
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
    host = connection.host or ""
    if not host.startswith(("http://", "https://")):
        host = f"{connection.schema or 'https'}://{host}"
    port = f":{connection.port}" if connection.port else ""
    return f"{host.rstrip('/')}{port}/{str(connection.extra_dejson.get('endpoint', '')).lstrip('/')}"


def tell(job: str, messages: Iterable[Message], email: str, connection: str, context: Any) -> None:
    """One notification per message. A mail server or webhook that does not answer stops nothing: it is logged."""
    for message in messages:
        log.log(logging.INFO if message.is_over else logging.ERROR, "%s: %s", job, message)
        for notifier in notifiers(job, message, email, connection):
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


def notifiers(job: str, message: Message, email: str, connection: str) -> list[BaseNotifier]:
    subject = f"[{job}] {'Over' if message.is_over else 'Alert'}: {message.key}"
    found: list[BaseNotifier] = []
    if email.strip():
        to = [part.strip() for part in email.split(",")]
        found.append(SmtpNotifier(to=to, subject=subject, html_content=f"<p>{_escaped(str(message))}</p>"))
    if connection.strip():
        found.append(WebhookNotifier(connection.strip(), f"{subject}\n{message}"))
    return found


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
