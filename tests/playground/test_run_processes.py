"""The mark in the environment finds processes that the process tree has lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from playground.run.processes import MARK, end_processes, end_service, marked_processes, start_service
from playground.run.waiting import wait_until

ORPHAN = """
import subprocess, sys
sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
print(subprocess.Popen(sleeper, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
"""
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


def test_an_orphan_is_found_and_ended(tmp_path: Path) -> None:
    env = {**os.environ, MARK: str(tmp_path)}
    parent = subprocess.run([sys.executable, "-c", ORPHAN], env=env, capture_output=True, text=True, check=True)
    found = list(marked_processes(str(tmp_path)))
    assert [process.pid for process in found] == [int(parent.stdout)]
    assert end_processes(found, patience_s=5) == 1
    assert list(marked_processes(str(tmp_path))) == []


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    env = {**os.environ, MARK: str(tmp_path)}
    service = start_service(
        "ignores-sigterm", [sys.executable, "-c", IGNORES_SIGTERM], env, tmp_path / "ignores-sigterm.log"
    )
    wait_until(lambda: "ready" in service.log.read_text(), "it is ready", 30, poll_s=0.05)
    end_service(service, patience_s=0.3)
    assert service.process.returncode == -signal.SIGKILL
    assert list(marked_processes(str(tmp_path))) == []


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    for word in ("first", "second"):
        start_service("echo", ["echo", word], os.environ, tmp_path / "echo.log").process.wait()
    assert (tmp_path / "echo.log").read_text() == "second\n"
    assert (tmp_path / "echo.previous.log").read_text() == "first\n"
