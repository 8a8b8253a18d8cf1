"""Every chart of the page on generated data: its numbers are those of DuckDB, before and after days are folded."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from playground.generator.stream import Scenario, messages
from playground.run.settings import CHECKOUT
from spark_jobs.analytics.folded_days import fold_closed_days
from tests.analytics.flow.feeds import parsed_feeds
from tests.analytics.flow.ingestion import now
from tests.analytics.flow.live import LiveJob
from tests.analytics.tiles import bikes, tile_table
from tests.publication.small_feed import Killed, dies_at

sys.path.insert(0, str(CHECKOUT / "plugins"))

from boston_page.findings import kept_days
from boston_page.findings.kept_days import KeptDays, Part, read_file
from boston_page.findings.reading import Outputs
from boston_page.findings.registry import FINDINGS
from boston_page.period import ZONES, Period

START = datetime(2018, 10, 20, tzinfo=UTC)
DAYS = 9
ALL_OF_IT = Period(START, START + timedelta(days=DAYS + 1))
A_PART = Period(START + timedelta(days=7, hours=5), START + timedelta(days=8, hours=11))
NOTHING = Period(START - timedelta(days=9), START - timedelta(days=8))
OUTPUTS = tuple(sorted({output for finding in FINDINGS.values() for output in finding.outputs}))


@pytest.fixture(scope="module", autouse=True)
def _unsynced() -> Iterator[None]:
    """Thousands of small files are written; no power cut is looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _handle: None)
        yield


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> LiveJob:
    """The outputs of nine days of the playground's generator."""
    job = LiveJob(tmp_path_factory.mktemp("findings"), names=OUTPUTS, by_hour=False)
    job.take(parsed_feeds(messages(seed=7, start=START, days=DAYS, volume=0.1, scenario=Scenario.ALL_WEATHER_SCORES)))
    job.settle()
    return job


@pytest.fixture(scope="module")
def hourly(job: LiveJob) -> Outputs:
    """Read before any day is folded."""
    return Outputs(job.layout, KeptDays())


@pytest.fixture(scope="module")
def folded(job: LiveJob, hourly: Outputs) -> Outputs:
    """The same outputs, with their closed days folded, and read once before."""
    before = [rows_of(hourly, name, ALL_OF_IT) for name in FINDINGS]
    fold_closed_days([analytic.log for analytic in job.analytics.values()], job.writer, now)
    outputs = Outputs(job.layout, KeptDays())
    assert [rows_of(outputs, name, ALL_OF_IT) for name in FINDINGS] == before
    return outputs


def rows_of(outputs: Outputs, name: str, period: Period) -> list[dict[str, Any]]:
    found = FINDINGS[name].rows(outputs, period)
    return [] if found is None else found.to_pylist()


def by_duckdb(query: str) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found: pa.Table = connection.execute(query).to_arrow_table()
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def assert_same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert list(one) == list(other)
        for name, value in one.items():
            assert value == other[name] or math.isclose(value, other[name], rel_tol=1e-9, abs_tol=1e-12), name


@pytest.mark.parametrize("period", [ALL_OF_IT, A_PART], ids=["all of it", "a part"])
@pytest.mark.parametrize("name", FINDINGS)
def test_the_query_that_is_shown_gives_the_rows_that_are_shown(hourly: Outputs, name: str, period: Period) -> None:
    ours = rows_of(hourly, name, period)
    assert ours
    assert_same(ours, by_duckdb(FINDINGS[name].query(hourly, period)))


@pytest.mark.parametrize("name", FINDINGS)
def test_folded_days_change_nothing(folded: Outputs, name: str) -> None:
    assert list(folded.layout.folded_days(FINDINGS[name].outputs[0]).glob("*.parquet"))
    for _ in range(2):
        assert_same(rows_of(folded, name, A_PART), by_duckdb(FINDINGS[name].query(folded, A_PART)))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", FINDINGS)
def test_every_chart_has_something_to_show(hourly: Outputs, name: str, zone: str) -> None:
    found = FINDINGS[name].rows(hourly, ALL_OF_IT)
    assert found is not None
    drawn = FINDINGS[name].figure(found, ZONES[zone], ALL_OF_IT)
    assert any(len(trace["x"]) > 1 for trace in drawn.data)
    assert all(len(trace["x"]) == len(trace["y"]) for trace in drawn.data)
    assert any(figure.isdigit() for figure in drawn.sentence)
    json.dumps([drawn.data, drawn.layout], allow_nan=False)


@pytest.mark.parametrize("name", FINDINGS)
def test_where_there_are_no_rows_there_is_no_chart(hourly: Outputs, name: str) -> None:
    assert FINDINGS[name].rows(hourly, NOTHING) is None


