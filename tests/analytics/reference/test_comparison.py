"""The comparison itself: what it tolerates, what it tells, and the command around it."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.analytics.reference.check import main
from tests.analytics.reference.comparison import KEYS, bounded, compare, differences, read_output
from tests.analytics.reference.handmade import HandmadeFeeds, Row
from tests.analytics.reference.outputs import all_references

PARTITION_COLUMNS = ["year", "month", "date", "hour"]


def table(**columns: list[object]) -> pa.Table:
    return pa.table({"key": ["a", "b", "c"], **columns})


def test_equal_tables_have_no_difference() -> None:
    one = table(n=[1, None, 3], x=[0.5, None, 1e12])
    assert differences(one, one.take([2, 0, 1]), ["key"]) == []


@pytest.mark.parametrize(
    ("column", "expected", "actual", "equal"),
    [
        ("avg_price", 0.001, 0.001 + 9e-10, True),
        ("avg_price", 0.001, 0.001 + 2e-9, False),
        ("avg_price", 1000.0, 1000.0 + 9e-7, True),
        ("avg_price", 1000.0, 1000.0 + 2e-6, False),
        ("bike_temp_correlation", 0.5, 0.5 + 9e-7, True),
        ("bike_temp_ci_low", 0.5, 0.5 + 2e-6, False),
        ("observed_weather_risk_ratio_ci_high", 0.5, 0.5 + 9e-7, True),
        ("taxi_wind_effective_n", 18.0, 18.0 + 1.7e-5, True),
        ("taxi_wind_effective_n", 18.0, 18.0 + 1.9e-5, False),
        ("bike_weather_elasticity", -2.0, -2.0 + 1.9e-6, True),
        ("coef_wind", 0.5, 0.5 + 9e-7, True),
        ("demand_prediction_error", 0.5, 0.5 + 9e-7, True),
        ("predicted_bike_demand_index", 100.0, 100.0 + 9e-5, True),
        ("model_sample_count", 10, 11, False),
        ("is_surge", None, 0, False),
        ("avg_price", None, float("nan"), False),
        ("avg_price", 1.0, float("nan"), False),
        ("avg_price", 0.0, None, False),
        ("surge_reason", "no_surge", "no surge", False),
    ],
)
def test_tolerance(column: str, expected: object, actual: object, equal: bool) -> None:
    kind = pa.array([expected if expected is not None else actual]).type

    def one_row(value: object) -> pa.Table:
        return pa.table({"key": ["a"], column: pa.array([value], kind)})

    assert (differences(one_row(actual), one_row(expected), ["key"]) == []) is equal


def test_a_line_names_output_column_key_and_both_values() -> None:
    lines = differences(table(n=[1, 2, 3]), table(n=[1, None, 4]), ["key"], "some_output")

    assert lines == [
        "some_output: n differs in 2 of 3 rows: key='b': expected null, actual 2; key='c': expected 4, actual 3"
    ]


def test_missing_extra_and_repeated_rows() -> None:
    actual = pa.table({"key": ["a", "a", "d"], "n": [1, 1, 4]})
    expected = pa.table({"key": ["a", "b"], "n": [1, 2]})

    findings = compare(actual, expected, ["key"])

    assert findings.total == 3
    assert findings.lines == [
        "1 row(s) missing: key='b'",
        "1 row(s) too many: key='d'",
        "1 row(s) there in another number of copies: key='a'",
    ]


def test_schema_lines() -> None:
    expected = table(n=[1, 2, 3], x=[0.5, 0.5, 0.5])

    assert differences(table(n=[1, 2, 3], y=[1, 1, 1]), expected, ["key"]) == [
        "column x is missing",
        "column y is not expected",
    ]
    assert differences(expected.select(["key", "x", "n"]), expected, ["key"]) == [
        "columns stand in another order: expected n where x is"
    ]
    narrow = expected.set_column(1, "n", expected["n"].cast(pa.int32()))
    assert differences(narrow, expected, ["key"]) == ["column n is int32, expected int64"]
    assert differences(table(x=[0.5] * 3).drop(["key"]), expected, ["key"])[0] == "column key is missing"


def test_timestamps_agree_whatever_their_zone_or_resolution() -> None:
    plain = pa.table({"window_start": pa.array([0], pa.timestamp("ns")), "n": [1]})
    zoned = pa.table({"window_start": pa.array([0], pa.timestamp("us", "UTC")), "n": [1]})

    assert differences(plain, zoned, ["window_start"]) == []


def test_lines_are_bounded() -> None:
    assert bounded(["a", "b", "c"], 2) == ["a", "b", "... and 1 more lines"]
    assert bounded(["a", "b"], 2) == ["a", "b"]


SUMMARY = "transport_usage_summary"


def write_outputs(feeds: HandmadeFeeds, root: Path, names: Iterable[str]) -> None:
    """The reference itself, written the way the job writes."""
    feeds.write()
    with duckdb.connect() as connection:
        tables = all_references(connection, feeds.root, names)
    for name, output in tables.items():
        hours: dict[str, list[Row]] = defaultdict(list)
        for row in output.to_pylist():
            hours["/".join(f"{column}={row[column]}" for column in PARTITION_COLUMNS)].append(row)
        for hour, rows in hours.items():
            path = root / name / hour
            path.mkdir(parents=True)
            pq.write_table(pa.Table.from_pylist(rows, output.schema).drop(PARTITION_COLUMNS), path / "data.parquet")


@pytest.fixture
def some_feeds(feeds: HandmadeFeeds) -> HandmadeFeeds:
    for start in ("2018-12-03 12:00", "2018-12-03 13:15", "2018-12-04 04:45"):
        feeds.bike(start, count=2)
        feeds.taxi(start, surge_multiplier=1.5, temperature=40.0)
        feeds.weather(start, t=3.0, w=2.0, v=9000.0, p=0.2)
    return feeds


@pytest.fixture
def summary(some_feeds: HandmadeFeeds, tmp_path: Path) -> Path:
    """An analytics folder with the hourly summary only."""
    write_outputs(some_feeds, tmp_path / "analytics", [SUMMARY])
    return tmp_path / "analytics"


def test_the_command_accepts_the_reference_in_all_nine_folders(
    some_feeds: HandmadeFeeds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_outputs(some_feeds, tmp_path / "analytics", KEYS)

    assert main([str(some_feeds.root), str(tmp_path / "analytics")]) == 0
    printed = capsys.readouterr().out
    assert "transport_usage_summary: 3 rows expected, 3 found, 0 differences" in printed
    assert all(f"{name}: " in printed for name in KEYS)


def test_the_command_tells_what_differs(
    some_feeds: HandmadeFeeds, summary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = summary / SUMMARY / "year=2018/month=12/date=2018-12-03/hour=12/data.parquet"
    changed = pq.ParquetFile(path).read()
    pq.write_table(changed.set_column(4, "bike_count", pa.array([5], pa.int64())), path)

    assert main([str(some_feeds.root), str(summary), "--only", SUMMARY]) == 1
    assert "bike_count differs in 1 of 3 rows" in capsys.readouterr().out


def test_a_window_in_the_wrong_folder_is_told(summary: Path) -> None:
    right = summary / SUMMARY / "year=2018/month=12/date=2018-12-03/hour=12"
    right.rename(right.with_name("hour=07"))

    with duckdb.connect() as connection:
        found = read_output(connection, summary, SUMMARY)

    (line,) = found.misplaced
    assert line.endswith("/hour=07/data.parquet holds a window of /year=2018/month=12/date=2018-12-03/hour=12/")
    assert found.rows["hour"].to_pylist() == [7, 13, 4]


def test_partition_columns_inside_a_file_are_told(summary: Path) -> None:
    path = summary / SUMMARY / "year=2018/month=12/date=2018-12-03/hour=12/data.parquet"
    held = pq.ParquetFile(path).read()
    pq.write_table(held.append_column("hour", pa.array([12], pa.int32())), path)

    with duckdb.connect() as connection:
        assert read_output(connection, summary, SUMMARY).misplaced == [f"{SUMMARY}: column hour stands in a file"]


def test_an_output_without_a_file_is_empty_for_the_command(
    feeds: HandmadeFeeds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feeds.accident("2018-12-03 12:00", "mv")
    feeds.write()

    assert main([str(feeds.root), str(tmp_path / "nothing")]) == 1
    printed = capsys.readouterr().out
    assert "weather_safety_analysis: 3 rows expected, 0 found, 3 differences" in printed
    assert "precipitation_impact: 0 rows expected, 0 found, 0 differences" in printed
    with duckdb.connect() as connection, pytest.raises(FileNotFoundError):
        read_output(connection, tmp_path / "nothing", "precipitation_impact")
