"""A driver that is started elsewhere: as if it ran here while both sides live, and on its own when this side goes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from spark_streams import driver_host

from playground.run.waiting import wait_until

PROGRAM = str(Path(driver_host.__file__))
TIMEOUT_S = 30
# Tells its pid, and ends with 7 where it is asked to.
PATIENT = "trap 'exit 7' TERM; echo $$; while :; do sleep 0.1; done"

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    """Each is ended afterwards, with its group."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "socket"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "driver.log"


@pytest.fixture
def serve(processes: list["subprocess.Popen[str]"], socket: Path) -> Callable[[], "subprocess.Popen[str]"]:
    def start() -> "subprocess.Popen[str]":
        processes.append(subprocess.Popen([sys.executable, "-I", PROGRAM, "serve", str(socket)], text=True))
        return processes[-1]

    return start


@pytest.fixture
def run(processes: list["subprocess.Popen[str]"], socket: Path, log: Path) -> Run:
    def start(script: str, **more: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-I", PROGRAM, "run", str(socket), "bash", "-c", script]
        env = {"PATH": os.environ["PATH"], "DRIVER_LOG": str(log), **more}
        processes.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    return start


def driver(log: Path) -> psutil.Process:
    """The process that PATIENT is, once it runs."""
    wait_until(lambda: log.is_file() and log.read_text().endswith("\n"), "the driver runs", TIMEOUT_S)
    return psutil.Process(int(log.read_text()))


def ends(process: psutil.Process) -> bool:
    return not psutil.wait_procs([process], timeout=TIMEOUT_S)[1]


def test_it_ends_as_the_driver_ends_and_the_driver_has_its_environment_and_log(
    serve: Callable[[], object], run: Run, log: Path
) -> None:
    serve()
    assert run("echo $WORD; exit 3", WORD="given").wait(TIMEOUT_S) == 3
    assert log.read_text() == "given\n"
    assert run("kill -9 $$").wait(TIMEOUT_S) == 137


def test_it_waits_for_a_host_that_is_still_starting(serve: Callable[[], object], run: Run) -> None:
    waiting = run("exit 5")
    serve()
    assert waiting.wait(TIMEOUT_S) == 5


def test_the_driver_outlives_the_one_who_started_it(serve: Callable[[], object], run: Run, log: Path) -> None:
    serve()
    starter = run(PATIENT)
    started = driver(log)
    starter.kill()
    starter.wait()
    assert run("exit 0").wait(TIMEOUT_S) == 0, "the host serves on"
    assert started.is_running()
    started.kill()


def test_sigterm_ends_the_driver(serve: Callable[[], object], run: Run, log: Path) -> None:
    serve()
    starter = run(PATIENT)
    started = driver(log)
    starter.terminate()
    assert starter.wait(TIMEOUT_S) == 7
    assert ends(started)


def test_one_that_does_not_stop_is_killed(serve: Callable[[], object], run: Run, log: Path) -> None:
    serve()
    starter = run(PATIENT.replace("exit 7", ":"))
    driver(log)
    starter.terminate()
    assert starter.wait(TIMEOUT_S) == 128 + signal.SIGKILL


def test_a_host_that_stops_lets_its_drivers_finish(
    serve: Callable[[], "subprocess.Popen[str]"], run: Run, log: Path
) -> None:
    host, starter = serve(), run(PATIENT.replace("exit 7", "sleep 1; echo finished; exit 0"))
    driver(log)
    host.terminate()
    assert host.wait(TIMEOUT_S) == 0
    assert log.read_text().endswith("finished\n")
    assert starter.wait(TIMEOUT_S) == 0


def test_what_cannot_be_started_is_a_sentence(
    serve: Callable[[], object], processes: list["subprocess.Popen[str]"], socket: Path, log: Path
) -> None:
    serve()
    wait_until(socket.exists, "the host listens", TIMEOUT_S)
    command = [sys.executable, "-I", PROGRAM, "run", str(socket), "/no/such/program"]
    env: Mapping[str, str] = {"DRIVER_LOG": str(log)}
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (told.returncode, "/no/such/program" in told.stdout) == (69, True)


def test_only_its_own_user_may_start_drivers(serve: Callable[[], object], socket: Path) -> None:
    serve()
    wait_until(socket.exists, "the host listens", TIMEOUT_S)
    assert socket.stat().st_mode & 0o777 == 0o600
