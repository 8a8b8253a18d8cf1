"""The routes of the tab "Findings": periods as people ask for them, downloads, and what is missing."""

import errno
import os
import random
import string
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from boston_page.findings import prediction, routes
from boston_page.findings.kept_days import KeptDays, Part
from boston_page.findings.reading import Outputs
from boston_page.findings.registry import FINDINGS
from boston_page.period import LONGEST, Period, period
from boston_page.refused.letters import SCHEMA
from fastapi import FastAPI
from fastapi.testclient import TestClient

from spark_jobs.paths import Layout, hour_folder, hour_of_folder
from tests.dags.conftest import CHECKOUT
from tests.dags.spoilt_files import SPOILERS, truncate

BOSTON = ZoneInfo("America/New_York")
NEWEST = datetime(2018, 11, 20, 13, tzinfo=UTC)
HOURS = 9 * 24
USAGE = "transport_usage_summary"


def write_hours(layout: Layout, newest: datetime = NEWEST) -> None:
    """Nine days of usage: in each hour as many bikes as hours since the first, and twice as many taxis."""
    for number in range(HOURS):
        hour = newest - timedelta(hours=HOURS - 1 - number)
        folder = layout.dataset(USAGE) / hour_folder(hour)
        folder.mkdir(parents=True)
        counts = {"bike_count": number, "taxi_count": 2 * number, "total_transport_count": 3 * number}
        start = pa.array([hour], pa.timestamp("us", "UTC"))
        rows = pa.table({"window_start": start, **{name: pa.array([count]) for name, count in counts.items()}})
        pq.write_table(rows, folder / "data.parquet")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    layout = Layout(tmp_path_factory.mktemp("outputs"))
    write_hours(layout)
    app = FastAPI()
    app.include_router(routes.router)
    with pytest.MonkeyPatch.context() as patch, TestClient(app) as client:
        patch.setattr(routes, "places", lambda: {"analytics": SimpleNamespace(layout=layout)})
        yield client


def ask(client: TestClient, path: str, **asked: str) -> dict[str, Any]:
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bikes(found: dict[str, Any]) -> list[int]:
    return [row[found["table"]["columns"].index("bike_count")] for row in found["table"]["rows"]]


def test_without_a_period_the_last_seven_days_are_shown(client: TestClient) -> None:
    found = ask(client, "/findings/usage")
    assert found["rows"] == 7 * 24
    assert bikes(found) == list(range(HOURS - 7 * 24, HOURS))
    assert (found["from"], found["to"]) == ("2018-11-13T14:00:00+00:00", "2018-11-20T14:00:00+00:00")


def test_a_period_is_half_open_and_read_in_the_clock_that_is_asked_for(client: TestClient) -> None:
    of_utc = ask(client, "/findings/usage", **{"from": "2018-11-20T10:00", "to": "2018-11-20T12:00"}, zone="utc")
    assert bikes(of_utc) == [HOURS - 4, HOURS - 3]
    of_boston = ask(client, "/findings/usage", **{"from": "2018-11-20T05:00", "to": "2018-11-20T07:00"})
    assert bikes(of_boston) == bikes(of_utc)
    assert of_boston["table"]["rows"][0][0] == "2018-11-20T05:00:00-0500"
    assert of_utc["table"]["rows"][0][0] == "2018-11-20T10:00:00+0000"


def test_the_files_hold_all_rows_that_the_table_shows_the_last_of(client: TestClient) -> None:
    shown = ask(client, "/findings/usage", days="9")
    assert (shown["rows"], len(shown["table"]["rows"])) == (HOURS, routes.TABLE_ROWS)
    for kind, reader in (("csv", pa_csv.read_csv), ("parquet", pq.read_table)):
        answer = client.get(f"/findings/usage/rows.{kind}", params={"days": "9"})
        assert answer.headers["content-disposition"] == f'attachment; filename="usage.{kind}"'
        assert reader(pa.BufferReader(answer.content))["bike_count"].to_pylist() == list(range(HOURS))


ASKED = """
import sys
from pathlib import Path
from types import SimpleNamespace
from boston_page.findings import routes as findings
from boston_page.refused import routes as refused
from boston_page.refused.rights import has_right
from fastapi import FastAPI
from fastapi.testclient import TestClient
from spark_jobs.paths import Layout
place = SimpleNamespace(layout=Layout(Path(sys.argv[1])))
findings.places = refused.places = lambda: {"analytics": place, "ingestion": place}
app = FastAPI()
app.dependency_overrides[has_right] = lambda: True
for routes in (findings, refused):
    app.include_router(routes.router)
with TestClient(app) as client:
    for path in sys.argv[2:]:
        answer = client.get(path, params={"from": "2018-11-15", "to": "2018-11-21"})
        print(path, answer.status_code, "pandas" in sys.modules)
"""
PATHS = [f"/findings/usage{file}" for file in ("", "/rows.csv", "/rows.parquet")]
PATHS += [f"/refused/bike_trips{file}" for file in ("", "/rows.ndjson", "/rows.parquet")]


