"""What of the outputs cannot be read: an answer leaves it out, and says so."""

import os
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from fastapi import Depends, HTTPException

from spark_jobs.publication.parquet_files import DamagedParquet

UNREADABLE = (OSError, DamagedParquet)
"""a file that is gone, cannot be opened now, or is damaged"""


def why_unreadable(path: Path, failure: Exception) -> str:
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


async def _in_a_sentence() -> AsyncIterator[None]:
    """A disk that fails is no fault of the page: who asks is told, and asks again."""
    try:
        yield
    except UNREADABLE as failure:
        name = failure.filename if isinstance(failure, OSError) else None
        raise HTTPException(503, why_unreadable(Path(name or "the outputs"), failure)) from failure


IN_A_SENTENCE = Depends(_in_a_sentence, scope="function")
"""of every router whose routes read the outputs themselves"""
