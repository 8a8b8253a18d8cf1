"""One writer: two drivers on the same paths leave the content right, and one of them ends by itself."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.flow.driver import Driver, Place
from tests.flow.killings import assert_same_as

Ends = dict[str, dict[str, int]]
Start = Callable[..., Driver]


def test_two_drivers_started_at_once_leave_one(
    place: Place, drivers: Start, undisturbed: Path, history_ends: Ends
) -> None:
    pair = [drivers(place), drivers(place)]
    pair[0].wait_until(lambda: any(d.process.poll() is not None for d in pair), "one of them ends")
    (ended,) = [driver for driver in pair if driver.process.poll() is not None]
    (left,) = [driver for driver in pair if driver is not ended]
    assert "has taken over" in ended.said()
    left.wait_until_all_is_read(history_ends)
    assert left.stop() == 0, left.said()
    assert_same_as(undisturbed, place, history_ends)


def test_a_driver_woken_before_its_declare_changes_nothing(
    place: Place, drivers: Start, undisturbed: Path, history_ends: Ends
) -> None:
    sleeper = drivers(place, pause_at="bike_trips:staged:1")
    sleeper.wait_until_paused()
    sleeper.pause_processes()
    _seem_to_run_on_another_host(place)  # else the second driver would end the sleeper for good

    second = drivers(place)
    second.wait_until_all_is_read(history_ends)
    sleeper.pause_file.unlink()
    sleeper.wake_processes()

    assert sleeper.process.wait(30) == 3, sleeper.said()
    assert "has taken over" in sleeper.said()
    assert second.stop() == 0, second.said()
    assert_same_as(undisturbed, place, history_ends)


def test_a_hanging_driver_on_the_same_host_is_ended_by_the_next(
    place: Place, drivers: Start, undisturbed: Path, history_ends: Ends
) -> None:
    sleeper = drivers(place, pause_at="bike_trips:declared:1")
    sleeper.wait_until_paused()
    sleeper.pause_processes()

    second = drivers(place)
    second.wait_until_all_is_read(history_ends)
    assert sleeper.process.wait(1) == -9
    assert second.stop() == 0, second.said()
    assert_same_as(undisturbed, place, history_ends)


def _seem_to_run_on_another_host(place: Place) -> None:
    for document in [place.output / "_control" / "status.json", *(place.output / "_control" / "tokens").glob("*.json")]:
        content = json.loads(document.read_text())
        document.write_text(json.dumps({**content, "host": "another-host"}))
