"""Alerts really arrive: at a web server and at a mail server of the test's own."""

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from airflow.sdk import Connection
from spark_streams.alerts import address, send_alerts

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.supervision.incidents import Alert

BEGUN = Alert("stuck:taxi_trips", False, Diagnosis("taxi_trips finishes no batch", "look at <it>"))
OVER = Alert("stuck:taxi_trips", True, Diagnosis("over after 5 minutes: taxi_trips finishes no batch"))


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]  # type: ignore[index,misc]
    finally:
        server.shutdown()
        server.server_close()


def test_a_webhook_gets_each_alert_with_its_secrets_in_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[str, str | None, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.path, self.headers.get("Authorization"), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with serving(HTTPServer(("127.0.0.1", 0), Hook)) as port:
        connection = {"conn_type": "http", "host": "http://127.0.0.1", "port": port, "password": "its-secret"}
        monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({**connection, "extra": {"endpoint": "T0/B0"}}))
        send_alerts("ingestion", [BEGUN, OVER], email="", connection="OPS", context={})
    begun = "[ingestion] Alert: stuck:taxi_trips\ntaxi_trips finishes no batch. Next step: look at <it>."
    over = "[ingestion] Over: stuck:taxi_trips\nover after 5 minutes: taxi_trips finishes no batch."
    assert got == [("/T0/B0", "Bearer its-secret", {"text": text}) for text in (begun, over)]


def test_a_mail_goes_to_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    recipients: list[str] = []
    mails: list[str] = []

    class Mail(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            for line in self.rfile:
                if line.startswith(b"rcpt TO:"):
                    recipients.append(line.decode().strip())
                if line.startswith(b"data"):
                    self.wfile.write(b"354 go on\r\n")
                    mails.append("".join(part.decode() for part in iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"221 bye\r\n" if line.startswith(b"quit") else b"250 ok\r\n")
                if line.startswith(b"quit"):
                    return

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)) as port:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "streams@example.org"}
        server = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(server))
        send_alerts("ingestion", [BEGUN], email="a@example.org, b@example.org", connection="", context={})
    assert sorted(recipients) == ["rcpt TO:<a@example.org>", "rcpt TO:<b@example.org>"]
    mail = message_from_string(mails[0])
    assert mail["Subject"] == "[ingestion] Alert: stuck:taxi_trips"
    (text,) = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_maintype() == "text"]
    assert b"look at &lt;it&gt;" in text


def test_without_settings_an_alert_is_an_error_line_and_its_end_is_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="spark_streams.alerts"):
        send_alerts("ingestion", [BEGUN, OVER], email="", connection="", context={})
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "ingestion: taxi_trips finishes no batch. Next step: look at <it>."),
        ("INFO", "ingestion: over after 5 minutes: taxi_trips finishes no batch."),
    ]


def test_a_webhook_that_does_not_answer_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({"conn_type": "http", "host": "http://127.0.0.1", "port": 1}))
    send_alerts("ingestion", [BEGUN], email="", connection="OPS", context={})


ADDRESSES = {
    "https unless it says otherwise": (Connection(conn_id="c", host="hooks.example.org"), "https://hooks.example.org/"),
    "a schema of its own": (Connection(conn_id="c", host="hooks", schema="http", port=8000), "http://hooks:8000/"),
    "the whole address": (
        Connection(conn_id="c", host="https://hooks.example.org/a/b"),
        "https://hooks.example.org/a/b/",
    ),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_address(case: str) -> None:
    connection, expected = ADDRESSES[case]
    assert address(connection) == expected
