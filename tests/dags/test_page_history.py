"""The history of both jobs on one line: what the watch noted and what was asked of the jobs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from boston_page import history as page_history
from boston_page import lags as page_lags
from boston_page.latest import Latest
from boston_page.places import Place, place_of
from fastapi import HTTPException

from spark_jobs.documents.codec import iso, write_document
from spark_jobs.documents.history import INCIDENT, Event, note_events
from spark_jobs.documents.lag_history import LagHistory, LagPoint
from spark_jobs.documents.requests import COMPACTION, DONE, Answer, give
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import STREAM_JOBS
from spark_jobs.supervision.incidents import setting_problems, stream_problems, warnings_of

NOW = datetime.now(UTC)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Place]:
    found = {name: place_of(job, {job.root_setting: str(tmp_path / name)}) for name, job in STREAM_JOBS.items()}
    monkeypatch.setattr(page_history, "places", lambda: found)
    return found


def test_it_is_one_line_newest_first(places: dict[str, Place]) -> None:
    lags = Event(iso(NOW - timedelta(minutes=2)), INCIDENT, "rollup is behind", "more cores", "lag:rollup")
    note_events(places["analytics"].layout, [lags], NOW)
    give(places["ingestion"].layout, Answer("20261122-compaction-1", COMPACTION, DONE, "3 hours", iso(NOW)))
    assert page_history.happened() == [
        {
            "at": iso(NOW),
            "kind": "request",
            "what": "compaction",
            "said": "done: 3 hours",
            "next_step": "",
            "job": "ingestion",
        },
        {
            "at": lags.at,
            "kind": "incident",
            "what": "rollup",
            "said": "rollup is behind",
            "next_step": "more cores",
            "job": "analytics",
        },
    ]


def test_it_says_which_stream_setting_or_warning_an_event_is_of(places: dict[str, Place]) -> None:
    lost = StreamStatus("bike_trips", StreamState.HEALTHY, lost_messages="5 messages", lost_at=iso(NOW))
    ill = {"streams": (lost,), "warnings": ("a thread: it ended",)}
    found = Status("ingestion", Driver("d", "h"), 1, iso(NOW), iso(NOW), JobState.RUNNING, "f", **ill)  # type: ignore[arg-type]
    of_streams, of_settings = stream_problems(found, settings_from({})), setting_problems({"BATCH_INTERVAL": "soon"})
    keys = [problem.key for problem in (*of_streams, *warnings_of(found), *of_settings)]
    note_events(places["ingestion"].layout, [Event(iso(NOW), INCIDENT, "x", key=key) for key in keys], NOW)
    what = [event["what"] for event in page_history.happened()]
    assert what == ["bike_trips", "a thread: it ended", "BATCH_INTERVAL"]


def test_what_one_job_has_much_of_hides_nothing_of_the_other(places: dict[str, Place]) -> None:
    """An incident that comes and goes has a thousand lines in a day; those of a month are still there."""
    once = Event(iso(NOW - timedelta(days=20)), INCIDENT, "a disk was full", key="unwritable")
    note_events(places["ingestion"].layout, [once], NOW)
    note_events(places["analytics"].layout, [Event(iso(NOW), INCIDENT, "behind", key="lag:rollup")] * 2000, NOW)
    found = page_history.happened()
    assert (len(found), found[-1]["said"]) == (1001, "a disk was full")


def test_before_anything_has_happened_there_is_nothing(places: dict[str, Place]) -> None:
    assert page_history.happened() == []


def test_what_cannot_be_read_is_not_nothing(places: dict[str, Place]) -> None:
    layout = places["analytics"].layout
    layout.history.mkdir(parents=True)  # as a disk that is broken: it cannot be read
    with pytest.raises(HTTPException, match="what happened to analytics cannot be read: Is a directory"):
        page_history.happened()


def test_what_is_being_read_for_the_first_time_is_not_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Latest(page_history.happened, at_most_every_s=5.0)
    monkeypatch.setattr(page_history, "_latest", busy)
    with busy._lock, pytest.raises(HTTPException, match="for the first time"):
        page_history.history()


def test_the_lags_of_a_day_are_shown_however_long_ago_the_job_stopped(
    places: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_lags, "places", lambda: places)
    ages = (timedelta(days=4), timedelta(hours=25), timedelta(hours=23))
    points = tuple(LagPoint(iso(NOW - age), {"rollup": 900.0}) for age in ages)
    write_document(places["analytics"].layout.lag_history, LagHistory(points), NOW)
    assert page_lags._read() == {"rollup": [((NOW - ages[-1]).timestamp(), 900.0)]}
