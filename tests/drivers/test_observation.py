"""What can be seen of a real process, and what of a heartbeat alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Driver, JobState, Process, Status, read_status, show_life, write_status
from spark_jobs.drivers import processes
from spark_jobs.drivers.observation import DriverObserver, live_driver, looks_alive
from spark_jobs.paths import Layout
from tests.supervision.far_driver import FarDriver

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STALE = timedelta(seconds=10)
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
OBEDIENT = "import time; print(1, flush=True); time.sleep(600)"
AS_A_DRIVER = "/repository/spark_jobs/ingestion_job.py"


@pytest.fixture(params=[OBEDIENT, STUBBORN], ids=["obedient", "stubborn"])
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", request.param, AS_A_DRIVER], stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        yield running
        running.kill()


def status(pid: int, host: str | None = None) -> Status:
    python = Process("python", pid, processes.started_at(psutil.Process(pid)))
    driver = Driver("a-1", host or processes.this_host(), (python,))
    return Status("ingestion", driver, 1, iso(NOW), iso(NOW), JobState.RUNNING, "f")


def test_a_killed_driver_is_seen_at_once(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    layout = Layout(tmp_path)
    observer = DriverObserver(layout)
    assert observer.look(0).status is None
    write_status(layout, status(process.pid))
    assert observer.look(0).is_live(STALE)
    process.kill()
    process.wait()
    observation = observer.look(2)
    assert (observation.is_gone, observation.is_live(STALE)) == (True, False)
    assert not looks_alive(read_status(layout), NOW, STALE)


def test_on_another_host_only_silence_tells(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    layout = Layout(tmp_path)
    observer = DriverObserver(layout)
    write_status(layout, status(process.pid, host="elsewhere"))
    later = NOW + timedelta(seconds=60)
    assert not observer.look(100).is_silent(STALE), "we have only just begun to watch"
    assert not observer.look(109).is_silent(STALE)
    assert observer.look(111).is_silent(STALE)
    write_status(layout, replace(status(process.pid, host="elsewhere"), at=iso(later)))
    assert not observer.look(130).is_silent(STALE)


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_is_wrong_hides_nobody_and_ends_nobody(
    ahead: timedelta, tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    """Another host's, or ours that was set back: only what is seen to change counts."""
    layout, observer = Layout(tmp_path), DriverObserver(Layout(tmp_path))
    for second in range(0, 60, 5):
        at = iso(datetime.now(UTC) + ahead + timedelta(seconds=second))
        write_status(layout, replace(status(process.pid), at=at))
        assert observer.look(second).is_live(STALE)
    assert observer.look(70).is_silent(STALE)


@pytest.mark.parametrize("by_s", [-3600.0, 3600.0])
def test_a_clock_that_is_set_makes_no_living_process_another_one(
    by_s: float, tmp_path: Path, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel keeps when a process started in time since the boot: its time of day moves with the clock."""
    before = status(process.pid)
    write_status(Layout(tmp_path), before)
    booted_at = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted_at + by_s)
    assert DriverObserver(Layout(tmp_path)).look(0).is_live(STALE)
    processes.end_now(before.driver)
    assert process.poll() is not None, "and one that hangs can still be ended"


def test_a_driver_is_asked_to_stop_and_then_made_to(process: subprocess.Popen[bytes]) -> None:
    is_obedient = process.args[2] == OBEDIENT  # type: ignore[index]
    driver = status(process.pid).driver
    assert processes.stop(driver, patience_s=30 if is_obedient else 0.2) is is_obedient
    assert processes.running(driver) == []


def test_a_process_that_is_no_driver_is_not_ended_whatever_the_status_says() -> None:
    with subprocess.Popen([sys.executable, "-c", OBEDIENT], stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        driver = status(other.pid).driver
        assert processes.running(driver), "it lives"
        processes.stop(driver, patience_s=0)
        processes.end_now(driver)
        assert other.poll() is None
        other.kill()


def test_a_driver_that_cannot_write_shows_life_all_the_same(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    layout = Layout(tmp_path)
    observer = DriverObserver(layout)
    show_life(layout)
    write_status(layout, status(process.pid, host="elsewhere"))
    observer.look(100)
    os.utime(layout.status, ns=(0, 0))
    assert not observer.look(111).is_silent(STALE), "touched since the last look"
    show_life(layout)
    assert not observer.look(121.5).is_silent(STALE)
    assert observer.look(132).is_silent(STALE)


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(seconds=15)])
def test_a_driver_elsewhere_lives_as_long_as_its_heartbeat_goes_on_whatever_its_clock_says(
    ahead: timedelta, tmp_path: Path
) -> None:
    with FarDriver(Layout(tmp_path), ahead) as far:
        found = live_driver(Layout(tmp_path), STALE)
    assert found
    assert found.driver == far.driver
    assert live_driver(Layout(tmp_path), timedelta(seconds=0.1)) is None, "it was silent for as long as we watched"


def test_a_driver_elsewhere_that_says_that_it_has_stopped_is_not_waited_for(tmp_path: Path) -> None:
    with FarDriver(Layout(tmp_path)) as far:
        pass
    far.beat(JobState.STOPPED)
    assert live_driver(Layout(tmp_path), STALE) is None


def test_on_this_host_one_look_tells(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    layout = Layout(tmp_path)
    assert live_driver(layout, STALE) is None
    write_status(layout, replace(status(process.pid), at=iso(datetime.now(UTC))))
    assert live_driver(layout, STALE)
    process.kill()
    process.wait()
    assert live_driver(layout, STALE) is None
