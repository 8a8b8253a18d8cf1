"""Parquet files of ours: on disk before an entry promises them, compared with their checksums when they are read."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.publication import durable_files

CHECKED = {"write_page_checksum": True}
"""what pyarrow's writers take to sum up each page; without it a flipped bit reads as another value"""


class DamagedParquet(Exception):
    """What is in a file cannot be read."""

    def __init__(self, path: Path, why: Exception) -> None:
        super().__init__(f"{path} cannot be read: {why}")


def write_parquet(table: pa.Table, path: Path, compression: str = "zstd", **options: Any) -> None:
    """Write a complete file, as pyarrow's `write_table` does, and wait until it is on disk."""
    pq.write_table(table, path, compression=compression, **CHECKED, **options)
    durable_files.sync_file(path)


def staged_file(table: pa.Table, path: Path, target: Path, root: Path, **options: Any) -> tuple[str, str]:
    """Write the table to `path`; return the move that brings it to `target`, both relative to the root."""
    write_parquet(table, path, **options)
    return str(path.relative_to(root)), str(target.relative_to(root))


@contextmanager
def parquet_file(path: Path, at_once: bool = False) -> Iterator[pq.ParquetFile]:
    """Open a file of ours to read; `at_once`: all of it, which of a small file takes half the time.

    Raises: DamagedParquet where it is no sound file, in the block too; OSError where it is gone, or the machine fails.
    """
    try:
        source = pa.BufferReader(path.read_bytes()) if at_once else path
        with pq.ParquetFile(source, page_checksum_verification=True) as file:
            yield file
    except Exception as failure:
        if not _is_damage(failure):
            raise
        raise DamagedParquet(path, failure) from failure


def read_parquet(path: Path, columns: Sequence[str] | None = None, at_once: bool = False) -> pa.Table:
    """Read a file of ours, or some columns of it, as `parquet_file` does; one that it does not have is left out."""
    with parquet_file(path, at_once) as file:
        return file.read(columns=columns and list(columns), use_threads=False)


def read_as(path: Path, schema: pa.Schema, at_once: bool = False) -> pa.Table:
    """Read these columns of a file, as `parquet_file` does; one that is missing or of another type is damage."""
    with parquet_file(path, at_once) as file:
        return file.read(columns=schema.names, use_threads=False).select(schema.names).cast(schema)


def footer(path: Path) -> pq.FileMetaData:
    """Read what a file says of itself. Raises: as `parquet_file`."""
    with parquet_file(path) as file:
        return file.metadata


def _is_damage(failure: Exception) -> bool:
    """Whether it is for what is in the file. Of a damaged footer pyarrow also says that a text is no UTF-8."""
    if isinstance(failure, OSError):
        return failure.errno in (None, errno.EIO)
    return isinstance(failure, (pa.ArrowException, ValueError, KeyError)) and not isinstance(failure, MemoryError)
