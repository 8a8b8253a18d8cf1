"""The job's output beside the reference: reading its folder, and every row and cell that differs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from tests.analytics.reference.events import PARTITIONS

KEYS = {
    "weather_transport_correlation": ("window_start",),
    "weather_safety_analysis": ("window_start", "mode_type"),
    "surge_weather_correlation": ("window_start", "cab_type"),
    "transport_usage_summary": ("window_start",),
    "pearson_correlations": ("window_start", "lookback_hours"),
    "weather_binned_metrics": ("window_start", "aggregation_type", "temp_bin", "wind_bin", "weather_score_bin"),
    "precipitation_impact": ("window_start",),
    "temporal_correlations": ("window_start",),
    "multi_variable_summary": ("window_start",),
}
"""What names one row of each output; at most one of the three bins is not null."""

PARTITION_COLUMNS = {"year": "INTEGER", "month": "INTEGER", "date": "VARCHAR", "hour": "INTEGER"}
REGRESSION_ENDINGS = ("_correlation", "_ci_low", "_ci_high", "_effective_n", "_elasticity")
REGRESSION_BEGINNINGS = ("model_", "coef_", "predicted_")
EXAMPLES = 3

Key = tuple[Any, ...]


class Findings(NamedTuple):
    """How many rows and cells differ (a schema line counts as one), and readable lines about them."""

    total: int
    lines: list[str]


def tolerance(column: str) -> float:
    """How far doubles of this column may lie apart, per max(1, size of the value)."""
    regression = (
        column.endswith(REGRESSION_ENDINGS)
        or column.startswith(REGRESSION_BEGINNINGS)
        or column == "demand_prediction_error"
    )
    return 1e-6 if regression else 1e-9


def differences(
    actual: pa.Table, expected: pa.Table, key_columns: Sequence[str], output: str = "", limit: int = 100
) -> list[str]:
    """At most `limit` lines (and one that counts the rest); empty when the tables agree."""
    return bounded(compare(actual, expected, key_columns, output).lines, limit)


def bounded(lines: list[str], limit: int) -> list[str]:
    return lines if len(lines) <= limit else [*lines[:limit], f"... and {len(lines) - limit} more lines"]


def compare(actual: pa.Table, expected: pa.Table, key_columns: Sequence[str], output: str = "") -> Findings:
    """Every difference counted; lines give up to three examples of missing and extra rows and of each column."""
    actual, expected = _utc(actual), _utc(expected)
    prefix = f"{output}: " if output else ""
    lines = [prefix + line for line in _schema_lines(actual.schema, expected.schema)]
    count = len(lines)
    if not set(key_columns) <= set(actual.column_names):
        return Findings(count, lines)

    actual_rows, expected_rows = _row_numbers(actual, key_columns), _row_numbers(expected, key_columns)
    missing = [key for key in expected_rows if key not in actual_rows]
    extra = [key for key in actual_rows if key not in expected_rows]
    repeated = [key for key, rows in actual_rows.items() if len(rows) != len(expected_rows.get(key, rows))]
    for keys, what in ((missing, "missing"), (extra, "too many"), (repeated, "there in another number of copies")):
        count += len(keys)
        if keys:
            lines.append(f"{prefix}{len(keys)} row(s) {what}: {_examples(_named(key_columns, key) for key in keys)}")

    shared = [(key, actual_rows[key][0], rows[0]) for key, rows in expected_rows.items() if key in actual_rows]
    for column in expected.column_names:
        if column in key_columns or column not in actual.column_names:
            continue
        differing = list(_differing_cells(shared, actual[column], expected[column], _equality(column)))
        count += len(differing)
        if differing:
            shown = _examples(
                f"{_named(key_columns, key)}: expected {_shown(wanted)}, actual {_shown(found)}"
                for key, wanted, found in differing
            )
            lines.append(f"{prefix}{column} differs in {len(differing)} of {len(shared)} rows: {shown}")
    return Findings(count, lines)


def _schema_lines(actual: pa.Schema, expected: pa.Schema) -> list[str]:
    lines = [f"column {name} is missing" for name in expected.names if name not in actual.names]
    lines += [f"column {name} is not expected" for name in actual.names if name not in expected.names]
    if not lines and actual.names != expected.names:
        moved = next(pair for pair in zip(expected.names, actual.names, strict=True) if pair[0] != pair[1])
        lines.append(f"columns stand in another order: expected {moved[0]} where {moved[1]} is")
    for name in expected.names:
        if name in actual.names and _kind(actual.field(name).type) != _kind(expected.field(name).type):
            lines.append(f"column {name} is {actual.field(name).type}, expected {expected.field(name).type}")
    return lines


def _kind(kind: pa.DataType) -> str:
    """Types that hold the same values are one kind, whatever their resolution, zone or offsets."""
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    return str(kind)


def _row_numbers(table: pa.Table, key_columns: Sequence[str]) -> dict[Key, list[int]]:
    rows: dict[Key, list[int]] = {}
    for number, key in enumerate(zip(*(table[column].to_pylist() for column in key_columns), strict=True)):
        rows.setdefault(key, []).append(number)
    return rows


def _differing_cells(
    shared: Iterable[tuple[Key, int, int]],
    actual: pa.ChunkedArray,
    expected: pa.ChunkedArray,
    equal: Callable[[Any, Any], bool],
) -> Iterable[tuple[Key, Any, Any]]:
    found, wanted = actual.to_pylist(), expected.to_pylist()
    for key, actual_row, expected_row in shared:
        if not equal(found[actual_row], wanted[expected_row]):
            yield key, wanted[expected_row], found[actual_row]


def _equality(column: str) -> Callable[[Any, Any], bool]:
    relative = tolerance(column)

    def equal(found: Any, wanted: Any) -> bool:
        if isinstance(found, float) and isinstance(wanted, float):
            return abs(found - wanted) <= relative * max(1.0, abs(wanted))
        return bool(found == wanted)

    return equal


def _named(columns: Sequence[str], key: Key) -> str:
    return " ".join(
        f"{column}={_shown(value)}" for column, value in zip(columns, key, strict=True) if value is not None
    )


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def _examples(texts: Iterable[str]) -> str:
    remaining = iter(texts)
    shown = list(islice(remaining, EXAMPLES))
    return "; ".join(shown) + ("; ..." if next(remaining, None) is not None else "")


@dataclass(frozen=True)
class Output:
    """What stands in one output folder."""

    rows: pa.Table
    """all of them; the partition columns, which stand only in the paths, come last"""
    misplaced: list[str]
    """a line for each file that holds a window of another hour than its path says, or partition columns itself"""


def read_output(connection: duckdb.DuckDBPyConnection, analytics_root: Path, name: str) -> Output:
    """FileNotFoundError where there is none."""
    files = _files(analytics_root, name)
    if files is None:
        raise FileNotFoundError(f"{analytics_root / name} holds no {PARTITIONS}/data.parquet")
    # Thousands of small files: opened once.
    connection.register("found", connection.sql(f"SELECT * FROM {files}").to_arrow_table())
    try:
        return Output(_rows(connection), _misplaced(connection, name))
    finally:
        connection.unregister("found")


def _rows(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    own = f"COLUMNS(lambda name: name NOT IN {('filename', *PARTITION_COLUMNS)})"
    partitions = ", ".join(
        f"try_cast(regexp_extract(filename, '/{column}=([^/]*)/', 1) AS {kind}) AS {column}"
        for column, kind in PARTITION_COLUMNS.items()
    )
    return _utc(connection.sql(f"SELECT {own}, {partitions} FROM found ORDER BY window_start").to_arrow_table())


def _misplaced(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    inside = [column for column in PARTITION_COLUMNS if column in connection.table("found").columns]
    lines = [f"{name}: column {column} stands in a file" for column in inside]
    start = "make_timestamp(epoch_us(window_start))"
    rows = connection.sql(f"""
        SELECT DISTINCT filename, right_folder
        FROM (
            SELECT
                filename,
                concat(
                    '/year=', year({start}), '/month=', month({start}),
                    '/date=', strftime({start}, '%Y-%m-%d'), '/hour=', hour({start}), '/'
                ) AS right_folder
            FROM found
        )
        WHERE NOT contains(filename, right_folder)
        ORDER BY ALL
    """).fetchall()
    return lines + [f"{name}: {filename} holds a window of {folder}" for filename, folder in rows]


def _files(analytics_root: Path, name: str) -> str | None:
    """A FROM item with the rows of all files of one output and their filename; None when there is no file."""
    if not any((analytics_root / name).glob(f"{PARTITIONS}/data.parquet")):
        return None
    pattern = str(analytics_root / name / PARTITIONS / "data.parquet").replace("'", "''")
    return f"read_parquet('{pattern}', hive_partitioning = false, filename = true, union_by_name = true)"


def _utc(table: pa.Table) -> pa.Table:
    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(position, field.name, table[field.name].cast(pa.timestamp("us", "UTC")))
    return table
