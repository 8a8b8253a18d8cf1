"""The processes of a driver, as its status names them: which live, how to ask them to stop, how to make sure.

For the host (or container) a driver runs on. Elsewhere nothing here reaches it: a newer token ends it at its next
heartbeat.
"""

import logging
import os
import re
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from spark_jobs.documents.lease import newest_token, token_driver
from spark_jobs.documents.status import Driver
from spark_jobs.paths import Layout

log = logging.getLogger(__name__)

_START_TIME_TOLERANCE_S = 2.0
_COMMAND = re.compile(r"\bspark_jobs[./]\w+|org\.apache\.spark\.deploy\.SparkSubmit")
"""the driver's Python, and the JVM that it started or that started it"""


def this_host() -> str:
    """Name this host, and the space its process ids are from: two containers may share one, or may not."""
    return f"{socket.gethostname()}/{_process_space()}"


def is_on_this_host(driver: Driver) -> bool:
    """Return whether the driver's process ids are from the space of ours."""
    return driver.host.partition("/")[2] == _process_space()


@cache
def _process_space() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # not Linux
        return socket.gethostname()


def started_at(process: psutil.Process) -> float:
    """Return the seconds from the machine's boot to the process' start: its time of day moves when the clock is set."""
    return float(process.create_time() - psutil.boot_time())


def running(driver: Driver) -> list[psutil.Process]:
    """Return the driver's processes that still live on this host; a pid that came round again is not one of them."""
    return list(_running(driver).values())


def _running(driver: Driver) -> dict[str, psutil.Process]:
    if not is_on_this_host(driver):
        return {}
    alive = {}
    for process in driver.processes:
        try:
            found = psutil.Process(process.pid)
            same = abs(started_at(found) - process.started_at) < _START_TIME_TOLERANCE_S
            if same and found.status() != psutil.STATUS_ZOMBIE:
                alive[process.role] = found
        except psutil.NoSuchProcess:
            continue
    return alive


def is_certainly_dead(driver: Driver) -> bool:
    """Return whether the driver ran on this host and does not any more. False where only another host could know."""
    return is_on_this_host(driver) and not running(driver)


def instance_is_certainly_dead(layout: Layout, instance: str) -> bool:
    """Return the same of a driver known by name only: its token says who it was."""
    for number in range(newest_token(layout), 0, -1):
        driver = token_driver(layout, number)
        if driver is not None and driver.instance == instance:
            return is_certainly_dead(driver)
    return False


def _ending(driver: Driver) -> dict[str, psutil.Process]:
    """Find those that may be ended: the document that names them could name any process of this user."""
    return {role: process for role, process in _running(driver).items() if _is_of_a_driver(process)}


def _is_of_a_driver(process: psutil.Process) -> bool:
    try:
        return process.uids().real == os.getuid() and bool(_COMMAND.search(" ".join(process.cmdline())))
    except psutil.Error:
        return False


def ask_to_stop(driver: Driver) -> bool:
    """Send SIGTERM to the Python driver, which then finishes its batches; False where there is none here."""
    python = _ending(driver).get("python")
    if python is None:
        return False
    with suppress(psutil.NoSuchProcess):
        python.terminate()
    return True


def stop(driver: Driver, patience_s: float) -> bool:
    """Ask, wait, and make sure. True where it ended by itself."""
    found = list(_ending(driver).values())  # before it is asked: one that is just ending has no command any more
    can_end_itself = ask_to_stop(driver)
    _, left = psutil.wait_procs(found, timeout=patience_s if can_end_itself else 0)
    if left:
        end_now(driver)
    return not left


def end_now(driver: Driver) -> None:
    """Kill what is left of a driver on this host. Nothing is lost by it: the publication log is crash-safe."""
    found = _ending(driver).values()
    # With the children: the driver may have written its last status before it had a JVM.
    left = list({child.pid: child for process in found for child in [process, *_children(process)]}.values())
    for process in left:
        log.warning("ending the older driver %s (process %s)", driver.instance, process.pid)
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=5)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return children
