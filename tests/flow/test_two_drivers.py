"""One writer: two drivers on the same paths leave the content right, and one of them ends by itself."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.flow.driver import Driver, Place
from tests.flow.killings import assert_same_as

Ends = dict[str, dict[str, int]]
Start = Callable[..., Driver]


def test_whatever_other_drivers_are_there_one_is_left_and_the_content_is_right(
    place: Place, drivers: Start, undisturbed: Path, history_ends: Ends
) -> None:
    pair = [drivers(place, pause_at="bike_trips:staged:1") for _ in range(2)]
    sleeper = _asleep(_the_one_left_of(pair))
    _seem_to_run_on_another_host(place)  # else the next driver would end the sleeper for good
    hanging = _asleep(drivers(place, pause_at="bike_trips:declared:1"))

    left = drivers(place)
    left.wait_until_all_is_read(history_ends)
    assert hanging.process.wait(1) == -9, "it hung on this host: the next driver ended it"

    # Woken before its declare, with files staged for an entry that another driver has written since.
    sleeper.pause_file.unlink()
    sleeper.wake_processes()
    assert sleeper.process.wait(30) == 3, sleeper.said()
    assert "has taken over" in sleeper.said()

    assert left.stop() == 0, left.said()
    assert_same_as(undisturbed, place, history_ends)


def _asleep(driver: Driver) -> Driver:
    """Stopped as a whole where it pauses."""
    driver.wait_until_paused()
    driver.pause_processes()
    return driver


def _the_one_left_of(pair: list[Driver]) -> Driver:
    """Of two started at once, here on paths where nothing is yet."""
    pair[0].wait_until(lambda: any(d.process.poll() is not None for d in pair), "one of them ends")
    (ended,) = [driver for driver in pair if driver.process.poll() is not None]
    (left,) = [driver for driver in pair if driver is not ended]
    assert "has taken over" in ended.said()
    return left


def _seem_to_run_on_another_host(place: Place) -> None:
    for document in [place.output / "_control" / "status.json", *(place.output / "_control" / "tokens").glob("*.json")]:
        content = json.loads(document.read_text())
        document.write_text(json.dumps({**content, "host": "another-host"}))
