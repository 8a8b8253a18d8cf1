"""Exactly once for every reader: whatever is killed, and whenever, and whatever happens to Spark's checkpoints.

The log is the truth, and checkpoints are a cache. `make kill-matrix` kills at every step.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.publications import ingested
from tests.flow.driver import Driver, Place
from tests.flow.killings import TELLING_STEPS, assert_same_as, named_killings, random_killings, suffer

Start = Callable[..., Driver]
OLDER = "older"
"""a copy of the checkpoints, from a run before"""


def test_kills_and_lost_or_older_checkpoints_lose_and_double_nothing(
    place: Place, drivers: Start, undisturbed: Path, history_ends: Mapping[str, Mapping[str, int]]
) -> None:
    # One history, read in small steps; between two kills and during the last run, what may happen to checkpoints.
    small_steps = replace(place, settings={"MAX_OFFSETS_PER_TRIGGER": "120"})
    at_first, half_moved, before_commit = named_killings(steps=TELLING_STEPS)
    start = partial(Driver, small_steps)
    suffer(start, at_first)
    suffer(start, half_moved)
    shutil.copytree(place.checkpoints, place.folder / OLDER)
    shutil.rmtree(place.checkpoints / "bike_trips")
    _leave_one_of_v01(place, "weather_data")
    suffer(start, before_commit)
    shutil.rmtree(place.checkpoints / "taxi_trips")
    shutil.copytree(place.folder / OLDER / "taxi_trips", place.checkpoints / "taxi_trips")
    (at_random,) = random_killings(1, seed=2018)
    suffer(start, at_random)
    shutil.rmtree(place.checkpoints)

    last = drivers(small_steps)
    last.wait_until_it_runs()
    before = _newest_entry(place)
    last.wait_until(lambda: _newest_entry(place) > before + 1, "some batches")
    for stream in ("bike_trips", "taxi_trips"):
        (place.checkpoints / stream).rename(place.folder / f"removed-{stream}")  # at once: the query writes there
    assert ingested(place.layout) != history_ends, "every mishap came while there was something to read"
    last.wait_until_all_is_read(history_ends)
    assert last.stop() == 0, last.said()
    assert_same_as(undisturbed, place, history_ends)


def _leave_one_of_v01(place: Place, stream: str) -> None:
    """It stood in the stream's own folder."""
    one = max((place.checkpoints / stream).iterdir())
    for part in one.iterdir():
        part.rename(place.checkpoints / stream / part.name)
    one.rmdir()


def _newest_entry(place: Place) -> int:
    """Of the taxi rides: the feed with the most batches."""
    return max((int(path.stem) for path in (place.output / "_log" / "taxi_trips").glob("[0-9]*.json")), default=-1)