def test_neither_tables_nor_downloads_bring_pandas_into_the_api_server(tmp_path: Path) -> None:
    """As for the charts: tests/page/test_findings_numbers.py."""
    assert find_spec("pandas"), "there is nothing to see where it is not installed"
    write_hours(Layout(tmp_path))
    folder = Layout(tmp_path).dead_letters("bike_trips") / f"date={NEWEST:%Y-%m-%d}"
    folder.mkdir(parents=True)
    letter = {"topic": "t", "kafka_partition": 0, "kafka_offset": 0, "reason": "r", "raw": b"{", "refused_at": NEWEST}
    pq.write_table(pa.Table.from_pylist([{**letter, "kafka_timestamp": NEWEST}], SCHEMA), folder / "1-0.parquet")
    path = {"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}"}
    command = [sys.executable, "-c", ASKED, str(tmp_path), *PATHS]
    found = subprocess.run(command, env={**os.environ, **path}, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-len(PATHS) :] == [f"{path} 200 False" for path in PATHS]


def test_where_there_is_nothing_the_page_says_up_to_when_there_is(client: TestClient) -> None:
    found = ask(client, "/findings/usage", **{"from": "2020-01-01", "to": "2020-01-02"})
    assert (found["data"], found["table"]) == ([], None)
    assert "2018-11-20T13:00:00+00:00" in found["sentence"]
    assert "its analytic is off, or has not begun" in ask(client, "/findings/surge")["sentence"]
    assert client.get("/findings/usage/rows.csv", params={"from": "2020-01-01", "to": "2020-01-02"}).status_code == 404


