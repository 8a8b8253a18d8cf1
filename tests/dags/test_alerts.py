"""Alerts really arrive: at a web server and at a mail server of the test's own."""

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_string
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException
from spark_streams import alerts, webhook
from spark_streams.alert_test import AlertTestOperator
from spark_streams.alerts import NotSent, Recipients, deliver, log_alerts, notifier
from spark_streams.webhook import address

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.watch_memory import Notification
from spark_jobs.stream_jobs import INGESTION
from spark_jobs.supervision.incidents import Alert
from spark_jobs.supervision.notifications import is_due, with_alerts
from tests.dags.conftest import VariableStore

BEGUN = Alert("stuck:taxi_trips", False, Diagnosis("taxi_trips finishes no batch", "look at <it>"))
OVER = Alert("stuck:taxi_trips", True, Diagnosis("over after 5 minutes: taxi_trips finishes no batch"))

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sent(found: list[Alert], email: str = "", connection: str = "") -> tuple[Notification, ...]:
    """Send them; what is still to be sent."""
    return deliver("ingestion", with_alerts((), found, NOW), Recipients(email, connection), {})


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
        assert sent([BEGUN, OVER], connection="OPS") == ()
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
        assert sent([BEGUN], email="a@example.org, b@example.org") == ()
    assert sorted(recipients) == ["rcpt TO:<a@example.org>", "rcpt TO:<b@example.org>"]
    mail = message_from_string(mails[0])
    assert mail["Subject"] == "[ingestion] Alert: stuck:taxi_trips"
    (text,) = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_maintype() == "text"]
    assert b"look at &lt;it&gt;" in text


def test_an_alert_is_an_error_line_and_its_end_is_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="spark_streams.alerts"):
        log_alerts("ingestion", [BEGUN, OVER])
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "ingestion: taxi_trips finishes no batch. Next step: look at <it>."),
        ("INFO", "ingestion: over after 5 minutes: taxi_trips finishes no batch."),
    ]


def test_without_settings_nothing_is_left_to_be_sent() -> None:
    assert sent([BEGUN]) == ()


def test_what_could_not_be_sent_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({"conn_type": "http", "host": "http://127.0.0.1", "port": 1}))
    (kept,) = sent([BEGUN], connection="OPS")
    assert (kept.key, kept.ways, kept.tries) == ("stuck:taxi_trips", ("connection",), 1)
    assert sent([BEGUN], connection="no_such_connection")
    assert sent([BEGUN], email="a@example.org"), "there is no smtp_default"
    assert deliver("ingestion", [kept], Recipients("", "OPS"), {}) == (kept,), "not due yet"


def test_a_mail_that_could_not_be_sent_goes_the_new_way(monkeypatch: pytest.MonkeyPatch) -> None:
    (kept,) = sent([BEGUN], email="a@example.org")
    with webhook_texts(monkeypatch) as got:
        assert deliver("ingestion", [replace(kept, next_try_at=None)], Recipients("", "OPS"), {}) == ()
    assert len(got) == 1


def test_a_server_that_does_not_answer_is_asked_once_in_a_round(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({"conn_type": "http", "host": "http://127.0.0.1", "port": 1}))
    kept = sent([BEGUN] * 9, connection="OPS")
    assert [(one.tries, one.ways) for one in kept] == [(1, ("connection",))] * 9
    assert len(caplog.records) == 1


