"""Kill the real analytics job at named steps and at random moments, and compare with the reference.

`python -m tests.flow.analytics_killings --count 20` is the long form (`make kill-matrix-analytics`); with --record it
writes its result to RELIABILITY.md.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, cycle, islice
from pathlib import Path
from shutil import rmtree

import pyarrow as pa

from bench.record import RELIABILITY, write_between_markers
from playground.broker.process import temporary_broker
from playground.generator.stream import Scenario, messages
from tests.analytics.flow.against_reference import assert_equals, reference
from tests.flow.analytics_place import NAMES, AnalyticsDriver, AnalyticsPlace
from tests.flow.driver import Place
from tests.flow.killings import VICTIMS, read_to_the_end
from tests.flow.produced import TOPICS, end_offsets, produce

STEPS = ("staging", "staged", "declared", "half moved", "moved", "applied")
STREAMS = ("rollup", "precipitation_impact")
START = datetime(2018, 11, 3, tzinfo=UTC)
A_ROUND = 3
"""killings of one history"""


@dataclass(frozen=True)
class IngestedDays:
    """Generated days, ingested by the real job, and what the nine analytics must hold."""

    root: Path
    messages: int
    expected: dict[str, pa.Table]


@dataclass(frozen=True)
class Killing:
    victim: str
    stream: str | None = None
    step: str | None = None
    after_s: float = 0.0

    def __str__(self) -> str:
        moment = f"{self.stream} at '{self.step}'" if self.step else f"after {self.after_s:.1f} s"
        return f"{self.victim} killed, {moment}"


def ingested_days(folder: Path, bootstrap_servers: str, days: int = 2, volume: float = 0.04) -> IngestedDays:
    """A day of every weather score, the end of daylight saving time, and 5 % of all messages with a defect."""
    sent = messages(seed=7, start=START, days=days, volume=volume, defects=0.05, scenario=Scenario.ALL_WEATHER_SCORES)
    produce(bootstrap_servers, ((TOPICS[message.feed], message.value) for message in sent))
    ends = end_offsets(bootstrap_servers)
    place = Place(folder / "ingested", bootstrap_servers, {"MAX_OFFSETS_PER_TRIGGER": "400"})
    read_to_the_end(place, ends)
    return IngestedDays(place.output, sum(sum(of.values()) for of in ends.values()), reference(place.output))


def killings(seed: int) -> Iterator[Killing]:
    """Named steps of the rollup and of an analytic, a random moment after every second one."""
    dice, victims = random.Random(seed), cycle(VICTIMS)
    named = cycle((stream, step) for step in ("half moved", *STEPS) for stream in STREAMS)
    for number in count():
        if number % 3 == 2:
            yield Killing(next(victims), after_s=dice.uniform(0.0, 8.0))
        else:
            yield Killing(next(victims), *next(named))


def suffer(place: AnalyticsPlace, killing: Killing) -> None:
    driver = AnalyticsDriver(place, f"{killing.stream}:{killing.step}:1" if killing.step else None)
    try:
        if killing.step:
            driver.wait_until_paused()
        else:
            driver.wait_until_it_runs()
            time.sleep(killing.after_s)
        driver.kill(killing.victim)
    finally:
        driver.end()


def compute_to_the_end(place: AnalyticsPlace, days: IngestedDays) -> None:
    driver = AnalyticsDriver(place)
    try:
        driver.wait_until_settled()
        assert driver.stop() == 0, driver.said()
    finally:
        driver.end()
    assert_equals(place.output, days.expected)


def one_round(folder: Path, days: IngestedDays, chosen: list[Killing]) -> None:
    """Kill again and again, lose all checkpoints, finish, compare."""
    place = AnalyticsPlace(folder, ingested=days.root)
    for killing in chosen:
        print(killing, flush=True)
        suffer(place, killing)
    rmtree(place.checkpoints)
    compute_to_the_end(place, days)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="how many killings")
    parser.add_argument("--record", action="store_true", help="write the result to RELIABILITY.md")
    given = parser.parse_args()
    began, chosen = time.monotonic(), killings(seed=1)
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as name, temporary_broker(Path(name)) as broker:
        days = ingested_days(Path(name), broker.bootstrap_servers, days=4, volume=0.1)
        done = 0
        while done < given.count:
            # A random killing may come after all is done: the next named step would never be reached.
            batch = list(islice(chosen, min(A_ROUND, given.count - done)))
            one_round(Path(name) / f"from-{done}", days, batch)
            done += len(batch)
            print(f"{done} of {given.count} killings: nine outputs equal to the reference", flush=True)
    result = (
        f"{given.count} killings of the analytics job with SIGKILL (Python driver, JVM, both in turn; the "
        f"{len(STEPS)} named steps of the rollup and of an analytic, a third at random moments), all checkpoints "
        f"deleted after every {A_ROUND}, {days.messages:,} messages with 5 % "
        f"defects: **all rows and columns of the {len(NAMES)} outputs equal to the reference**. "
        f"{(time.monotonic() - began) / 60:.0f} minutes, {datetime.now(UTC):%Y-%m-%d}. "
        f"Command: `make kill-matrix-analytics COUNT={given.count}`."
    )
    print(result)
    if given.record:
        write_between_markers(RELIABILITY, "kill-matrix-analytics", result)


if __name__ == "__main__":
    main()
