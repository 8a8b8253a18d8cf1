"""A Parquet file beside the others of a transaction, on disk before its entry promises it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.publication import durable_files


def staged_file(table: pa.Table, path: Path, target: Path, root: Path) -> tuple[str, str]:
    """Write the table to `path`; return the move that brings it to `target`, both relative to the root."""
    pq.write_table(table, path, compression="zstd")
    durable_files.sync_file(path)
    return str(path.relative_to(root)), str(target.relative_to(root))
