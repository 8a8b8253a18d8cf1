"""Control documents: what one process writes, another reads; half-written or foreign ones count as absent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import DesiredState, read_desired_state, write_desired_state
from spark_jobs.documents.lease import (
    holds_lease,
    newest_token,
    take_token,
    take_token_numbered,
    token_driver,
    token_path,
)
from spark_jobs.documents.status import (
    STALE_AFTER,
    Driver,
    JobState,
    Process,
    Status,
    StreamState,
    StreamStatus,
    as_read,
    read_status,
    write_status,
)
from spark_jobs.paths import Layout

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DRIVER = Driver("a-1", "host", (Process("python", 1, 2.5),))
STREAM = StreamStatus("rollup", StreamState.WAITING, waits_for="ingestion, which is off", lost_messages="5 messages")


def status(state: str = JobState.RUNNING) -> Status:
    return Status("ingestion", DRIVER, 3, iso(NOW), iso(NOW), JobState(state), "f", streams=(STREAM,))


def test_a_status_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_status(Layout(tmp_path), status())
    assert read_status(Layout(tmp_path)) == status()


def test_a_driver_is_live_while_its_heartbeat_is_fresh_and_it_has_not_ended() -> None:
    stale_after = timedelta(seconds=10)
    assert status().is_live(NOW + timedelta(seconds=10), stale_after)
    assert not status().is_live(NOW + timedelta(seconds=11), stale_after)
    assert not status("stopped").is_live(NOW, stale_after)


RUNS = StreamStatus(
    "taxi_trips", StreamState.HEALTHY, rows_per_s=3.0, rows_today=70, lag_records=5, lag_s=2.0, caught_up_to=iso(NOW)
)
READINGS = {
    "a running job is believed": (status(), timedelta(seconds=10), StreamState.HEALTHY),
    "a silent one has ended": (status(), timedelta(seconds=11), StreamState.ENDED),
    "one that wrote in what is the future now has ended": (status(), timedelta(hours=-1), StreamState.ENDED),
    "one that stopped has ended": (status("stopped"), timedelta(0), StreamState.ENDED),
    "one that failed has ended": (status("failed"), timedelta(0), StreamState.ENDED),
}


@pytest.mark.parametrize(("written", "age", "state"), READINGS.values(), ids=READINGS)
def test_a_reader_believes_what_a_job_says_while_it_shows_life(
    written: Status, age: timedelta, state: StreamState
) -> None:
    off = StreamStatus("bike_trips", StreamState.OFF)
    read = as_read(replace(written, streams=(RUNS, off)), NOW + age, STALE_AFTER)
    assert [stream.state for stream in read.streams] == [state, StreamState.OFF]
    is_running = state == StreamState.HEALTHY
    assert (read.streams[0].lag_records, read.streams[0].lag_s) == ((5, 2.0) if is_running else (None, None))
    assert (read.streams[0].rows_today, read.streams[0].caught_up_to) == (70, iso(NOW)), "what was read stays so"


@pytest.mark.parametrize(("until_s", "today"), [(59, (70, 3)), (60, (None, None))])
def test_what_was_read_on_another_day_is_not_of_today(until_s: int, today: tuple[int | None, int | None]) -> None:
    at = datetime(2026, 11, 26, 23, 59, tzinfo=UTC)
    stopped = replace(status("stopped"), at=iso(at), streams=(replace(RUNS, rows_today=70, refused_today=3),))
    (read,) = as_read(stopped, at + timedelta(seconds=until_s), STALE_AFTER).streams
    assert (read.rows_today, read.refused_today) == today


def test_unreadable_status_counts_as_absent(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert read_status(layout) is None
    layout.control.mkdir()
    for content in (b"", b"{", b"[]", b"\0" * 7, b'{"schema_version": 99}', b'{"schema_version": 1}'):
        layout.status.write_bytes(content)
        assert read_status(layout) is None


def test_each_token_outranks_the_one_before(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = take_token(layout, DRIVER, NOW)
    assert holds_lease(layout, first)
    second = take_token(layout, DRIVER, NOW)
    assert (first, second) == (1, 2)
    assert not holds_lease(layout, first)
    assert newest_token(layout) == 2
    assert token_driver(layout, 2) == DRIVER


def test_switches_read_back_as_they_were_written(tmp_path: Path) -> None:
    switches = DesiredState(True, {"pearson_correlations": False}, {"ENABLE_X": "why"})
    write_desired_state(Layout(tmp_path), switches, NOW)
    assert read_desired_state(Layout(tmp_path)) == switches


DESIRED = {
    "all of it": ('{"job_enabled": false, "streams": {"a": true}}', DesiredState(False, {"a": True})),
    "no streams": ('{"job_enabled": false}', DesiredState(False)),
    "streams only": ('{"streams": {"a": false}}', DesiredState(True, {"a": False})),
    "fields of a later version": ('{"job_enabled": true, "mood": "good"}', DesiredState(True)),
    "a stream that is neither on nor off": ('{"streams": {"a": "perhaps"}}', None),
    "no object": ("[]", None),
    "cut short": ('{"job_ena', None),
}


@pytest.mark.parametrize(("text", "expected"), DESIRED.values(), ids=DESIRED)
def test_what_is_to_be_on_may_be_written_by_hand(text: str, expected: DesiredState | None, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert read_desired_state(layout) is None
    layout.control.mkdir()
    layout.switches.write_text(text.replace("{", '{"schema_version": 1, ', 1))
    assert read_desired_state(layout) == expected


def test_a_driver_whose_token_was_cleaned_up_loses_its_lease_to_the_newer_ones(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for _ in range(4):
        take_token(layout, DRIVER, NOW)
    for number in (1, 2):
        token_path(layout, number).unlink()
    assert [number for number in (1, 2, 3, 4, 5) if holds_lease(layout, number)] == [4]
    assert not take_token_numbered(layout, DRIVER, 4, NOW), "another driver has it"
    assert take_token_numbered(layout, DRIVER, 5, NOW)
