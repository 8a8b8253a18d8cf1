"""Python's values as Arrow's and back, without pandas; and rows looked up by a key.

Where pandas is installed, pyarrow imports it at the first `pa.array`, `pa.scalar`, Python value beside a column, time
of a zone made Python's, `group_by`, `join` or `empty_table`: 40 MiB of Airflow's API server for what nobody uses there.
"""

from array import array
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

INSTANT = pa.timestamp("us", "UTC")
_EPOCH, _US = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_FIRST, _LAST = ((end.replace(tzinfo=UTC) - _EPOCH) // _US for end in (datetime.min, datetime.max))


def integers(values: Iterable[int]) -> pa.Array:
    """An array. Its `[0]` is a scalar."""
    return _of_bytes(array("q", values), pa.int64())


def floats(values: Iterable[float]) -> pa.Array:
    return _of_bytes(array("d", values), pa.float64())


def instants(values: Iterable[datetime]) -> pa.Array:
    return integers((value - _EPOCH) // _US for value in values).cast(INSTANT)


def durations(values: Iterable[timedelta]) -> pa.Array:
    return integers(value // _US for value in values).cast(pa.duration("us"))


def texts(values: Iterable[str]) -> pa.Array:
    encoded = [value.encode() for value in values]
    ends = array("i", accumulate(map(len, encoded), initial=0))
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def listed(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column; null is None, and so is a time that Python has none for: a producer may send any."""
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()  # type: ignore[no-any-return]
    numbers = microseconds(column)
    return [_EPOCH + number * _US if number is not None and _FIRST <= number <= _LAST else None for number in numbers]


def microseconds(times: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Times as microseconds since 1970, also those that Python has none for; null is None."""
    return times.cast(INSTANT).cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]


def rows_of(found: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows, by the names of the columns."""
    columns = [listed(column) for column in found.columns]
    return [dict(zip(found.schema.names, values, strict=True)) for values in zip(*columns, strict=True)]


def rows_with(keys: pa.Array | pa.ChunkedArray, rows: pa.Table, key: str) -> pa.Table:
    """Return for each key the first row that has it, in the order of the keys; all nulls where none has."""
    return rows.take(pc.index_in(keys, value_set=rows[key].combine_chunks()))


def _of_bytes(values: "array[int] | array[float]", kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
