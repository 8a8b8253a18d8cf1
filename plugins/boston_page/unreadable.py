"""What of the outputs cannot be read: an answer leaves it out, and says so. Pure."""

import os
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from spark_jobs.publication.parquet_files import DamagedParquet

UNREADABLE = (OSError, DamagedParquet, pa.ArrowException)
"""a file that is gone, cannot be opened now, is damaged, or has columns that nobody can reckon with"""


def why_unreadable(path: Path | str, failure: Exception) -> str:
    """Return a sentence that names the file, or the folder."""
    if isinstance(failure, DamagedParquet):
        return str(failure)
    number = failure.errno if isinstance(failure, OSError) else None
    return f"{path} cannot be read: {os.strerror(number) if number else failure}"


def left_out(sentences: Collection[str]) -> str | None:
    """Say what an answer lacks; None where it lacks nothing."""
    if not sentences:
        return None
    first = next(iter(sentences))
    if len(sentences) == 1:
        return f"1 file is left out: {first}"
    return f"{len(sentences)} files are left out, the first of them: {first}"