def more_bikes(job: LiveJob, at: datetime, more: int) -> None:
    """So many more rentals in the tile that begins then; the output has not taken them yet."""
    before = sum(row["rental_count"] for row in job.tiles_of("bike_trips").to_pylist() if row["bucket_start"] == at)
    job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(at, before + more)])})


def bikes_by_hour(outputs: Outputs) -> dict[datetime, int]:
    return {row["window_start"]: row["bike_count"] for row in rows_of(outputs, "usage", ALL_OF_IT)}


def changes(before: dict[datetime, int], after: dict[datetime, int]) -> dict[datetime, int]:
    return {hour: after[hour] - before[hour] for hour in after if after[hour] != before[hour]}


def test_a_day_that_changes_after_it_was_folded_is_read_anew(job: LiveJob, folded: Outputs) -> None:
    at, before = START + timedelta(days=3, hours=9), bikes_by_hour(folded)
    more_bikes(job, at, 41)
    job.settle("transport_usage_summary")
    assert changes(before, bikes_by_hour(folded)) == {at: 41}


def test_a_day_that_a_crash_left_behind_newer_hours_is_passed_over(job: LiveJob, folded: Outputs) -> None:
    at, before = START + timedelta(days=4, hours=9), bikes_by_hour(folded)
    more_bikes(job, at, 17)
    job.analytics["transport_usage_summary"].log.reached = dies_at("moved")
    with pytest.raises(Killed):
        job.settle("transport_usage_summary")
    assert folded.layout.folded_day("transport_usage_summary", at.date()).exists()
    assert changes(before, bikes_by_hour(folded)) == {at: 17}


def test_a_file_that_is_kept_in_memory_goes_with_its_identity(tmp_path: Path) -> None:
    kept, path = KeptDays(), tmp_path / "2018-01-15.parquet"
    for number in (1, 2):
        other = path.with_suffix(".new")
        pq.write_table(pa.table({"x": [number]}), other)
        other.replace(path)
        assert read(kept, path) == [number]
    path.unlink()
    assert kept.read(tmp_path, [path.name], X) == (set(), None)


def test_days_are_kept_from_one_question_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, days = KeptDays(), [tmp_path / f"2018-01-{number}.parquet" for number in range(10, 20)]
    for number, day in enumerate(days):
        pq.write_table(pa.table({"x": [number, number]}), day)
    assert read(kept, *days[:8]) == sorted([*range(8)] * 2)
    opened: list[str] = []

    def opens(path: Path, columns: Sequence[str]) -> pa.Table:
        opened.append(path.name)
        return read_file(path, columns)

    monkeypatch.setattr(kept_days, "read_file", opens)
    assert read(kept, *days[2:4]) == [2, 2, 3, 3]
    assert opened == []
    assert read(kept, *days) == sorted([*range(10)] * 2)
    assert sorted(opened) == [day.name for day in days[8:]]


def test_no_more_is_kept_than_allowed(tmp_path: Path) -> None:
    kept = KeptDays(most_bytes=1000)
    for number in range(20):
        pq.write_table(pa.table({"x": [float(number)] * 50}), tmp_path / f"{number}.parquet")
        assert read(kept, tmp_path / f"{number}.parquet") == [number] * 50
        other = Part(("x",), keep=lambda rows: rows.slice(10))
        _, rows = kept.read(tmp_path, [f"{number}.parquet"], other)
        assert rows is not None
        assert rows.num_rows == 40
    assert 0 < kept.bytes <= 1000


WITHOUT_PANDAS = """
import sys
from datetime import datetime
from pathlib import Path
from boston_page.findings.kept_days import KeptDays
from boston_page.findings.reading import Outputs
from boston_page.findings.registry import FINDINGS
from boston_page.period import ZONES, Period
from spark_jobs.paths import Layout
outputs = Outputs(Layout(Path(sys.argv[1])), KeptDays())
period = Period(*map(datetime.fromisoformat, sys.argv[2:]))
for name, finding in FINDINGS.items():
    finding.figure(finding.rows(outputs, period), ZONES["boston"], period)
    print(name, "pandas" in sys.modules)
"""


def test_no_chart_brings_pandas_into_airflows_api_server(folded: Outputs) -> None:
    """40 MiB there, which pyarrow imports at the first value of Python's that it is given."""
    assert find_spec("pandas"), "there is nothing to see where it is not installed"
    asked = [str(folded.layout.root), ALL_OF_IT.start.isoformat(), ALL_OF_IT.end.isoformat()]
    path = {"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}"}
    command = [sys.executable, "-c", WITHOUT_PANDAS, *asked]
    found = subprocess.run(command, env={**os.environ, **path}, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [f"{name} False" for name in FINDINGS]


X = Part(("x",))


def read(kept: KeptDays, *days: Path) -> list[int]:
    """Read the column x of days that are all there."""
    names = {day.name for day in days}
    found, rows = kept.read(days[0].parent, names, X)
    assert found == names
    assert rows is not None
    return sorted(rows["x"].to_pylist())
