"""How the job begins and ends: what it refuses to start with, which signals it obeys, what it leaves behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from playground.run.settings import CHECKOUT
from spark_jobs.diagnosis import START_OVER
from spark_jobs.documents.identity import IDENTITY, claim
from spark_jobs.drivers.exit_codes import WRONG_SETTINGS
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from tests.flow.driver import Driver, Place

Start = Callable[..., Driver]

LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
MODULE = ("-m", "spark_jobs.ingestion_job")
AS_A_FILE = ("spark_jobs/ingestion_job.py",)


def ran(place: Place, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to end by itself, before there is any Spark."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=place.environment() | settings,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def nowhere(tmp_path: Path) -> Place:
    """Paths of the test's own, and a broker that nobody connects to."""
    return Place(tmp_path, "127.0.0.1:9")


def test_a_log_level_that_is_none_is_refused_with_a_sentence(nowhere: Place) -> None:
    refused = ran(nowhere, *MODULE, LOG_LEVEL="loud")
    assert refused.returncode == WRONG_SETTINGS
    assert refused.stderr.startswith("LOG_LEVEL is 'loud'; allowed: ")
    assert len(refused.stderr.splitlines()) == 1


def test_settings_that_are_not_allowed_are_told_all_at_once(nowhere: Place) -> None:
    wrong = {
        "KAFKA_BOOTSTRAP_SERVERS": "no port here",
        "KAFKA_TOPIC_TAXI": "taxi trips!",
        "BATCH_INTERVAL": "soon",
        "MAX_OFFSETS_PER_TRIGGER": "0",
        "OUTPUT_BASE_PATH": "relative/path",
        "ACCIDENT_TIME_ZONE": "Boston",
        "ON_LOST_MESSAGES": "shrug",
    }
    others = {"ENABLE_PEARSON_CORRELATIONS": "perhaps"}  # the analytics job's: no concern of this one
    refused = ran(nowhere, *MODULE, **wrong, **others)
    assert refused.returncode == WRONG_SETTINGS
    lines = {line.split(" ")[0]: line for line in refused.stderr.splitlines() if "; allowed: " in line}
    assert set(lines) == set(wrong)
    for name, value in wrong.items():
        before, _, allowed = lines[name].partition("; allowed: ")
        assert before == f"{name} is {value!r}"
        assert allowed.strip(), lines[name]
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("setting", ["OUTPUT_BASE_PATH", "CHECKPOINT_BASE_PATH"])
def test_a_path_that_cannot_be_written_is_refused_with_a_sentence(nowhere: Place, setting: str) -> None:
    file = nowhere.folder / "a file"
    file.write_text("")
    refused = ran(nowhere, *MODULE, **{setting: str(file / "below")})
    assert refused.returncode == WRONG_SETTINGS
    assert f"{file / 'below'} cannot be written" in refused.stderr
    assert setting in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("setting", ["OUTPUT_BASE_PATH", "CHECKPOINT_BASE_PATH"])
def test_a_folder_of_the_other_job_is_refused(nowhere: Place, setting: str) -> None:
    theirs = nowhere.folder / "theirs"
    claim(theirs, "analytics", datetime.now(UTC))
    refused = ran(nowhere, *MODULE, **{setting: str(theirs)})
    assert refused.returncode == WRONG_SETTINGS
    assert f"{theirs} belongs to the analytics job" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert [path.name for path in theirs.iterdir()] == [IDENTITY]


@pytest.mark.parametrize("started_as", [MODULE, AS_A_FILE])
def test_help_says_what_the_job_is(nowhere: Place, started_as: tuple[str, ...]) -> None:
    helped = ran(nowhere, *started_as, "--help")
    assert helped.returncode == 0, helped.stderr
    assert "Usage:" in helped.stdout
    assert "until it is asked to stop" in helped.stdout


def test_data_without_a_log_or_with_a_damaged_one_are_left_alone_and_sigterm_lets_the_batch_finish(
    place: Place, drivers: Start
) -> None:
    damaged = Layout(place.output).log("taxi_trips") / f"{7:020}.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"")
    stray = Layout(place.output).dataset("bike_trips") / "year=2018" / "stray.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"")
    driver = drivers(place, pause_at="weather_data:staged:1")

    driver.wait_until(lambda: driver.stream("bike_trips").get("state") == "broken", "the bikes are refused")
    bikes = driver.stream("bike_trips")
    assert f"{stray.parents[1]} holds data but" in bikes["last_error"]
    assert "has no log" in bikes["last_error"]
    assert START_OVER in bikes["next_step"]
    assert f"{bikes['last_error']}. Next step: {bikes['next_step']}" in driver.said()
    driver.wait_until(lambda: driver.stream("taxi_trips").get("state") == "broken", "the taxis are refused")
    taxis = driver.stream("taxi_trips")
    assert f"{damaged} is no log entry" in taxis["last_error"]
    assert "'The log is damaged'" in taxis["next_step"]

    driver.wait_until_paused()
    assert listens_beyond_this_machine(driver.processes()) == []
    driver.process.send_signal(signal.SIGTERM)
    driver.wait_until(lambda: driver.status()["state"] == "stopping", "it is stopping")
    assert newest_entry(place, "weather_data") == 0, "the batch in hand is not published yet"
    driver.pause_file.unlink()
    assert driver.process.wait(180) == 0, driver.said()
    assert newest_entry(place, "weather_data") == 1
    assert driver.status()["state"] == "stopped"
    assert not Layout(place.output).log("bike_trips").exists()
    assert [path for path in stray.parents[1].glob("**/*") if path.is_file()] == [stray]


@pytest.mark.parametrize(
    ("signal_number", "is_sent_to_all"),
    [(signal.SIGINT, True), (signal.SIGTERM, False)],
    ids=["SIGINT to its group", "SIGTERM to itself"],
)
def test_a_signal_to_spark_submit_ends_the_job_gracefully(
    place: Place, drivers: Start, signal_number: signal.Signals, is_sent_to_all: bool
) -> None:
    driver = drivers(place, is_submitted=True)
    driver.wait_until(driver.is_running, "it runs")
    processes = driver.processes()
    assert processes["jvm"].pid == driver.process.pid
    assert listens_beyond_this_machine(processes) == []
    if is_sent_to_all:
        os.killpg(driver.process.pid, signal_number)
    else:
        driver.process.send_signal(signal_number)
    assert driver.process.wait(90) == 0, driver.said()
    assert driver.status()["state"] == "stopped", driver.said()
    assert_all_gone(processes)


def test_with_spark_submit_too_neither_half_outlives_the_other(place: Place, drivers: Start) -> None:
    for victim in ("jvm", "python"):
        driver = drivers(place, is_submitted=True)
        driver.wait_until(driver.is_running, "it runs")
        processes = driver.processes()
        processes[victim].kill()
        assert driver.process.wait(180) != 0
        assert_all_gone(processes)


def assert_all_gone(processes: Mapping[str, psutil.Process]) -> None:
    _, left = psutil.wait_procs(list(processes.values()), timeout=180)
    assert not left


def listens_beyond_this_machine(processes: Mapping[str, psutil.Process]) -> list[str]:
    """What the job's processes listen on that is not loopback."""
    tree = {child.pid: child for process in processes.values() for child in (process, *process.children(True))}
    listening = [address for process in tree.values() for address in listening_addresses(process)]
    assert listening, "at least the JVM's gateway to Python listens"
    return [f"{ip}:{port}" for ip, port in listening if ip not in LOOPBACK]


def listening_addresses(process: psutil.Process) -> list[tuple[str, int]]:
    """None of a process that has ended: Spark's worker processes come and go."""
    try:
        sockets = process.net_connections("inet")
    except psutil.NoSuchProcess:
        return []
    return [
        (socket.laddr.ip, socket.laddr.port)
        for socket in sockets
        if socket.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    ]


def newest_entry(place: Place, feed: str) -> int:
    return max(PublicationLog(Layout(place.output), feed).seqs(), default=-1)
