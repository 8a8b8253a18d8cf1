"""What is remembered of the announced hours."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.documents.announced_hours import AnnouncedHours, read_announced, remember_announced
from spark_jobs.paths import Layout

NOW = datetime(2026, 11, 27, tzinfo=UTC)
REACHED = AnnouncedHours("a", 3, "2018-01-15T14:00:00+00:00", history_bytes=700)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_nothing_is_remembered_at_first(layout: Layout) -> None:
    assert read_announced(layout) == {}


def test_each_feed_is_remembered_for_itself(layout: Layout) -> None:
    other = replace(REACHED, log="b", again_since="2018-01-01T00:00:00+00:00", again_before="2018-01-02T00:00:00+00:00")
    remember_announced(layout, {"bike_trips": REACHED}, NOW)
    remember_announced(layout, {"accidents": other}, NOW)
    assert read_announced(layout) == {"bike_trips": REACHED, "accidents": other}


@pytest.mark.parametrize("older", [replace(REACHED, lines=2), replace(REACHED, hour="2018-01-15T13:00:00+00:00")])
def test_a_task_that_is_run_again_sets_nothing_back(layout: Layout, older: AnnouncedHours) -> None:
    remember_announced(layout, {"bike_trips": REACHED}, NOW)
    remember_announced(layout, {"bike_trips": older}, NOW)
    assert read_announced(layout) == {"bike_trips": REACHED}


def test_a_feed_that_was_started_over_is_remembered_anew(layout: Layout) -> None:
    remember_announced(layout, {"bike_trips": REACHED}, NOW)
    anew = AnnouncedHours("b", 0, REACHED.hour)
    remember_announced(layout, {"bike_trips": anew}, NOW)
    assert read_announced(layout) == {"bike_trips": anew}
