"""Requests where the job is off: carried out once, by one process, and left to the job where it runs."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import typer

from spark_jobs import run_requests
from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.lease import newest_token, take_token
from spark_jobs.documents.requests import Request
from spark_jobs.documents.status import Driver, JobState, Process, Status, write_status
from spark_jobs.drivers.exit_codes import WRONG_SETTINGS
from spark_jobs.paths import Layout
from spark_jobs.run_requests import JobName
from spark_jobs.runtime.driver_process import driver_identity
from spark_jobs.runtime.request_queue import Work
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings
from tests.maintenance.live_feed import LiveFeed, now, trip
from tests.supervision.far_driver import FarDriver


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveFeed:
    """Three files of one hour, and a request to compact them."""
    monkeypatch.setenv("OUTPUT_BASE_PATH", str(tmp_path))
    monkeypatch.setenv("CHECKPOINT_BASE_PATH", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("COMPACTION_AFTER", "1 second")
    live = LiveFeed(tmp_path)
    for number in range(3):
        live.take([trip(f"2018-01-15 09:0{number}:00")])
    for folder in live.layout.dataset("bike_trips").glob("**/hour=*"):
        os.utime(folder, (0, 0))
    requests.ask(live.layout, Request("r-1", requests.COMPACTION, iso(now())))
    return live


def state(layout: Layout) -> str | None:
    answer = requests.answer_to(layout, "r-1")
    return None if answer is None else answer.state


def exit_code() -> int:
    with pytest.raises(typer.Exit) as ended:
        run_requests.main(JobName.INGESTION)
    return ended.value.exit_code


def status_of(driver: Driver) -> Status:
    return Status("ingestion", driver, 1, iso(now()), iso(now()), JobState.RUNNING, "f")


def test_what_is_pending_is_carried_out_and_the_process_ends(feed: LiveFeed) -> None:
    rows = feed.rows()
    assert exit_code() == 0
    assert state(feed.layout) == "done"
    assert len(feed.files()) == 1
    assert feed.rows() == rows
    assert newest_token(feed.layout) == 1


def test_a_live_job_is_left_alone(feed: LiveFeed) -> None:
    me = driver_identity("job", None)
    write_status(feed.layout, status_of(me))
    assert exit_code() == 0
    assert state(feed.layout) is None
    assert newest_token(feed.layout) == 0


def test_a_job_that_is_just_starting_does_not_lose_its_lease(feed: LiveFeed) -> None:
    take_token(feed.layout, driver_identity("job", None), now())
    assert exit_code() == 0
    assert state(feed.layout) is None
    assert newest_token(feed.layout) == 1


def test_a_live_job_on_another_host_whose_clock_is_wrong_keeps_its_lease(feed: LiveFeed) -> None:
    with FarDriver(feed.layout, timedelta(seconds=-15)) as far:
        take_token(feed.layout, far.driver, now())
        assert exit_code() == 0
    assert state(feed.layout) is None
    assert newest_token(feed.layout) == 1


def test_a_job_that_died_is_not_waited_for(feed: LiveFeed) -> None:
    here = driver_identity("job", None)
    dead = replace(here, processes=(Process("python", 2**22 + 1, 1.0),))
    take_token(feed.layout, dead, now())
    write_status(feed.layout, status_of(dead))
    assert exit_code() == 0
    assert state(feed.layout) == "done"


def test_a_job_that_starts_meanwhile_takes_over(feed: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    work = run_requests.WORK["ingestion"]

    def and_a_job_starts(settings: Settings, writer: Writer) -> Mapping[str, Work]:
        take_token(feed.layout, driver_identity("job", None), now())
        return work(settings, writer)

    monkeypatch.setitem(run_requests.WORK, "ingestion", and_a_job_starts)
    assert exit_code() == 3
    assert state(feed.layout) == "running", "the job finds it again"
    assert len(feed.files()) == 3


def test_wrong_settings_are_told(feed: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPACTION_AFTER", "soon")
    assert exit_code() == WRONG_SETTINGS
