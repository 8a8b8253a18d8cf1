"""Kill the real job at named steps and at random moments, start it again, and compare what readers find."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from bench.backlog import TOPICS
from tests.flow.driver import Driver, Place
from tests.flow.outcome import assert_each_message_once, content_hash

STEPS = (
    "before the first entry",
    "staging",
    "staged",
    "declared",
    "half moved",
    "moved",
    "applied",
    "before Spark's commit",
)
TELLING_STEPS = ("before the first entry", "half moved", "before Spark's commit")
"""nothing is declared, some files are moved, all are and Spark does not know"""
VICTIMS = ("python", "jvm", "both")


@dataclass(frozen=True)
class Killing:
    """One kill -9: at a step of a stream, or some seconds after the driver started to publish."""

    victim: str
    stream: str | None = None
    step: str | None = None
    after_s: float = 0.0

    def __str__(self) -> str:
        moment = f"{self.stream} at '{self.step}'" if self.step else f"after {self.after_s:.1f} s"
        return f"{self.victim} killed, {moment}"


def named_killings(first_victim: int = 0, steps: Iterable[str] = STEPS) -> Iterator[Killing]:
    """Each of these steps, the victims in turn. The first step comes first: the origin is written once."""
    victims = islice(cycle(VICTIMS), first_victim % len(VICTIMS), None)
    yield from (Killing(next(victims), "bike_trips", step) for step in steps)


def random_killings(count: int, seed: int) -> Iterator[Killing]:
    dice = random.Random(seed)
    yield from (Killing(dice.choice(VICTIMS), after_s=dice.uniform(0.0, 6.0)) for _ in range(count))


def suffer(start: Callable[[str | None], Driver], killing: Killing) -> None:
    """Start the job, which may pause at a step, let it work until the moment, kill it."""
    with start(f"{killing.stream}:{killing.step}:1" if killing.step else None) as driver:
        if killing.step:
            driver.wait_until_paused()
        else:
            driver.wait_until_it_runs()
            time.sleep(killing.after_s)
        driver.kill(killing.victim)


def read_to_the_end(place: Place, ends: Mapping[str, Mapping[str, int]]) -> None:
    with Driver(place) as driver:
        driver.wait_until_all_is_read(ends)
        assert driver.stop() == 0, driver.said()


def assert_same_as(undisturbed: Path, place: Place, ends: Mapping[str, Mapping[str, int]]) -> None:
    assert_each_message_once(place.output, ends, TOPICS)
    assert content_hash(place.output) == content_hash(undisturbed)
