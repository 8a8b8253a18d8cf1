"""Processes of one playground: started with a mark in their environment, found by it, ended in order.

The mark finds what a process tree does not: orphaned drivers, and leftovers of a launcher that was killed.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "PLAYGROUND_ID"


@dataclass(frozen=True)
class Service:
    """A started process and its log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None


def start_service(name: str, command: list[str], env: Mapping[str, str], log: Path) -> Service:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    with log.open("wb") as output:
        # Its own session: Ctrl-C in a terminal reaches only the launcher, which ends the others in order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
    return Service(name, process, log)


def end_service(service: Service, patience_s: float) -> None:
    """Send SIGTERM; after `patience_s` SIGKILL, to its children too."""
    if not service.is_running:
        return
    descendants = _descendants(service.process.pid)
    service.process.terminate()
    try:
        service.process.wait(patience_s)
    except subprocess.TimeoutExpired:
        service.process.kill()
        end_processes(descendants, patience_s=0)
        service.process.wait()


def marked_processes(mark: str) -> Iterator[psutil.Process]:
    """Find every process with this mark in its environment, except this one."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                yield process
        except (psutil.Error, OSError):
            continue  # it ended, or is another user's


def end_processes(processes: list[psutil.Process], patience_s: float) -> int:
    """Send SIGTERM, after `patience_s` SIGKILL (0: only SIGKILL); return how many processes were alive."""
    alive = [process for process in processes if process.is_running()]
    for process in alive if patience_s else ():
        _signal(process, "terminate")
    _, remaining = psutil.wait_procs(alive, timeout=patience_s)
    for process in remaining:
        _signal(process, "kill")
    psutil.wait_procs(remaining, timeout=5)
    return len(alive)


def command_line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except (psutil.Error, OSError):
        return []


def _signal(process: psutil.Process, name: str) -> None:
    with suppress(psutil.NoSuchProcess):
        getattr(process, name)()


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []
