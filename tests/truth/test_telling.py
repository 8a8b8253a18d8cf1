"""The threads that tell go on, whatever they meet: damaged documents, vanished processes, a full disk."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents import requests
from spark_jobs.documents.lease import newest_token, token_driver, token_path
from spark_jobs.documents.status import JobState, life_shown_at, read_status
from spark_jobs.documents.watch_memory import WatchMemory, read_memory
from spark_jobs.runtime import driver_log
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.desired_state_reader import DesiredStateReader
from spark_jobs.runtime.driver_process import JvmTie, driver_identity
from spark_jobs.runtime.lease import acquire_lease
from spark_jobs.runtime.stream import look_at
from tests.ingestion.feed_by_hand import Broker, broker_by_hand
from tests.patience import wait_until
from tests.truth.running_job import RunningJob, run_of_ingestion

NULS = b"\0" * 300
"""what a power cut leaves of a document"""


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    return broker_by_hand(monkeypatch)


@pytest.fixture
def job(broker: Broker, tmp_path: Path) -> RunningJob:
    return RunningJob(tmp_path, broker)


# -- switches -------------------------------------------------------------------------------------------------------

ON = {"schema_version": 1, "streams": {"bike_trips": True}}
UNREADABLE = {
    "a text where a boolean is to be": json.dumps({**ON, "job_enabled": "false"}).encode(),
    "a text for a stream": json.dumps({**ON, "streams": {"bike_trips": "off"}}).encode(),
    "a number": json.dumps({**ON, "job_enabled": 0}).encode(),
    "a list of streams": json.dumps({**ON, "streams": ["bike_trips"]}).encode(),
    "cut short": b'{"schema_version": 1, "job_ena',
    "what a power cut leaves": NULS,
    "nothing": b"",
    "another version": b'{"schema_version": 2}',
}


def write_switches(job: RunningJob, content: bytes) -> None:
    job.run.layout.switches.write_bytes(content)
    job.run._follow_switches()


def is_off(job: RunningJob) -> bool:
    return not job.supervisor.is_on


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_switches_that_cannot_be_read_change_nothing_and_are_told_until_they_can(
    content: bytes, job: RunningJob
) -> None:
    write_switches(job, json.dumps({**ON, "streams": {"bike_trips": False}}).encode())
    assert is_off(job)
    write_switches(job, content)
    assert is_off(job), "what was said before holds"
    assert not job.run._asked_to_stop.is_set()
    (warning,) = job.document().warnings
    assert "switches.json cannot be read and changes nothing" in warning
    write_switches(job, json.dumps(ON).encode())
    assert not is_off(job)
    assert job.document().warnings == ()


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_a_job_does_not_start_on_switches_that_nobody_can_read(content: bytes, job: RunningJob) -> None:
    job.run.layout.switches.write_bytes(content)
    with pytest.raises(StreamFault, match="nobody knows whether ingestion is to run") as refusal:
        DesiredStateReader(job.run.layout).refuse_unreadable("ingestion")
    assert not refusal.value.diagnosis.retryable


def test_switches_without_streams_are_followed_again_and_again(job: RunningJob) -> None:
    write_switches(job, b'{"schema_version": 1, "job_enabled": true}')
    assert not is_off(job)
    write_switches(job, json.dumps({**ON, "streams": {"bike_trips": False}}).encode())
    assert is_off(job)
    write_switches(job, b'{"schema_version": 1, "job_enabled": false}')
    assert job.run._asked_to_stop.is_set()


# -- documents of a power cut ---------------------------------------------------------------------------------------


def test_nobody_stumbles_over_documents_of_nul_bytes(job: RunningJob) -> None:
    layout, me = job.run.layout, driver_identity("me", None)
    for path in (layout.status, layout.switches, layout.hold, layout.watch, layout.failed_start, token_path(layout, 1)):
        path.write_bytes(NULS)
    layout.requests.mkdir()
    (layout.requests / "one.json").write_bytes(NULS)
    assert read_status(layout) is None
    assert token_driver(layout, newest_token(layout)) is None
    assert read_memory(layout) == WatchMemory()
    assert isinstance(requests.next_request(layout), requests.Unreadable)
    assert acquire_lease(layout, me, timedelta(seconds=10), utc_now).token == 2
    assert job.document().state == JobState.RUNNING


# -- the heartbeat --------------------------------------------------------------------------------------------------


@pytest.fixture
def beating(job: RunningJob) -> Iterator[RunningJob]:
    """A job whose heartbeat runs, a hundred times as fast as usual."""
    fast = job.run.settings.model_copy(update={"HEARTBEAT_INTERVAL": timedelta(milliseconds=20)})
    job.run.settings = fast
    heart = job.run._threads.begin("heartbeat", job.run._beat)
    yield job
    job.run.heartbeat.state = JobState.STOPPED
    heart.join(10)
    assert not heart.is_alive()


def goes_on(job: RunningJob) -> None:
    """Wait for three more signs of life."""
    for _ in range(3):
        before = life_shown_at(job.run.layout)
        wait_until(lambda before=before: life_shown_at(job.run.layout) != before)  # type: ignore[misc]


def test_the_heartbeat_goes_on_where_the_log_cannot_be_emptied(
    beating: RunningJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    log = tmp_path / "driver.log"
    with log.open("wb") as file:
        file.truncate(driver_log.MOST_BYTES + 1)
    monkeypatch.setattr(os, "truncate", fails)
    beating.run.heartbeat.log_file = str(log)
    wait_until(lambda: "the heartbeat failed and goes on" in caplog.text)
    goes_on(beating)


def test_the_heartbeat_goes_on_where_the_status_cannot_be_written(
    beating: RunningJob, caplog: pytest.LogCaptureFixture
) -> None:
    goes_on(beating)
    status = beating.run.layout.status
    status.unlink()
    status.mkdir()  # a full disk refuses the document too, and lets its time be set
    wait_until(lambda: "the heartbeat could not be written" in caplog.text)
    goes_on(beating)
    status.rmdir()
    wait_until(lambda: read_status(beating.run.layout) is not None)


def test_the_heartbeat_goes_on_where_a_question_about_the_jvm_fails(
    beating: RunningJob, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd:
        def jvm_is_gone(self) -> bool:
            raise psutil.AccessDenied(1)

    goes_on(beating)
    beating.run._jvm = cast(Any, Odd())
    wait_until(lambda: "the heartbeat failed and goes on" in caplog.text)
    beating.run._jvm = None
    goes_on(beating)


def test_a_jvm_that_vanished_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    handle = SimpleNamespace(current=lambda: SimpleNamespace(pid=lambda: process.pid))
    java = SimpleNamespace(java=SimpleNamespace(lang=SimpleNamespace(ProcessHandle=handle)))
    tie = JvmTie(SimpleNamespace(_jvm=java))
    assert not tie.jvm_is_gone()
    process.kill()
    wait_until(tie.jvm_is_gone)  # a zombie
    process.wait()
    assert tie.jvm_is_gone()


def test_a_thread_that_has_ended_all_the_same_is_told(job: RunningJob) -> None:
    job.run._threads.begin("requests", lambda: None).join(10)
    assert job.document().warnings == ("the thread for requests has ended: start the job again",)


# -- looks ----------------------------------------------------------------------------------------------------------


def test_a_look_that_hangs_keeps_no_other_stream_from_being_looked_at(tmp_path: Path) -> None:
    run = run_of_ingestion(tmp_path, follows_switches=False)
    hung, looked = threading.Event(), threading.Event()

    def stream(name: str, look: Any) -> Any:
        record = SimpleNamespace(name=name, is_on=True)
        return SimpleNamespace(record=record, look_at_lag=look, dataset=SimpleNamespace(log=cast(Any, None)))

    for name, look in (("bike_trips", hung.wait), ("taxi_trips", looked.set)):
        run._threads.every(0.001, name, look_at(stream(name, look)))
    assert looked.wait(10)
    hung.set()
    run._asked_to_stop.set()


def test_a_stream_that_cannot_be_looked_at_says_why_once_it_is_unknown(job: RunningJob, broker: Broker) -> None:
    with job.started():
        broker.is_away = True
        job.look()
        told = job.says(after_s=31)
        assert told.waits_for is not None
        assert told.waits_for.startswith("Kafka at localhost:9092 cannot be reached (timed out): ")
