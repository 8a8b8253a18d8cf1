"""Metrics in OpenMetrics: only for who has the token, and no zero in place of what is not known."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from boston_page import metrics as page_metrics
from boston_page.flow import look
from boston_page.job_health import Supervision
from boston_page.metrics import MEDIA_TYPE, TOKEN, metrics_app
from boston_page.places import Place, place_of
from fastapi.testclient import TestClient

from playground.run.settings import CHECKOUT
from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus, write_status
from spark_jobs.documents.watch_memory import WatchMemory
from spark_jobs.stream_jobs import STREAM_JOBS

SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*)\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?)')
NOW = datetime.now(UTC)


@pytest.fixture
def scraper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Both jobs as their documents say; where they are is given, as there is no Airflow to ask."""
    places = {name: _place(name, tmp_path / name) for name in STREAM_JOBS}
    for name, place in places.items():
        place.layout.control.mkdir(parents=True)
        streams = [StreamStatus(stream, StreamState.IDLE, rows_per_s=0.0) for stream in STREAM_JOBS[name].streams]
        streams[0] = StreamStatus(streams[0].name, StreamState.HEALTHY, lag_s=1.5, caught_up_to="2026-11-22T10:00:00Z")
        status = Status(name, Driver("d", "h"), 1, iso(NOW), iso(NOW), JobState.RUNNING, "f", streams=tuple(streams))
        write_status(place.layout, status)
    found = {**look(NOW, places, {name: Supervision("", WatchMemory()) for name in places}), "age_s": 0.2}
    monkeypatch.setattr(page_metrics, "flow", lambda: found)
    monkeypatch.setenv(TOKEN, "scrape-me")
    with TestClient(metrics_app()) as client:
        yield client


def _place(name: str, root: Path) -> Place:
    job = STREAM_JOBS[name]
    return place_of(job, {job.root_setting: str(root)})


def scraped(scraper: TestClient) -> str:
    answer = scraper.get("/metrics", headers={"Authorization": "Bearer scrape-me"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPE
    return str(answer.text)


def samples(text: str) -> dict[tuple[str, str], float]:
    """(metric, labels) -> value, by OpenMetrics' grammar: a line that it has not fails."""
    *body, end, rest = text.split("\n")
    assert (end, rest) == ("# EOF", "")
    found: dict[tuple[str, str], float] = {}
    kinds: dict[str, str] = {}
    for line in body:
        if line.startswith("# TYPE "):
            _, _, metric, kind = line.split(" ")
            assert metric not in kinds, "a metric's lines stand together"
            kinds[metric] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert list(kinds)[-1] == match[1]
            assert (match[1], match[2] or "") not in found
            found[match[1], match[2] or ""] = float(match[3])
    return found


def test_what_is_scraped_is_openmetrics(scraper: TestClient) -> None:
    found = samples(scraped(scraper))
    assert found["streams_needs_person", ""] == 0
    assert found["streams_lag_seconds", 'stream="bike_trips"'] == 1.5
    assert found["streams_stream_verdict", 'stream="bike_trips",streams_stream_verdict="healthy"'] == 1
    assert found["streams_stream_verdict", 'stream="bike_trips",streams_stream_verdict="broken"'] == 0
    assert found["streams_job_verdict", 'job="analytics",streams_job_verdict="healthy"'] == 1
    assert found["streams_caught_up_to_timestamp_seconds", 'stream="rollup"'] == 1795341600.0


def test_what_is_not_known_has_no_sample(scraper: TestClient) -> None:
    found = samples(scraped(scraper))
    assert ("streams_lag_seconds", 'stream="taxi_trips"') not in found
    assert found["streams_rows_per_second", 'stream="taxi_trips"'] == 0


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic scrape-me"}])
def test_nobody_scrapes_without_the_token(scraper: TestClient, headers: dict[str, str]) -> None:
    assert scraper.get("/metrics", headers=headers).status_code == 403


@pytest.mark.parametrize("token", [None, "", "  "])
def test_without_a_token_there_are_no_metrics(
    scraper: TestClient, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.delenv(TOKEN) if token is None else monkeypatch.setenv(TOKEN, token)
    for bearer in ("", token or "", "scrape-me"):
        assert scraper.get("/metrics", headers={"Authorization": f"Bearer {bearer}"}).status_code == 403


def test_the_app_has_no_other_route() -> None:
    assert [route.path for route in metrics_app().routes] == ["/metrics"]  # type: ignore[attr-defined]


def test_the_dashboard_and_the_alerts_use_metrics_that_exist(scraper: TestClient) -> None:
    known = {metric for metric, _ in samples(scraped(scraper))} | set(page_metrics.OF_STREAMS)
    folder = CHECKOUT / "docs" / "grafana"
    dashboard = json.loads((folder / "streams-dashboard.json").read_text())
    alerts = yaml.safe_load((folder / "streams-alerts.yaml").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    assert len(queries) > 8
    for query in queries:
        used = set(re.findall(r"\bstreams_[a-z_]+\b", re.sub(r"\{[^}]*\}|by \([^)]*\)", "", query)))
        assert used, query
        assert used <= known, query
