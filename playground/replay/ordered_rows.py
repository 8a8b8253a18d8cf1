"""Rows in event-time order, sorted in bounded memory where a file is not in order."""

import heapq
import pickle
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from playground.replay.published_files import Sent
from playground.replay.survey import Survey

CHUNK_ROWS = 50_000
"""rows of a chunk in the external sort of an unsorted file"""
_NOT_OPEN: Sent = {}
"""stands in for the rows of a file that is not open yet"""


class TimedRow(NamedTuple):
    event_s: float
    feed: str
    record: Sent


def merged(surveys: Sequence[Survey]) -> Iterator[TimedRow]:
    """Merge all files into one sequence in event-time order."""
    # Of a file without any readable time: with the first of all, so that nobody waits for it since 1970.
    earliest_s = min((found.span_s[0] for found in surveys if found.span_s), default=0.0)
    files = (in_order(found, found.span_s[0] if found.span_s else earliest_s) for found in surveys)
    return (row for row in heapq.merge(*files, key=itemgetter(0)) if row.record is not _NOT_OPEN)


def in_order(found: Survey, first_s: float) -> Iterator[TimedRow]:
    """The file's rows, the first at `first_s`; a stand-in before them, so that a file is opened when its time comes.

    A folder with all months would be in memory at once: those out of order are sorted as a whole.
    """
    yield TimedRow(first_s, found.file.layout.feed, _NOT_OPEN)
    rows = timed_rows(found, first_s)
    yield from rows if found.is_sorted else sorted_in_chunks(rows, CHUNK_ROWS)


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
