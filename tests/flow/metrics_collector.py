"""An OpenTelemetry collector that keeps what it gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from playground.run.ports import HOST


class Collector(ThreadingHTTPServer):
    """What was sent, as it came: names stand in it as they are."""

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        self.received: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def has(self, name: str) -> bool:
        return any(name.encode() in sent for sent in list(self.received))


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def metrics_collector() -> Iterator[Collector]:
    with Collector() as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()
