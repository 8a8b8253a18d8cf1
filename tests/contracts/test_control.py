"""Control documents: what one process writes, another reads; half-written or foreign ones count as absent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_jobs.contracts import control
from spark_jobs.contracts.control import Driver, Process, Status, StreamStatus, Switches
from spark_jobs.contracts.streams import Layout

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DRIVER = Driver("a-1", "host", (Process("python", 1, 2.5),))


def status(state: str = "running") -> Status:
    return Status("ingestion", DRIVER, 3, control.iso(NOW), control.iso(NOW), state, "f", streams=(StreamStatus("s"),))


def test_a_status_reads_back_as_it_was_written(tmp_path: Path) -> None:
    control.write_status(Layout(tmp_path), status())
    assert control.read_status(Layout(tmp_path)) == status()


def test_a_driver_is_live_while_its_heartbeat_is_fresh_and_it_has_not_ended() -> None:
    stale_after = timedelta(seconds=10)
    assert status().is_live(NOW + timedelta(seconds=10), stale_after)
    assert not status().is_live(NOW + timedelta(seconds=11), stale_after)
    assert not status("stopped").is_live(NOW, stale_after)


def test_unreadable_status_counts_as_absent(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert control.read_status(layout) is None
    layout.control.mkdir()
    for content in (b"", b"{", b"[]", b'{"schema_version": 99}', b'{"schema_version": 1}'):
        layout.status.write_bytes(content)
        assert control.read_status(layout) is None


def test_each_token_outranks_the_one_before(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = control.take_token(layout, DRIVER, NOW)
    assert not control.token_after_exists(layout, first)
    second = control.take_token(layout, DRIVER, NOW)
    assert (first, second) == (1, 2)
    assert control.token_after_exists(layout, first)
    assert control.newest_token(layout) == 2
    assert control.token_driver(layout, 2) == DRIVER


def test_switches_read_back_as_they_were_written(tmp_path: Path) -> None:
    switches = Switches(True, {"pearson_correlations": False}, {"ENABLE_X": "why"})
    control.write_switches(Layout(tmp_path), switches, NOW)
    assert control.read_switches(Layout(tmp_path)) == switches


def test_a_driver_whose_token_was_cleaned_up_is_outranked_by_the_newer_ones(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for _ in range(4):
        control.take_token(layout, DRIVER, NOW)
    for number in (1, 2):
        control.token_path(layout, number).unlink()
    assert [number for number in (1, 2, 3, 4, 5) if control.token_after_exists(layout, number)] == [1, 2, 3]
    assert not control.take_token_numbered(layout, DRIVER, 4, NOW), "another driver has it"
    assert control.take_token_numbered(layout, DRIVER, 5, NOW)