def test_a_server_that_is_gone_is_asked_once_an_hour_for_all_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch leaves the triggerer for each round: one an hour for each notification would be hundreds."""
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({"conn_type": "http", "host": "http://127.0.0.1", "port": 1}))
    (new,) = with_alerts((), [BEGUN], NOW)
    now = datetime.now(UTC)
    phases = (-1, 5, 30, 59)
    before = [
        replace(new, ways=("connection",), tries=12, next_try_at=iso(now + timedelta(minutes=at))) for at in phases
    ]
    kept = deliver("ingestion", [*before, new], Recipients("", "OPS"), {})
    assert kept[-1].ways == ("connection",), "a new one is tried at once"
    assert len({one.next_try_at for one in kept}) == 1
    assert not any(is_due(one, now + timedelta(minutes=59)) for one in kept)
    assert all(is_due(one, now + timedelta(minutes=61)) for one in kept)


def test_a_server_that_is_gone_and_slow_to_say_so_is_asked_once_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({"conn_type": "http", "host": "http://127.0.0.1", "port": 1}))
    seconds = count(step=10.0)
    monkeypatch.setattr(alerts, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    assert [one.tries for one in sent([BEGUN] * 9, connection="OPS")] == [1] * 9


@pytest.mark.parametrize(("given", "allowed"), [({}, 10), ({"timeout": 60}, 10), ({"timeout": 3}, 3)])
def test_a_mail_server_that_hangs_up_is_asked_once_and_one_that_hangs_is_not_waited_for(
    given: dict[str, int], allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers: list[object] = []

    class HangsUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            callers.append(self.client_address)

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), HangsUp)) as port:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "streams@example.org", **given}
        server = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(server))
        (kept,) = sent([BEGUN], email="a@example.org")
    assert len(callers) == 1
    hook = cast(Any, notifier("e-mail", "ingestion", kept, Recipients("a@example.org", ""))).hook
    hook.smtp_connection = hook.get_connection("smtp_default")
    assert hook.timeout == allowed


def test_a_round_that_takes_long_is_gone_on_with_after_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count(step=6.0)
    monkeypatch.setattr(alerts, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    with webhook_texts(monkeypatch) as got:
        kept = sent([BEGUN] * 5, connection="OPS")
    assert len(got) == 2
    assert [(one.tries, one.next_try_at) for one in kept] == [(0, None)] * 3


@pytest.mark.parametrize(
    "password", ["its-secret", "its-secret\n"], ids=["as it is", "from a file with a last line break"]
)
def test_a_redirect_does_not_carry_the_token_along(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")  # type: ignore[index]
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            return

    with serving(HTTPServer(("127.0.0.1", 0), Elsewhere)) as port:
        connection = {"conn_type": "http", "host": "http://127.0.0.1", "port": port, "password": password}
        monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps(connection))
        assert sent([BEGUN], connection="OPS")
    assert seen == ["Bearer its-secret"]


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_secret_parts_of_an_address_are_masked(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr(webhook, "mask_secret", masked.append)
    host = f"{scheme}127.0.0.1/T0SECRET"
    connection = {"conn_type": "http", "schema": "http", "host": host, "port": 1, "password": "its-token"}
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({**connection, "extra": {"endpoint": "B0/XSECRET"}}))
    assert sent([BEGUN], connection="OPS")
    assert {"its-token", "T0SECRET", "B0/XSECRET", "XSECRET"} <= set(masked)


def test_a_token_with_a_line_break_is_masked_as_the_error_quotes_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    masked: list[str] = []
    monkeypatch.setattr(webhook, "mask_secret", masked.append)
    connection = {"conn_type": "http", "host": "http://127.0.0.1", "port": 1, "password": "its-\ntoken"}
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps(connection))
    assert sent([BEGUN], connection="OPS")
    assert any(secret in caplog.text for secret in masked)


@contextmanager
def webhook_texts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The texts that a server behind the Connection OPS gets."""
    got: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with serving(HTTPServer(("127.0.0.1", 0), Hook)) as port:
        connection = {"conn_type": "http", "host": "http://127.0.0.1", "port": port}
        monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps(connection))
        yield got


def test_an_errors_text_is_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook_texts(monkeypatch) as got:
        assert sent([Alert("k", False, Diagnosis("{{ 6 * 7 }}"))], connection="OPS") == ()
    assert "{{ 6 * 7 }}" in got[0]


@pytest.mark.parametrize(
    ("conn_type", "why"),
    [("ftp", "has the type ftp; allowed: http, slackwebhook"), ("slackwebhook", "apache-airflow-providers-slack")],
)
def test_a_way_that_cannot_be_gone_says_what_is_missing(
    conn_type: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if conn_type == "slackwebhook" and find_spec("airflow.providers.slack"):
        pytest.skip("the Slack provider is installed here")
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({"conn_type": conn_type, "host": "h"}))
    (one,) = with_alerts((), [BEGUN], NOW)
    with pytest.raises(NotSent, match=why):
        notifier("connection", "ingestion", one, Recipients("", "OPS"))


def test_a_test_notification_says_whether_anybody_hears_us(
    variables: VariableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = AlertTestOperator(task_id="t", job=INGESTION, env={})
    with pytest.raises(AirflowFailException, match="nobody would be told"):
        task.execute({})
    variables["ALERT_CONNECTION"] = "OPS"
    with pytest.raises(AirflowFailException, match="not sent by connection"):
        task.execute({})
    with webhook_texts(monkeypatch) as got:
        task.execute({})
    assert got == ["[ingestion] Alert: test\nthis is a test: all is as it was. Next step: none."]


@pytest.mark.parametrize("host", ["file:///etc/passwd", "ftp://h", "file://h/x", "", "http://"])
def test_only_the_web_is_a_webhook(host: str) -> None:
    with pytest.raises(ValueError, match="has to name a host, by http or https"):
        address(Connection(conn_id="c", host=host))


ADDRESSES = {
    "https unless it says otherwise": (Connection(conn_id="c", host="hooks.example.org"), "https://hooks.example.org/"),
    "a schema of its own": (Connection(conn_id="c", host="hooks", schema="http", port=8000), "http://hooks:8000/"),
    "the whole address": (
        Connection(conn_id="c", host="https://hooks.example.org/a/b"),
        "https://hooks.example.org/a/b",
    ),
    "a port and a path": (
        Connection(conn_id="c", host="https://hooks.example.org/a/b", port=8443),
        "https://hooks.example.org:8443/a/b",
    ),
    "a path and the secret rest of it": (
        Connection(conn_id="c", host="hooks.example.org/a/", extra='{"endpoint": "/T0/B0"}'),
        "https://hooks.example.org/a/T0/B0",
    ),
    "a query": (
        Connection(conn_id="c", host="https://hooks.example.org/a?token=b"),
        "https://hooks.example.org/a?token=b",
    ),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_address(case: str) -> None:
    connection, expected = ADDRESSES[case]
    assert address(connection) == expected
