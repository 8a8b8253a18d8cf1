"""The lag of a day: bounded, and without a number where nobody knew one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_jobs.documents.lag_history import EVERY, KEPT, note_lags, read_lag_history
from spark_jobs.documents.status import StreamStatus
from spark_jobs.paths import Layout

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_a_day_of_points_is_kept(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for number in range(300):
        note_lags(layout, [StreamStatus("bike_trips", lag_s=number)], NOW + number * EVERY)
    points = read_lag_history(layout).points
    assert len(points) == KEPT / EVERY
    assert [point.lag_s["bike_trips"] for point in points] == list(range(12, 300))


def test_what_is_not_known_is_not_zero(tmp_path: Path) -> None:
    note_lags(Layout(tmp_path), [StreamStatus("rollup", lag_s=None), StreamStatus("accidents", lag_s=0.0)], NOW)
    assert read_lag_history(Layout(tmp_path)).points[0].lag_s == {"rollup": None, "accidents": 0.0}


def test_a_damaged_document_begins_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.control.mkdir()
    layout.lag_history.write_text('{"schema_version": 1, "points"')
    note_lags(layout, [StreamStatus("rollup", lag_s=1.0)], NOW)
    assert len(read_lag_history(layout).points) == 1


def test_points_from_before_the_clock_was_set_back_go_too_in_time(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    note_lags(layout, [], NOW + timedelta(days=3))
    for number in range(3):
        note_lags(layout, [], NOW + number * EVERY)
    assert len(read_lag_history(layout).points) == 3
