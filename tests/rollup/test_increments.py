"""Which rows are read of a feed, whatever happens to its files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree

import pytest

from spark_jobs.catalog import feed_named
from spark_jobs.diagnosis import StreamFault
from spark_jobs.publication.reader import DatasetReader
from spark_jobs.rollup.day_rows import day_folders
from spark_jobs.rollup.increments import read_increment
from spark_jobs.rollup.tiles import events_in
from tests.analytics.flow.ingestion import Ingested
from tests.rollup.events import events

NOON = datetime(2018, 11, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BIKES = feed_named("bike_trips")


def with_trips(root: Path, *hours: int) -> tuple[Ingested, DatasetReader]:
    """A batch for each of these hours."""
    ingested = Ingested(root)
    for hour in hours:
        ingested.take({BIKES.name: events(BIKES.name, NOON + hour * HOUR)})
    return ingested, DatasetReader(root, BIKES.name)


def folder_of(ingested: Ingested, hour: int) -> Path:
    at = NOON + hour * HOUR
    return next(ingested.layout.dataset(BIKES.name).glob(f"*/*/date={at.date()}/hour={at.hour}"))


def test_a_day_is_read_without_what_somebody_removed_that_the_newest_entry_brought(tmp_path: Path) -> None:
    ingested, reader = with_trips(tmp_path, 0, 1)
    position = reader.position()
    assert position is not None
    rmtree(folder_of(ingested, 1))
    left = read_increment(reader, BIKES, reader.below(position, day_folders(BIKES, NOON.date())), None, ())
    assert events_in(left, BIKES.name) == 1


def test_an_increment_without_what_somebody_removed_is_refused(tmp_path: Path) -> None:
    ingested, reader = with_trips(tmp_path, 0, 1)
    rmtree(folder_of(ingested, 1))
    everything = reader.since(None)
    assert everything is not None
    with pytest.raises(StreamFault, match="2 were published between two positions, 1 are in its files"):
        read_increment(reader, BIKES, everything, None, ())


def test_each_part_of_a_long_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_jobs.rollup.increments._FEW_ROWS", 0)
    monkeypatch.setattr("spark_jobs.rollup.increments._FOLDERS_TOGETHER", 2)
    _, reader = with_trips(tmp_path, 0, 1, 2, 3, 4)
    everything, moves = reader.since(None), list[int]()
    assert everything is not None
    tiles = read_increment(reader, BIKES, everything, None, (), moved=lambda: moves.append(1))
    assert (events_in(tiles, BIKES.name), len(moves)) == (5, 3)
