"""The log is the truth: whatever happens to Spark's checkpoints between two runs, nothing is lost or doubled."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.flow.driver import Driver, Place, log_positions
from tests.flow.killings import assert_same_as, read_to_the_end

Ends = dict[str, dict[str, int]]
Start = Callable[..., Driver]
OLDER = "older"
"""a copy of the checkpoints kept from 10 batches earlier"""


def test_checkpoints_are_a_cache(place: Place, drivers: Start, undisturbed: Path, history_ends: Ends) -> None:
    # One history, read in small steps; between two runs, what may happen to checkpoints.
    small_steps = replace(place, settings={"MAX_OFFSETS_PER_TRIGGER": "40"})
    _read_some_batches(drivers(small_steps), 10)
    _delete(place, "bike_trips")
    _restore_older(place, "taxi_trips")
    _read_some_batches(drivers(small_steps), 2)
    _cut_short(place, "weather_data")
    _empty(place, "accidents")
    _use_each_others(place, "bike_trips", "taxi_trips")
    _read_some_batches(drivers(small_steps), 2)
    assert log_positions(place.output) != history_ends, "every mishap came while there was something to read"
    shutil.rmtree(place.checkpoints)
    read_to_the_end(place, history_ends)
    assert_same_as(undisturbed, place, history_ends)


def _delete(place: Place, stream: str) -> None:
    shutil.rmtree(place.checkpoints / stream)


def _restore_older(place: Place, stream: str) -> None:
    _delete(place, stream)
    shutil.copytree(place.folder / OLDER / stream, place.checkpoints / stream)


def _cut_short(place: Place, stream: str) -> None:
    newest = max((place.checkpoints / stream / "offsets").glob("[0-9]*"), key=lambda path: int(path.name))
    newest.write_bytes(newest.read_bytes()[:10])


def _empty(place: Place, stream: str) -> None:
    """As a power cut may."""
    for name in ("metadata", "sources/0/0"):
        (place.checkpoints / stream / name).write_bytes(b"")


def _use_each_others(place: Place, one: str, other: str) -> None:
    first, second = place.checkpoints / one, place.checkpoints / other
    first.rename(place.checkpoints / "swap")
    second.rename(first)
    (place.checkpoints / "swap").rename(second)


def _read_some_batches(driver: Driver, batches: int) -> None:
    place = driver.place
    driver.wait_until(lambda: driver.is_running(), "it runs")
    before = _newest_entry(place)
    driver.wait_until(lambda: _newest_entry(place) > before, "a first batch")
    shutil.rmtree(place.folder / OLDER, ignore_errors=True)
    shutil.copytree(place.checkpoints, place.folder / OLDER)
    copied_at = _newest_entry(place)
    driver.wait_until(lambda: _newest_entry(place) >= copied_at + batches, f"{batches} more batches")
    assert driver.stop() == 0, driver.said()


def _newest_entry(place: Place) -> int:
    """Of the taxi rides: the feed with the most batches."""
    return max((int(path.stem) for path in (place.output / "_log" / "taxi_trips").glob("[0-9]*.json")), default=-1)
