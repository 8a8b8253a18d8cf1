"""What one analytic states about itself: enough to find the hours it must recompute, and to compute and check them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pyarrow as pa

from spark_jobs.analytics.combined_windows import DurationName, Durations

TIMESTAMP = pa.timestamp("us", tz="UTC")
BIGINT = pa.int64()
INT = pa.int32()
DOUBLE = pa.float64()
STRING = pa.string()
BOOLEAN = pa.bool_()

Columns = dict[str, pa.DataType]

PARTITION_COLUMNS: Columns = {"year": INT, "month": INT, "date": STRING, "hour": INT}
"""part of every output, of window_start in UTC; their values stand in the path only, not in the files"""


@dataclass(frozen=True)
class Declaration:
    """One output: one row per window of length `window` every `slide`, and key."""

    name: str
    reads: tuple[str, ...]
    """the feeds whose tiles it is made of; weather is always read as of a window's end"""
    window: DurationName
    slide: DurationName
    lookback: timedelta
    query: Callable[[Durations], str]
    """SQL over the views `<feed>_tiles` that gives every row whose window starts `in_span`, sorted by key. Times are
    UTC without a zone; it sees all the tiles that windows, lookback and as-of weather need, or more."""
    columns: Columns
    """the output between window_start, window_end and the partition columns, in order"""
    sampled: DurationName | None = None
    """the windows a lookback is made of, where they are not the output's own"""
    schema: pa.Schema = field(init=False)
    """what a file holds, exactly"""

    def __post_init__(self) -> None:
        file_columns = {"window_start": TIMESTAMP, "window_end": TIMESTAMP, **self.columns}
        object.__setattr__(self, "schema", pa.schema(list(file_columns.items())))


def in_span(window_start: str = "window_start") -> str:
    """SQL: whether a window that starts then is wanted. The view `span` has one row: `span_start` and `span_end`."""
    # No parameters: for some queries DuckDB would plan anew each time to know them.
    start, end = "(SELECT span_start FROM span)", "(SELECT span_end FROM span)"
    return f"{window_start} >= {start} AND {window_start} < {end}"


class OutputMismatch(ValueError):
    """A computed table is not what its declaration says; nothing of it may be written."""


def checked(table: pa.Table, declaration: Declaration) -> pa.Table:
    """The table itself, if its columns are the declared ones, in order and type."""
    if table.schema.equals(declaration.schema):
        return table
    raise OutputMismatch(f"{declaration.name}: {'; '.join(_differences(table.schema, declaration.schema))}")


def _differences(computed: pa.Schema, declared: pa.Schema) -> list[str]:
    found, expected = (dict(zip(schema.names, schema.types, strict=True)) for schema in (computed, declared))
    differences = [
        f"{name} is {found.get(name, 'absent')} and should be {expected.get(name, 'absent')}"
        for name in expected | found
        if found.get(name) != expected.get(name)
    ]
    return differences or [f"columns are in the order {', '.join(computed.names)}"]