@pytest.fixture
def spoilt(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Outputs that a test may damage."""
    monkeypatch.setattr(routes, "places", lambda: {"analytics": SimpleNamespace(layout=Layout(tmp_path))})
    write_hours(Layout(tmp_path))
    return Layout(tmp_path)


@pytest.mark.parametrize("spoil", SPOILERS)
def test_an_hour_that_cannot_be_read_is_a_gap_and_that_is_said(
    client: TestClient, spoilt: Layout, spoil: Callable[[Path], None]
) -> None:
    assert ask(client, "/findings/usage")["left_out"] is None
    hour = spoilt.dataset(USAGE) / hour_folder(NEWEST - timedelta(hours=3)) / "data.parquet"
    spoil(hour)
    found = ask(client, "/findings/usage")
    assert bikes(found) == [number for number in range(HOURS - 7 * 24, HOURS) if number != HOURS - 4]
    assert found["left_out"].startswith(f"1 file is left out: {hour} cannot be read: ")
    for kind in ("csv", "parquet"):
        answer = client.get(f"/findings/usage/rows.{kind}")
        assert answer.headers["content-disposition"] == f'attachment; filename="usage-incomplete.{kind}"'


def test_of_files_that_do_not_go_together_those_of_other_types_are_left_out(client: TestClient, spoilt: Layout) -> None:
    hour = spoilt.dataset(USAGE) / hour_folder(NEWEST - timedelta(hours=3)) / "data.parquet"
    rows = pq.read_table(hour, partitioning=None)
    texts = pa.table({name: ["many"] if name == "bike_count" else rows[name] for name in rows.column_names})
    pq.write_table(texts, hour)
    found = ask(client, "/findings/usage")
    assert bikes(found) == [number for number in range(HOURS - 7 * 24, HOURS) if number != HOURS - 4]
    assert found["left_out"] == f"1 file is left out: {hour} cannot be read: columns of other types"


def test_where_no_file_can_be_read_that_is_said_instead_of_rows(client: TestClient, spoilt: Layout) -> None:
    hours = sorted(spoilt.dataset(USAGE).rglob("*.parquet"), key=lambda file: hour_of_folder(str(file.parent)))
    for hour in hours[-2:]:
        truncate(hour)
    asked = {"from": "2018-11-20T12:00", "to": "2018-11-20T14:00", "zone": "utc"}
    found = ask(client, "/findings/usage", **asked)
    assert (found["rows"], found["table"]) == (0, None)
    assert found["left_out"].startswith(f"2 files are left out, the first of them: {hours[-2]} cannot be read: ")
    answer = client.get("/findings/usage/rows.csv", params=asked)
    assert (answer.status_code, answer.json()["detail"]) == (503, found["left_out"])


@pytest.mark.parametrize("spoil", SPOILERS)
def test_of_a_folded_day_that_cannot_be_read_the_hours_are(
    client: TestClient, spoilt: Layout, spoil: Callable[[Path], None]
) -> None:
    sound = bikes(ask(client, "/findings/usage"))
    day = spoilt.folded_day(USAGE, NEWEST.date() - timedelta(days=2))
    day.parent.mkdir(parents=True)
    pq.write_table(pa.table({"window_start": pa.array([NEWEST], pa.timestamp("us", "UTC"))}), day)
    spoil(day)
    found = ask(client, "/findings/usage")
    assert (bikes(found), found["left_out"]) == (sound, None)


def test_a_disk_that_fails_is_told_in_a_sentence(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), "/outputs")

    monkeypatch.setattr("boston_page.findings.reading.newest_hour_folder", failing)
    for path in ("/findings", "/findings/usage", "/findings/usage/rows.csv"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (503, "/outputs cannot be read: Stale file handle")


def test_rows_that_a_chart_leaves_out_are_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "places", lambda: {"analytics": SimpleNamespace(layout=Layout(tmp_path))})
    folder = Layout(tmp_path).dataset("multi_variable_summary") / hour_folder(NEWEST)
    folder.mkdir(parents=True)
    schema = {name: pa.float64() for name in prediction._COLUMNS} | {"window_start": pa.timestamp("us", "UTC")}
    row = {**dict.fromkeys(schema), "window_start": NEWEST}
    pq.write_table(pa.Table.from_pylist([row], schema=pa.schema(schema)), folder / "data.parquet")
    app = FastAPI()
    app.include_router(routes.router)
    found = ask(TestClient(app), "/findings/prediction")
    assert found["rows"] == 0
    assert found["sentence"].startswith(
        "None of the rows in this period can be shown yet. Shown are quarter hours with"
    )


def test_the_list_says_what_there_is(client: TestClient) -> None:
    charts = ask(client, "/findings")["charts"]
    assert [chart["name"] for chart in charts] == list(FINDINGS)
    assert {chart["name"]: chart["newest_hour"] for chart in charts}["usage"] == "2018-11-20T13:00:00+00:00"
    assert all(chart["caveat"] for chart in charts)


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "yesterday"},
        {"from": "2018-11-20", "to": "2018-11-19"},
        {"from": "2010-01-01", "to": "2018-11-19"},
        {"days": "0"},
        {"days": "401"},
        {"days": "99999999999999999999"},
        {"days": "-5"},
        {"to": "0001-01-01"},
        {"to": "9999-12-31T23:59"},
        {"zone": "mars"},
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_gets_a_sentence(client: TestClient, asked: dict[str, str]) -> None:
    answer = client.get("/findings/usage", params=asked)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_no_question_does_harm(client: TestClient) -> None:
    chance = random.Random(16)
    parts = ["..", "%2e%2e", "/", "usage", "2018-11-20", "T10:00", "'", '"', ";", "%00", "-", "9" * 30, *string.digits]
    for _ in range(500):
        name, start, end, zone = ("".join(chance.choices(parts, k=chance.randint(0, 4))) for _ in range(4))
        asked = {"from": start, "to": end, "zone": zone}
        for path in (f"/findings/{name}", f"/findings/{name}/rows.csv", "/findings/usage"):
            assert client.get(path, params=asked).status_code in (200, 404, 422), (path, asked)


def test_plotly_comes_from_its_package(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "plotly" / "package_data" / "plotly.min.js"
    script.parent.mkdir(parents=True)
    (tmp_path / "plotly" / "__init__.py").touch()
    script.write_text("/* plotly */")
    monkeypatch.syspath_prepend(tmp_path)
    answer = client.get("/plotly.js")
    assert (answer.text, answer.headers["content-type"].split(";")[0]) == ("/* plotly */", "text/javascript")
    assert ask(client, "/findings")["plotly"] is None


def test_without_plotly_the_page_says_what_is_missing_and_shows_tables(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "find_spec", lambda _name: None)
    answer = client.get("/plotly.js")
    assert answer.status_code == 404
    assert answer.json()["detail"] == ask(client, "/findings")["plotly"] == routes.PLOTLY_MISSING
    assert ask(client, "/findings/usage")["table"]["rows"]


def usage_of(layout: Layout, asked: Period, zone: ZoneInfo) -> dict[str, dict[str, Any]]:
    """Draw the rides of a period: name of the line -> the line."""
    rows = FINDINGS["usage"].rows(Outputs(layout, KeptDays()), asked)
    assert rows is not None
    return {trace["name"]: trace for trace in FINDINGS["usage"].figure(rows, zone, asked).data}


def test_an_hour_in_which_nothing_came_is_a_gap_and_no_zero(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_hours(layout)
    gone = NEWEST - timedelta(hours=3)
    (layout.dataset(USAGE) / hour_folder(gone) / "data.parquet").unlink()
    drawn = usage_of(layout, Period(NEWEST - timedelta(hours=6), NEWEST), ZoneInfo("UTC"))
    assert drawn["no row"]["x"] == ["2018-11-20T10:00:00"]
    at = drawn["bikes"]["x"].index("2018-11-20T10:00:00")
    assert drawn["bikes"]["y"][at] is None
    assert drawn["bikes"]["connectgaps"] is False
    assert None not in drawn["bikes"]["y"][:at]


def test_an_outage_at_the_ends_of_the_period_is_a_gap_too(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_hours(layout)
    asked = Period(NEWEST - timedelta(days=20, minutes=30), NEWEST + timedelta(days=2, minutes=30))
    drawn = usage_of(layout, asked, ZoneInfo("UTC"))
    before, after = 20 * 24 + 1 - HOURS, 2 * 24
    assert len(drawn["no row"]["x"]) == before + 1 + after, "the first hour with a row has a zero"
    assert (drawn["bikes"]["x"][0], drawn["bikes"]["x"][-1]) == ("2018-10-31T13:00:00", "2018-11-22T13:00:00")


def test_hours_that_are_not_over_are_no_outage(tmp_path: Path) -> None:
    layout, now = Layout(tmp_path), datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    write_hours(layout, hour - timedelta(hours=1))
    drawn = usage_of(layout, Period(hour - timedelta(hours=5), hour + timedelta(days=3)), ZoneInfo("UTC"))
    assert drawn["no row"]["x"] == []


def test_the_hour_that_comes_twice_is_drawn_and_named_apart(tmp_path: Path) -> None:
    layout, six = Layout(tmp_path), datetime(2018, 11, 4, 6, tzinfo=UTC)
    write_hours(layout, six + timedelta(hours=1))
    drawn = usage_of(layout, Period(six - timedelta(hours=2), six + timedelta(hours=2)), BOSTON)["bikes"]
    assert [x[11:16] for x in drawn["x"]] == ["00:00", "01:00", "01:30", "02:00"]
    assert [hour[11:] for hour in drawn["text"]][1:3] == ["01:00:00-0400", "01:00:00-0500"]


def test_a_column_that_an_older_formula_did_not_have_is_null(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_hours(layout)
    columns, last_hour = ("window_start", "bike_count", "another"), Period(NEWEST, NEWEST + timedelta(hours=1))
    rows = Outputs(layout, KeptDays()).rows(USAGE, Part(columns), last_hour)
    assert rows is not None
    assert rows.to_pylist() == [{"window_start": NEWEST, "bike_count": HOURS - 1, "another": None}]


@pytest.mark.parametrize("name", FINDINGS)
def test_rows_of_v01_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """They lack columns that a chart takes: what is not in any row is not known."""
    with tarfile.open(CHECKOUT / "tests" / "flow" / "data" / "v01.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    layout = Layout(tmp_path / "v01-fixture" / "ahead" / "analytics")
    monkeypatch.setattr(routes, "places", lambda: {"analytics": SimpleNamespace(layout=layout)})
    app = FastAPI()
    app.include_router(routes.router)
    client = TestClient(app)
    found = ask(client, f"/findings/{name}")
    assert found["rows"] or found["sentence"].startswith("None of the rows"), "there is something to draw"
    for kind in ("csv", "parquet"):
        assert client.get(f"/findings/{name}/rows.{kind}").status_code == (200 if found["rows"] else 404)


def test_a_day_in_the_clock_of_boston_has_25_hours_once_a_year() -> None:
    span = period("2018-11-04", "2018-11-05", BOSTON, None, 7, LONGEST)
    assert span.end - span.start == timedelta(hours=25)


def test_a_period_names_its_days_and_hours() -> None:
    span = Period(datetime(2018, 1, 14, 23, 30, tzinfo=UTC), datetime(2018, 1, 16, tzinfo=UTC))
    days = list(span.days())
    assert [str(day) for day in days] == ["2018-01-14", "2018-01-15"]
    assert [span.covers(day) for day in days] == [False, True]
    assert [hour.hour for hour in span.hours_of(days[0])] == [23]
    assert len(list(span.hours_of(days[1]))) == 24
