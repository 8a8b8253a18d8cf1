"""Other programs open what the ingestion job writes: each row once, and folder names as docs/data/README.md says."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd  # type: ignore[import-untyped]  # no stubs are installed
import polars as pl
import pyarrow.dataset as ds
import pytest

from spark_jobs.catalog import feed_named
from spark_jobs.ingestion.quality import Key, Measure, Quality
from spark_jobs.ingestion.quality_days import QualityDays
from spark_jobs.paths import Layout
from spark_jobs.publication.durable_files import move
from tests.maintenance.live_feed import LiveFeed, trip
from tests.spark_program import quick_to_start

PARTITION_COLUMNS = ("year", "month", "date", "hour")
Seen = tuple[int, Mapping[str, str]]
"""rows, and the types of the partition columns"""

IN_SPARK = """
import json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False).getOrCreate()
rows = spark.read.parquet(sys.argv[1])
print(json.dumps([rows.count(), dict(rows.dtypes)]))
"""


def in_duckdb(folder: Path) -> Seen:
    rows = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        types = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {rows})").fetchall()
        (count,) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()[0]
    return count, dict(types)


def in_pandas(folder: Path) -> Seen:
    rows = pd.read_parquet(folder)
    return len(rows), {str(name): str(kind) for name, kind in rows.dtypes.items()}


def in_pyarrow(folder: Path) -> Seen:
    rows = ds.dataset(folder, partitioning="hive")
    return rows.count_rows(), {field.name: str(field.type) for field in rows.schema}


def in_polars(folder: Path) -> Seen:
    rows = pl.read_parquet(folder / "**/*.parquet", hive_partitioning=True)
    return rows.height, {name: str(kind) for name, kind in rows.schema.items()}


def in_spark(folder: Path) -> Seen:
    done = subprocess.run(
        [sys.executable, "-c", IN_SPARK, str(folder)],
        env=quick_to_start({"PATH": "/usr/bin:/bin"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, types = json.loads(done.stdout)
    return count, types


READERS: dict[str, tuple[Callable[[Path], Seen], list[str]]] = {
    "DuckDB": (in_duckdb, ["BIGINT", "BIGINT", "DATE", "BIGINT"]),
    "pandas": (in_pandas, ["category"] * 4),
    "pyarrow": (in_pyarrow, ["int32", "int32", "string", "int32"]),
    "Polars": (in_polars, ["Int64", "Int64", "Date", "Int64"]),
    "Spark": (in_spark, ["int", "int", "date", "int"]),
}


@pytest.mark.parametrize("name", READERS)
def test_a_feed_opens_with_the_documented_types(name: str, tmp_path: Path) -> None:
    reader, expected = READERS[name]
    feed = LiveFeed(tmp_path)
    feed.take([trip("2018-01-15 09:00:00"), trip("2018-01-15 22:00:00"), b"{"])
    feed.take([trip("2018-01-15 09:00:01")])
    count, types = reader(feed.layout.dataset("bike_trips"))
    assert count == 3
    assert [types[column] for column in PARTITION_COLUMNS] == expected


@pytest.mark.parametrize("name", ["DuckDB", "pandas", "pyarrow", "Polars"])
def test_counts_open_too(name: str, tmp_path: Path) -> None:
    days = QualityDays(Layout(tmp_path), feed_named("bike_trips"))
    quality = Quality({Key(Measure.ACCEPTED): 3, Key(Measure.NULL, "gender"): 1})
    source, target = days.staged(quality, date(2026, 1, 1), tmp_path)
    assert move(tmp_path / source, tmp_path / target)
    count, types = READERS[name][0](days.layout.quality("bike_trips"))
    assert (count, types["date"]) == (
        2,
        {"DuckDB": "DATE", "pandas": "category", "pyarrow": "string", "Polars": "Date"}[name],
    )
