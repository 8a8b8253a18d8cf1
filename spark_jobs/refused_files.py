"""The files of refused messages: their order, and which of their rows are of a time and reason."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.arrow_values import instants, texts

PLACE = ("topic", "kafka_partition", "kafka_offset")
"""the columns that say where a message lies"""


def in_order(folder: Path) -> list[Path]:
    """A day's files, oldest first: their names begin with the number of the entry that brought them in."""
    return sorted(folder.glob("*.parquet"), key=_number)


def of_time_and_reason(letters: pa.Table, start: datetime, end: datetime, reason: str | None) -> pa.ChunkedArray:
    """Which rows were refused in [start, end), for that reason or, without one, for any."""
    at, (first, last) = letters["refused_at"], instants([start, end])
    meant = pc.and_(pc.greater_equal(at, first), pc.less(at, last))
    return pc.and_(meant, pc.equal(letters["reason"], texts([reason])[0])) if reason else meant


def _number(file: Path) -> tuple[int, str]:
    first = file.name.partition("-")[0]
    return (int(first) if first.isdigit() else 0), file.name
