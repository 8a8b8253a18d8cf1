"""The log is the truth: whatever happens to Spark's checkpoints between two runs, nothing is lost or doubled."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.flow.driver import Driver, Place
from tests.flow.killings import assert_same_as, read_to_the_end

Ends = dict[str, dict[str, int]]
Start = Callable[..., Driver]
OLDER = "older"
"""a copy of the checkpoints kept from 10 batches earlier"""


def _delete_one(place: Place) -> None:
    shutil.rmtree(place.checkpoints / "bike_trips")


def _delete_all(place: Place) -> None:
    shutil.rmtree(place.checkpoints)


def _restore_older(place: Place) -> None:
    shutil.rmtree(place.checkpoints)
    shutil.copytree(place.folder / OLDER, place.checkpoints)


def _use_another_runs(place: Place) -> None:
    bikes, taxis = place.checkpoints / "bike_trips", place.checkpoints / "taxi_trips"
    bikes.rename(place.checkpoints / "swap")
    taxis.rename(bikes)
    (place.checkpoints / "swap").rename(taxis)


def _cut_short(place: Place) -> None:
    newest = max((place.checkpoints / "bike_trips" / "offsets").glob("[0-9]*"), key=lambda path: int(path.name))
    newest.write_bytes(newest.read_bytes()[:10])


MISHAPS: dict[str, Callable[[Place], None]] = {
    "one deleted": _delete_one,
    "all deleted": _delete_all,
    "replaced by a copy from 10 batches earlier": _restore_older,
    "replaced by those of another run": _use_another_runs,
    "a file cut short": _cut_short,
}


def test_checkpoints_are_a_cache(place: Place, drivers: Start, undisturbed: Path, history_ends: Ends) -> None:
    # One history, read in small steps, with a mishap between each two runs.
    small_steps = replace(place, settings={"MAX_OFFSETS_PER_TRIGGER": "80"})
    for name, mishap in MISHAPS.items():
        batches = 10 if name.startswith("replaced by a copy") else 2
        _read_some_batches(drivers(small_steps), batches)
        mishap(place)
    read_to_the_end(place, history_ends)
    assert_same_as(undisturbed, place, history_ends)


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
