"""A POST of `{"text": ...}`, which Slack, Mattermost, Teams and most others read, to an Airflow Connection."""

import json
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from airflow.sdk import BaseHook, BaseNotifier, Connection
from airflow.sdk.log import mask_secret

_TIMEOUT_S = 10


class WebhookNotifier(BaseNotifier):
    """Posts a text. By hand: Airflow's HTTP provider is not among the locked packages, and this is one POST.

    Host, schema and port make the address; a secret rest of it belongs in the extra as `endpoint`, which Airflow keeps
    encrypted; a password is sent as a bearer token.
    """

    def __init__(self, connection: str, text: str) -> None:
        super().__init__()
        self.connection = connection
        self.text = text

    def notify(self, context: Any) -> None:  # noqa: ARG002 - the text says it all
        connection = BaseHook.get_connection(self.connection)
        _mask_secrets(connection)
        headers = {"Content-Type": "application/json"}
        if token := (connection.password or "").strip():
            headers["Authorization"] = f"Bearer {token}"
        body = json.dumps({"text": self.text}).encode()
        request = Request(address(connection), body, headers, method="POST")  # noqa: S310 - http(s), see address
        with build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S):
            return


class _NoRedirect(HTTPRedirectHandler):
    """The token is for the address in the Connection, and for nobody that it points to."""

    def redirect_request(self, *_: Any) -> NoReturn:
        raise ValueError("the webhook answers with another address: put the final one into the Connection")


def address(connection: Connection) -> str:
    """Return the whole address that a Connection names.

    Raises:
        ValueError: it is none of the web.
    """
    place = _place(connection)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise ValueError(f"the Connection {connection.conn_id} has to name a host, by http or https")
    port = f":{connection.port}" if connection.port else ""
    endpoint = str(connection.extra_dejson.get("endpoint") or "").lstrip("/")
    path = f"{place.path.rstrip('/')}/{endpoint}" if endpoint else place.path or "/"
    return urlunsplit((place.scheme, place.netloc + port, path, place.query, ""))


def _place(connection: Connection) -> SplitResult:
    """Take the host apart, which may be a whole address."""
    host = connection.host or ""
    return urlsplit(host if "://" in host else f"{connection.schema or 'https'}://{host}")


def _mask_secrets(connection: Connection) -> None:
    """Keep the secret parts out of every log: Airflow masks the password, and of an extra only what it knows.

    An error quotes them without the blanks around them, and with \\n for a line break.
    """
    place = _place(connection)
    for secret in (connection.password, connection.extra_dejson.get("endpoint"), place.path.strip("/"), place.query):
        text = str(secret or "").strip()
        for part in {text, *(part for part in text.split("/") if len(part) > 5)} - {""}:
            mask_secret(part)
            mask_secret(repr(part)[1:-1])
