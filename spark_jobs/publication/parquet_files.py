"""Parquet files beside the others of a transaction, on disk before an entry promises them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.publication import durable_files


def write_parquet(table: pa.Table, path: Path, compression: str = "zstd", **options: Any) -> None:
    """Write a complete file, as pyarrow's `write_table` does, and wait until it is on disk."""
    pq.write_table(table, path, compression=compression, **options)
    durable_files.sync_file(path)


def staged_file(table: pa.Table, path: Path, target: Path, root: Path, **options: Any) -> tuple[str, str]:
    """Write the table to `path`; return the move that brings it to `target`, both relative to the root."""
    write_parquet(table, path, **options)
    return str(path.relative_to(root)), str(target.relative_to(root))
