"""Rows in event-time order, sorted in bounded memory where a file is not in order."""

import heapq
import pickle
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from playground.replay.layouts import Record
from playground.replay.survey import Survey

CHUNK_ROWS = 50_000
"""rows of a chunk in the external sort of an unsorted file"""


class TimedRow(NamedTuple):
    event_s: float
    feed: str
    record: Record


def merged(surveys: Sequence[Survey]) -> Iterator[TimedRow]:
    """Merge all files into one sequence in event-time order."""
    # Of a file without any readable time: with the first of all, so that nobody waits for it since 1970.
    earliest_s = min((found.span_s[0] for found in surveys if found.span_s), default=0.0)
    return heapq.merge(*(in_order(found, earliest_s) for found in surveys), key=itemgetter(0))


def in_order(found: Survey, earliest_s: float = 0.0) -> Iterator[TimedRow]:
    """The file's rows; `earliest_s` stands for the times of a file where none can be read."""
    rows = timed_rows(found, found.span_s[0] if found.span_s else earliest_s)
    return rows if found.is_sorted else sorted_in_chunks(rows, CHUNK_ROWS)


def timed_rows(found: Survey, latest_s: float) -> Iterator[TimedRow]:
    """A row without a readable time gets that of the row before it, and the first row `latest_s`."""
    for row in found.file.rows():
        latest_s = latest_s if row.event_s is None else row.event_s
        yield TimedRow(latest_s, found.file.layout.feed, row.record)


def sorted_in_chunks(rows: Iterator[TimedRow], chunk_rows: int) -> Iterator[TimedRow]:
    by_time = itemgetter(0)
    chunks: list[Iterator[TimedRow]] = []
    while chunk := sorted(islice(rows, chunk_rows), key=by_time):
        if len(chunk) < chunk_rows:
            chunks.append(iter(chunk))
            break
        chunks.append(_spilled(chunk))
    return heapq.merge(*chunks, key=by_time)


def _spilled(chunk: list[TimedRow]) -> Iterator[TimedRow]:
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it closes, and is gone, with the last row
    pickler = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL)
    for timed in chunk:
        pickler.dump(tuple(timed))
        pickler.clear_memo()
    return _read_back(file, len(chunk))


def _read_back(file: IO[bytes], rows: int) -> Iterator[TimedRow]:
    with file:
        file.seek(0)
        for _ in range(rows):
            yield TimedRow(*pickle.load(file))  # noqa: S301 - written a moment ago by this process
