"""Drivers that run elsewhere than the task that starts them: in a container that Airflow's restarts do not touch.

    python driver_host.py serve SOCKET             # there: starts what it is told to, and stops it at its own end
    python driver_host.py run SOCKET COMMAND ...   # here: in the place of COMMAND; ends as that ends

Whoever may open the socket may run programs there: it is for the one user, in a folder that only the two share. Needs
the standard library alone. docs/decisions/0013 says why it is there.
"""

import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_CONNECT_TIMEOUT_S = 60.0
"""the host of the drivers may itself be starting again"""
_STOP_TIMEOUT_S = 3.0
_OUT_OF_REACH = 69
"""EX_UNAVAILABLE"""
_END = b"end\n"


class DriverHost(socketserver.ThreadingUnixStreamServer):
    """Starts a driver for each connection, in a session of its own. One that is cut off goes on."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)  # of the one before
        before = os.umask(0o177)
        super().__init__(str(path), _Connection)
        os.umask(before)  # the drivers inherit it
        self.started: set[subprocess.Popen[bytes]] = set()

    def stop(self) -> None:
        """Ask every driver to stop and wait until they have, as long as whoever stops us lets us."""
        for process in list(self.started):
            _signal_group(process, signal.SIGTERM)
        for process in list(self.started):
            process.wait()


class _Connection(socketserver.StreamRequestHandler):
    """A request, the driver's exit code as the answer, and meanwhile perhaps the word that it is to end."""

    server: DriverHost

    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return  # a health check
        asked = json.loads(line)
        try:
            process = _start(asked["command"], asked["env"])
        except OSError as failure:
            self._answer({"failure": str(failure)})
            return
        self.server.started.add(process)
        threading.Thread(target=self._end_when_told, args=[process], daemon=True).start()
        code = process.wait()
        self.server.started.discard(process)
        self._answer({"exit_code": code})

    def _end_when_told(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(OSError):
            if self.rfile.readline() != _END:
                return  # whoever started it is gone
            _signal_group(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT_S)
            _signal_group(process, signal.SIGKILL)

    def _answer(self, answer: Mapping[str, Any]) -> None:
        with suppress(OSError):
            self.wfile.write(json.dumps(answer).encode() + b"\n")


def _start(command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with Path(env["DRIVER_LOG"]).open("ab") as output:
        return subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def serve(path: Path) -> None:
    """Serve until SIGTERM; then the drivers stop too."""
    with DriverHost(path) as host:
        # From a thread: shutdown() waits for the loop that the signal interrupts.
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=host.shutdown).start())
        host.serve_forever()
        host.stop()


def run(path: Path, command: Sequence[str], env: Mapping[str, str]) -> int:
    """Have the command run there, with this environment; return its exit code. SIGTERM ends it there."""
    try:
        connection = _connected(path)
    except OSError as failure:
        print(f"the host of the drivers does not answer at {path} ({failure.strerror}): is it running?", flush=True)
        return _OUT_OF_REACH
    with connection:
        connection.sendall(json.dumps({"command": list(command), "env": dict(env)}).encode() + b"\n")
        signal.signal(signal.SIGTERM, lambda *_: connection.sendall(_END))
        answer = json.loads(connection.makefile().readline() or '{"failure": "the host of the drivers ended"}')
    if "failure" in answer:
        print(answer["failure"], flush=True)
        return _OUT_OF_REACH
    code = int(answer["exit_code"])
    return 128 - code if code < 0 else code


def _connected(path: Path) -> socket.socket:
    deadline = time.monotonic() + _CONNECT_TIMEOUT_S
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return connection


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", path]:
            serve(Path(path))
        case ["run", path, *command] if command:
            sys.exit(run(Path(path), command, os.environ))
        case _:
            sys.exit(__doc__)
