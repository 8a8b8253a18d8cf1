"""Every registered analytic has a declaration, and only what it declares can be written."""

from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pytest

from spark_jobs.analytics.declaration import OutputMismatch, checked
from spark_jobs.analytics.refresh import chunks, declaration_of
from spark_jobs.catalog import ANALYTICS, FEEDS
from tests.analytics.tiles import NOON, TilesInMemory, bikes, output_tables, queries

HOUR = timedelta(hours=1)
NAMES = [analytic.name for analytic in ANALYTICS]


@pytest.mark.parametrize("name", NAMES)
def test_a_module_declares_its_own_name_and_known_feeds(name: str) -> None:
    declaration = declaration_of(name)
    assert declaration.name == name
    assert set(declaration.reads) <= {feed.name for feed in FEEDS}
    assert declaration.schema.names[:2] == ["window_start", "window_end"]


@pytest.mark.parametrize("name", NAMES)
def test_without_tiles_there_are_no_rows_but_all_columns(name: str) -> None:
    from spark_jobs.analytics.combined_windows import Durations
    from spark_jobs.analytics.refresh import refresh

    declaration = declaration_of(name)
    hours = [NOON, NOON + HOUR]
    computed = list(refresh(queries(), TilesInMemory(), declaration, Durations(), hours))
    assert [(hour, table.num_rows) for hour, table in computed] == [(NOON, 0), (NOON + HOUR, 0)]
    assert {table.schema for _, table in computed} == {declaration.schema}


USAGE = declaration_of("transport_usage_summary")
MISMATCHES = {
    "hour_of_day is absent and should be int32": lambda table: table.drop_columns(["hour_of_day"]),
    "weather is null and should be absent": lambda table: table.append_column("weather", pa.nulls(table.num_rows)),
    "bike_count is int32 and should be int64": lambda table: table.set_column(
        4, "bike_count", table["bike_count"].cast(pa.int32())
    ),
    "columns are in the order is_weekend, window_start": lambda table: table.select(
        ["is_weekend", *[name for name in table.column_names if name != "is_weekend"]]
    ),
}


@pytest.mark.parametrize(("sentence", "changed"), MISMATCHES.items(), ids=MISMATCHES)
def test_another_table_than_declared_is_refused(sentence: str, changed: Callable[[pa.Table], pa.Table]) -> None:
    table = USAGE.schema.empty_table()
    assert checked(table, USAGE) is table
    with pytest.raises(OutputMismatch, match=f"transport_usage_summary: .*{sentence}"):
        checked(changed(table), USAGE)


def test_each_hour_comes_once_with_its_rows() -> None:
    tiles = TilesInMemory(bike_trips=[bikes(NOON, 1), bikes(NOON + 2 * HOUR, 2)])
    computed = {hour: table["bike_count"].to_pylist() for hour, table in output_tables(USAGE, tiles)}
    assert computed == {NOON: [1], NOON + HOUR: [], NOON + 2 * HOUR: [2]}


def test_hours_near_each_other_are_computed_together_up_to_a_week() -> None:
    assert chunks([NOON + 2 * HOUR, NOON, NOON]) == [[NOON, NOON + 2 * HOUR]]
    assert chunks([NOON, NOON + 4 * HOUR]) == [[NOON], [NOON + 4 * HOUR]]
    assert [len(chunk) for chunk in chunks([NOON + n * HOUR for n in range(400)])] == [168, 168, 64]
