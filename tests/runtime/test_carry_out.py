"""Requests where the job is off: carried out once, by one process, and left to the job where it runs."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from spark_jobs import carry_out
from spark_jobs.contracts import control, requests
from spark_jobs.contracts.control import Driver, Process, Status
from spark_jobs.contracts.requests import Request
from spark_jobs.contracts.settings import Settings
from spark_jobs.contracts.streams import Layout
from spark_jobs.runtime.driver_process import driver_identity
from spark_jobs.runtime.request_desk import Work
from spark_jobs.runtime.writer import Writer
from tests.ingestion.live_feed import LiveFeed, now, trip


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
    requests.ask(live.layout, Request("r-1", requests.COMPACTION, control.iso(now())))
    return live


def state(layout: Layout) -> str | None:
    answer = requests.answer_to(layout, "r-1")
    return None if answer is None else answer.state


def status_of(driver: Driver) -> Status:
    return Status("ingestion", driver, 1, control.iso(now()), control.iso(now()), "running", "f")


def test_what_is_pending_is_carried_out_and_the_process_ends(feed: LiveFeed) -> None:
    rows = feed.rows()
    assert carry_out.main(["ingestion"]) == 0
    assert state(feed.layout) == "done"
    assert len(feed.files()) == 1
    assert feed.rows() == rows
    assert control.newest_token(feed.layout) == 1


def test_a_live_job_is_left_alone(feed: LiveFeed) -> None:
    me = driver_identity("job", None)
    control.write_status(feed.layout, status_of(me))
    assert carry_out.main(["ingestion"]) == 0
    assert state(feed.layout) is None
    assert control.newest_token(feed.layout) == 0


def test_a_job_that_is_just_starting_is_not_outranked(feed: LiveFeed) -> None:
    control.take_token(feed.layout, driver_identity("job", None), now())
    assert carry_out.main(["ingestion"]) == 0
    assert state(feed.layout) is None
    assert control.newest_token(feed.layout) == 1


def test_a_job_that_died_is_not_waited_for(feed: LiveFeed) -> None:
    here = driver_identity("job", None)
    dead = replace(here, processes=(Process("python", 2**22 + 1, 1.0),))
    control.take_token(feed.layout, dead, now())
    control.write_status(feed.layout, status_of(dead))
    assert carry_out.main(["ingestion"]) == 0
    assert state(feed.layout) == "done"


def test_a_job_that_starts_meanwhile_takes_over(feed: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    work = carry_out.WORK["ingestion"]

    def and_a_job_starts(settings: Settings, writer: Writer) -> Mapping[str, Work]:
        control.take_token(feed.layout, driver_identity("job", None), now())
        return work(settings, writer)

    monkeypatch.setitem(carry_out.WORK, "ingestion", and_a_job_starts)
    assert carry_out.main(["ingestion"]) == 3
    assert state(feed.layout) == "running", "the job finds it again"
    assert len(feed.files()) == 3


def test_wrong_settings_are_told(feed: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPACTION_AFTER", "soon")
    assert carry_out.main(["ingestion"]) == 2
