"""The log is the truth: whatever happens to Spark's checkpoints, nothing is lost or doubled."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.flow.driver import Driver, Place, log_positions
from tests.flow.killings import assert_same_as

Ends = dict[str, dict[str, int]]
Start = Callable[..., Driver]
OLDER = "older"
"""a copy of the checkpoints kept from 5 batches earlier"""


def test_checkpoints_are_a_cache(place: Place, drivers: Start, undisturbed: Path, history_ends: Ends) -> None:
    # One history, read in small steps; between two runs and during one, what may happen to checkpoints.
    small_steps = replace(place, settings={"MAX_OFFSETS_PER_TRIGGER": "40"})
    _read_some_batches(drivers(small_steps), 5)
    shutil.rmtree(place.checkpoints / "bike_trips")
    _restore_older(place, "taxi_trips")
    _leave_one_of_v01(place, "weather_data")
    _read_some_batches(drivers(small_steps), 2)
    assert log_positions(place.output) != history_ends, "every mishap came while there was something to read"
    shutil.rmtree(place.checkpoints)

    driver = drivers(replace(place, settings={"MAX_OFFSETS_PER_TRIGGER": "120"}))
    driver.wait_until_it_runs()
    before = _newest_entry(place)
    driver.wait_until(lambda: _newest_entry(place) > before + 1, "some batches")
    for stream in ("bike_trips", "taxi_trips"):
        shutil.rmtree(place.checkpoints / stream)
    assert log_positions(place.output) != history_ends, "the queries had something to read"
    driver.wait_until_all_is_read(history_ends)
    assert driver.stop() == 0, driver.said()
    assert_same_as(undisturbed, place, history_ends)


def _restore_older(place: Place, stream: str) -> None:
    shutil.rmtree(place.checkpoints / stream)
    shutil.copytree(place.folder / OLDER / stream, place.checkpoints / stream)


def _leave_one_of_v01(place: Place, stream: str) -> None:
    """It stood in the stream's own folder."""
    (one,) = (place.checkpoints / stream).iterdir()
    for part in one.iterdir():
        part.rename(place.checkpoints / stream / part.name)
    one.rmdir()


def _read_some_batches(driver: Driver, batches: int) -> None:
    place = driver.place
    driver.wait_until(lambda: driver.is_running(), "it runs")
    before = _newest_entry(place)
    driver.wait_until(lambda: _newest_entry(place) > before, "a first batch")
    shutil.rmtree(place.folder / OLDER, ignore_errors=True)
    shutil.copytree(place.checkpoints, place.folder / OLDER, ignore=_gone_meanwhile)
    copied_at = _newest_entry(place)
    driver.wait_until(lambda: _newest_entry(place) >= copied_at + batches, f"{batches} more batches")
    assert driver.stop() == 0, driver.said()


def _gone_meanwhile(folder: str, names: list[str]) -> list[str]:
    """Spark's temporary files come and go while the folder is copied."""
    return [name for name in names if name.startswith(".")]


def _newest_entry(place: Place) -> int:
    """Of the taxi rides: the feed with the most batches."""
    return max((int(path.stem) for path in (place.output / "_log" / "taxi_trips").glob("[0-9]*.json")), default=-1)
