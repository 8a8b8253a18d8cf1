"""Rows in event-time order, sorted in bounded memory where a file is not in order."""

import heapq
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from playground.replay.csv_files import PublishedFile

CHUNK_ROWS = 50_000
"""rows of a chunk in the external sort of an unsorted file"""


class TimedRow(NamedTuple):
    event_s: float
    feed: str
    row: dict[str, str]


@dataclass(frozen=True)
class Survey:
    """What reading the file once found."""

    file: PublishedFile
    rows: int
    is_sorted: bool
    without_time: int


def timed_rows(file: PublishedFile) -> Iterator[tuple[TimedRow, bool]]:
    """Yield (row, whether its time is readable); a row without a time gets the time of the row before it."""
    latest_s = 0.0
    for row in file.rows():
        event_s = file.layout.event_time_s(row) if len(row) == len(file.header) else _time_of_short(file, row)
        yield TimedRow(latest_s if event_s is None else event_s, file.layout.feed, row), event_s is not None
        latest_s = latest_s if event_s is None else event_s


def _time_of_short(file: PublishedFile, row: dict[str, str]) -> float | None:
    try:
        return file.layout.event_time_s(row)
    except KeyError:
        return None


def survey(file: PublishedFile) -> Survey:
    rows = without_time = 0
    is_sorted, latest_s = True, float("-inf")
    for timed, has_time in timed_rows(file):
        rows += 1
        without_time += not has_time
        is_sorted = is_sorted and timed.event_s >= latest_s
        latest_s = timed.event_s
    return Survey(file, rows, is_sorted, without_time)


def in_order(surveyed: Survey) -> Iterator[TimedRow]:
    rows = (timed for timed, _ in timed_rows(surveyed.file))
    return rows if surveyed.is_sorted else sorted_in_chunks(rows, CHUNK_ROWS)


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


def merged(surveys: list[Survey]) -> Iterator[TimedRow]:
    """Merge all files into one sequence in event-time order."""
    return heapq.merge(*(in_order(surveyed) for surveyed in surveys), key=itemgetter(0))
