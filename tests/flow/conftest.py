"""One real broker for all flow tests of a run; each test has its own paths."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.backlog import end_offsets
from playground.broker.process import Broker, temporary_broker
from tests.flow.driver import Driver, Place
from tests.flow.killings import read_to_the_end
from tests.flow.produced import generated, produce

EVENTS = 6_000


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker whose topics hold one generated history, with defects. Tests read it and leave it as it is."""
    with temporary_broker(tmp_path_factory.mktemp("history")) as broker:
        produce(broker.bootstrap_servers, generated(EVENTS))
        yield broker


@pytest.fixture(scope="session")
def history_ends(history: Broker) -> dict[str, dict[str, int]]:
    return end_offsets(history.bootstrap_servers)


@pytest.fixture
def drivers() -> Iterator[Callable[..., Driver]]:
    """Starts drivers and leaves none behind."""
    started: list[Driver] = []

    def start(place: Place, **options: Any) -> Driver:
        started.append(Driver(place, **options))
        return started[-1]

    yield start
    for driver in started:
        driver.end()


@pytest.fixture
def place(tmp_path: Path, history: Broker) -> Place:
    """Empty paths below a folder of the test's own, small batches."""
    return Place(tmp_path, history.bootstrap_servers, {"MAX_OFFSETS_PER_TRIGGER": "700"})


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, history: Broker, history_ends: dict[str, dict[str, int]]
) -> Path:
    """The output of a run that nothing disturbed."""
    place = Place(tmp_path_factory.mktemp("undisturbed"), history.bootstrap_servers)
    read_to_the_end(place, history_ends)
    return place.output
