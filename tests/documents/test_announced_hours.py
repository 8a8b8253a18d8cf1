"""What is remembered of the announced hours."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.documents.announced_hours import AnnouncedHours, OlderHours, read_announced, remember_announced
from spark_jobs.paths import Layout

NOW = datetime(2026, 11, 27, tzinfo=UTC)
REACHED = AnnouncedHours("a", 3, "2018-01-15T14:00:00+00:00", history_bytes=700, number=2)


def days(since: int, before: int) -> tuple[str, str]:
    return f"2018-01-{since:02}T00:00:00+00:00", f"2018-01-{before:02}T00:00:00+00:00"


FIRST, SECOND, THIRD = (OlderHours(*days(day, day + 1)) for day in (1, 2, 3))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_nothing_is_remembered_at_first(layout: Layout) -> None:
    assert read_announced(layout) == {}


def test_each_feed_is_remembered_for_itself(layout: Layout) -> None:
    other = replace(REACHED, log="b", again=(FIRST, THIRD))
    remember_announced(layout, "bike_trips", REACHED, NOW)
    remember_announced(layout, "accidents", other, NOW)
    assert read_announced(layout) == {"bike_trips": REACHED, "accidents": other}


def test_periods_that_touch_are_one() -> None:
    assert AnnouncedHours("a", again=(THIRD,)).and_again([FIRST]).again == (FIRST, THIRD)
    assert AnnouncedHours("a", again=(FIRST, THIRD)).and_again([SECOND]).again == (OlderHours(*days(1, 4)),)
    assert AnnouncedHours("a", again=(OlderHours(*days(1, 4)),)).and_again([SECOND]).again == (OlderHours(*days(1, 4)),)


def test_a_task_that_is_run_again_sets_nothing_back(layout: Layout) -> None:
    remember_announced(layout, "bike_trips", REACHED, NOW)
    for number in (1, REACHED.number):
        remember_announced(layout, "bike_trips", AnnouncedHours("a", 2, number=number), NOW)
        assert read_announced(layout) == {"bike_trips": REACHED}


def test_a_period_that_only_an_older_note_knows_is_added(layout: Layout) -> None:
    newer = replace(REACHED, again=(THIRD,))
    remember_announced(layout, "bike_trips", newer, NOW)
    remember_announced(layout, "bike_trips", replace(REACHED, lines=2, again=(FIRST,)), NOW)
    assert read_announced(layout) == {"bike_trips": replace(newer, again=(FIRST, THIRD), history_bytes=None)}


def test_the_next_note_replaces_what_was_so_also_of_a_feed_that_was_started_over(layout: Layout) -> None:
    remember_announced(layout, "bike_trips", replace(REACHED, again=(FIRST,)), NOW)
    anew = AnnouncedHours("b", 0, REACHED.hour, number=REACHED.number + 1)
    remember_announced(layout, "bike_trips", anew, NOW)
    assert read_announced(layout) == {"bike_trips": anew}


def test_a_document_with_room_for_one_period_is_read(layout: Layout) -> None:
    period = {"again_since": FIRST.since, "again_before": FIRST.before}
    known = {"log": "a", "lines": 3, "hour": REACHED.hour, "history_bytes": 700}
    feeds = {"bike_trips": {**known, **period}, "accidents": {**known, "again_since": None, "again_before": None}}
    layout.control.mkdir()
    layout.announced_hours.write_text(json.dumps({"schema_version": 1, "at": "2026-11-27", "feeds": feeds}))
    one = replace(REACHED, number=0)
    assert read_announced(layout) == {"bike_trips": replace(one, again=(FIRST,)), "accidents": one}
