"""The queries that the page shows mean the same to whoever runs them: DuckDB's clock is that of the asker's machine."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from playground.run.settings import CHECKOUT
from spark_jobs.paths import Layout, hour_folder

sys.path.insert(0, str(CHECKOUT / "plugins"))

from boston_page.findings.kept_days import KeptDays
from boston_page.findings.reading import Outputs
from boston_page.findings.registry import FINDINGS
from boston_page.period import Period

INSTANT = pa.timestamp("us", "UTC")
START = datetime(2018, 11, 4, 4, tzinfo=UTC)
"""an hour before one o'clock comes twice in Boston"""
HOURS = 4
RAIN = ("precip_bike_impact_score", "precip_taxi_boost_score")
COUNTS = ("wet_window_count", "dry_window_count", "matched_wet_window_count", "wet_episode_count")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """Four hours, the second of them wet."""
    outputs = Outputs(Layout(tmp_path_factory.mktemp("outputs")), KeptDays())
    for number in range(HOURS):
        hour = START + timedelta(hours=number)
        counts = {name: [number] for name in ("bike_count", "taxi_count", "total_transport_count")}
        write(outputs, "transport_usage_summary", hour, {"window_start": pa.array([hour], INSTANT), **counts})
        starts = [hour + timedelta(minutes=minutes) for minutes in (0, 15, 30, 45)]
        quarters = {
            "window_start": pa.array(starts, INSTANT),
            "window_end": pa.array([start + timedelta(minutes=15) for start in starts], INSTANT),
            "precipitation_binary": [int(number == 1)] * 4,
            "precipitation_mm_per_h": [float(number)] * 4,
            **{name: [1.0] * 4 for name in RAIN},
            **{name: [1] * 4 for name in COUNTS},
        }
        write(outputs, "precipitation_impact", hour, quarters)
    return outputs


def write(outputs: Outputs, output: str, hour: datetime, columns: Mapping[str, object]) -> None:
    folder = outputs.layout.dataset(output) / hour_folder(hour)
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "data.parquet")


@pytest.mark.parametrize("clock", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("name", ["usage", "rain"])
def test_a_query_gives_the_rows_that_are_shown_by_any_clock(outputs: Outputs, name: str, clock: str) -> None:
    period = Period(START, START + timedelta(hours=HOURS))
    ours = FINDINGS[name].rows(outputs, period)
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{clock}'")
        theirs: pa.Table = connection.execute(FINDINGS[name].query(outputs, period)).to_arrow_table()
    assert ours is not None
    assert theirs.cast(ours.schema).to_pylist() == ours.to_pylist()
