"""What ingestion's heartbeat says of what the analytics wait for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus
from spark_jobs.drivers.observation import DriverObservation
from spark_jobs.rollup.upstream import feed_missing, ingestion_missing

STALE = timedelta(seconds=10)
LONG_AGO = "2018-01-01T00:00:00+00:00"
"""by the clock of another host, which is wrong"""
RUNS = Status("ingestion", Driver("a-1", "elsewhere"), 1, LONG_AGO, LONG_AGO, JobState.RUNNING, "f")
CASES = {
    "it runs": (DriverObservation(RUNS), None),
    "it was silent for a moment": (DriverObservation(RUNS, unchanged_for=timedelta(seconds=9)), None),
    "it is silent": (DriverObservation(RUNS, unchanged_for=timedelta(seconds=11)), "no sign of life for 11 s"),
    "it was killed": (DriverObservation(RUNS, is_gone=True), "whose processes are gone"),
    "it is off": (DriverObservation(replace(RUNS, state=JobState.STOPPED)), "which is off"),
    "it failed": (DriverObservation(replace(RUNS, state=JobState.FAILED, last_error="no disk")), "failed: no disk"),
    "it starts": (DriverObservation(replace(RUNS, state=JobState.STARTING)), "which is starting"),
    "it was killed while it started": (
        DriverObservation(replace(RUNS, state=JobState.STARTING), is_gone=True),
        "whose processes are gone",
    ),
    "it never ran": (DriverObservation(None), "never run here"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_missing_of_ingestion(case: str) -> None:
    seen, expected = CASES[case]
    missing = ingestion_missing(seen, STALE)
    assert (missing is None) if expected is None else expected in (missing or "")


OF_A_FEED = {
    StreamState.HEALTHY: None,
    StreamState.IDLE: None,
    StreamState.STARTING: "bike_trips, whose ingestion is starting",
    StreamState.CATCHING_UP: "bike_trips, whose ingestion is catching up",
    StreamState.WAITING: "bike_trips, whose ingestion waits for Kafka",
    StreamState.STUCK: "bike_trips, whose ingestion is stuck: it finishes no batch",
    StreamState.BROKEN: "bike_trips, whose ingestion is broken: no such topic",
    StreamState.OFF: "bike_trips, whose ingestion is off",
}


@pytest.mark.parametrize("state", OF_A_FEED)
def test_what_is_missing_of_a_feed(state: StreamState) -> None:
    stream = StreamStatus("bike_trips", state, last_error="no such topic", waits_for="Kafka")
    assert feed_missing(replace(RUNS, streams=(stream,)), "bike_trips") == OF_A_FEED[state]
    assert feed_missing(replace(RUNS, streams=(stream,)), "taxi_trips") is None
