"""Values that are made of bytes are those that pyarrow makes itself, and pandas stays out."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import pyarrow as pa

from playground.run.settings import CHECKOUT
from spark_jobs.arrow_values import INSTANT, durations, floats, instants, integers, listed, rows_of, rows_with, texts

TIMES = [datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2018, 1, 15, 9, 30, 0, 1, UTC)]


def test_values_are_those_of_pyarrow() -> None:
    assert integers([-1, 2**40]).equals(pa.array([-1, 2**40]))
    assert floats(x / 3 for x in range(3)).equals(pa.array([0, 1 / 3, 2 / 3]))
    assert texts(["", "é", "Lyft"]).equals(pa.array(["", "é", "Lyft"]))
    assert instants(TIMES).equals(pa.array(TIMES, INSTANT))
    assert durations([timedelta(minutes=-1)]).equals(pa.array([timedelta(minutes=-1)], pa.duration("us")))
    assert integers([]).equals(pa.array([], pa.int64()))
    assert texts([]).equals(pa.array([], pa.string()))


def test_rows_come_back_as_they_were() -> None:
    rows = [{"at": TIMES[0], "text": "é", "n": 1}, {"at": None, "text": None, "n": None}]
    schema = pa.schema([("at", INSTANT), ("text", pa.string()), ("n", pa.int32())])
    assert rows_of(pa.Table.from_pylist(rows, schema)) == rows
    assert listed(pa.chunked_array([pa.array(TIMES, pa.timestamp("ns", "America/New_York"))])) == TIMES


def test_a_time_beyond_those_of_python_is_none() -> None:
    assert listed(integers([0, 2**60, -(2**60)]).cast(INSTANT)) == [datetime(1970, 1, 1, tzinfo=UTC), None, None]


def test_a_key_finds_its_first_row_and_without_one_nulls() -> None:
    rows = pa.table({"key": [1, 1, 2], "value": ["a", "b", None]})
    assert rows_with(integers([2, 1, 9, 1]), rows, "key")["value"].to_pylist() == [None, "a", None, "a"]
    assert rows_with(integers([2]), rows.slice(0, 0), "key")["value"].to_pylist() == [None]


WITHOUT_PANDAS = """
import sys
from datetime import UTC, datetime, timedelta
import pyarrow as pa
from spark_jobs.arrow_values import durations, floats, instants, integers, rows_of, rows_with, texts
at = instants([datetime(2018, 1, 15, tzinfo=UTC)])
durations([timedelta(1)])
found = pa.table({"at": at, "n": integers([1]), "x": floats([1]), "text": texts(["a"])})
rows_of(rows_with(integers([1, 2]), found, "n"))
print("pandas" in sys.modules)
"""


def test_pandas_is_not_imported() -> None:
    assert find_spec("pandas"), "there is nothing to see where it is not installed"
    command = [sys.executable, "-c", WITHOUT_PANDAS]
    found = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=True
    )
    assert found.stdout == "False\n"
