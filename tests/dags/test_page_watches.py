"""Whether the watches look, as the page sees it: by Airflow, and by the sign that they give of themselves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from boston_page import watches
from boston_page.places import Place, place_of
from boston_page.watches import supervision_of

from spark_jobs.documents.watch_memory import WatchMemory, show_watch
from spark_jobs.stream_jobs import INGESTION

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An Airflow that runs, with a watch that is not paused."""
    monkeypatch.setattr(watches, "unhealthy_components", list)
    monkeypatch.setattr(watches, "paused_dags", lambda dag_ids: dict.fromkeys(dag_ids, False))
    (tmp_path / "_control").mkdir()
    return place_of(INGESTION, {INGESTION.root_setting: str(tmp_path)})


def why_unwatched(place: Place) -> str:
    return supervision_of({INGESTION.name: place}, NOW)[INGESTION.name].why_unwatched


@pytest.mark.parametrize(
    ("age_s", "is_watched"), [(0, True), (150, True), (181, False), (86_400, False), (-181, False)]
)
def test_a_watch_that_gives_no_sign_does_not_look_whatever_airflow_says(
    place: Place, age_s: int, is_watched: bool
) -> None:
    """Its worker is gone, its DAG cannot be imported, the output is read-only: Airflow's scheduler is well with all."""
    show_watch(place.layout, WatchMemory(), NOW - timedelta(seconds=age_s))
    assert (why_unwatched(place) == "") is is_watched
    assert is_watched or "watch_ingestion looked last at 2026-11-2" in why_unwatched(place)


def test_a_watch_that_was_never_here_does_not_look(place: Place) -> None:
    """The disk of the outputs is not mounted, say."""
    assert why_unwatched(place) == "watch_ingestion has not looked here yet"


def test_what_airflow_knows_of_a_watch_comes_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "paused_dags", lambda dag_ids: dict.fromkeys(dag_ids, True))
    assert why_unwatched(place) == "watch_ingestion is paused"
