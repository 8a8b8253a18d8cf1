"""The history of both jobs on one line: what the watch noted and what was asked of the jobs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from boston_page import history as page_history
from boston_page.places import Place, place_of

from spark_jobs.documents.codec import iso
from spark_jobs.documents.history import INCIDENT, Event, note_events
from spark_jobs.documents.requests import COMPACTION, DONE, Answer, give
from spark_jobs.stream_jobs import STREAM_JOBS

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


def test_before_anything_has_happened_there_is_nothing(places: dict[str, Place]) -> None:
    assert page_history.happened() == []
