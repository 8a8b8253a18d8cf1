"""Kill the real analytics job at named steps and at random moments, and compare with the reference.

`python -m tests.flow.analytics_killings --count 20` is the long form (`make kill-matrix-analytics`); with --record it
writes its result to RELIABILITY.md.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count as numbers
from itertools import cycle, islice
from pathlib import Path
from shutil import rmtree
from typing import Annotated

import pyarrow as pa
import typer

from bench.backlog import TOPICS, end_offsets
from bench.options import RecordReliability
from bench.record import RELIABILITY, write_between_markers
from playground.broker.process import temporary_broker
from playground.generator.stream import Scenario, messages
from tests.analytics.flow.against_reference import assert_equals, reference
from tests.flow.analytics_place import NAMES, AnalyticsDriver, AnalyticsPlace
from tests.flow.driver import Place
from tests.flow.killings import VICTIMS, Killing, read_to_the_end, suffer
from tests.flow.produced import produce

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
    for number in numbers():
        if number % 3 == 2:
            yield Killing(next(victims), after_s=dice.uniform(0.0, 8.0))
        else:
            yield Killing(next(victims), *next(named))


def compute_to_the_end(place: AnalyticsPlace, days: IngestedDays) -> None:
    with AnalyticsDriver(place) as driver:
        driver.wait_until_settled()
        assert driver.stop() == 0, driver.said()
    assert_equals(place.output, days.expected)


def one_round(folder: Path, days: IngestedDays, chosen: list[Killing]) -> None:
    """Kill again and again, lose all checkpoints, finish, compare."""
    place = AnalyticsPlace(folder, ingested=days.root)
    for killing in chosen:
        print(killing, flush=True)
        suffer(partial(AnalyticsDriver, place), killing)
    rmtree(place.checkpoints)
    compute_to_the_end(place, days)


def main(count: Annotated[int, typer.Option(min=1, help="Killings.")] = 20, record: RecordReliability = False) -> None:
    """Kill the analytics job again and again, and compare what it wrote with the reference."""
    began, chosen = time.monotonic(), killings(seed=1)
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as name, temporary_broker(Path(name)) as broker:
        days = ingested_days(Path(name), broker.bootstrap_servers, days=4, volume=0.1)
        done = 0
        while done < count:
            # A random killing may come after all is done: the next named step would never be reached.
            batch = list(islice(chosen, min(A_ROUND, count - done)))
            one_round(Path(name) / f"from-{done}", days, batch)
            done += len(batch)
            print(f"{done} of {count} killings: nine outputs equal to the reference", flush=True)
    result = (
        f"{count} killings of the analytics job with SIGKILL (Python driver, JVM, both in turn; the "
        f"{len(STEPS)} named steps of the rollup and of an analytic, a third at random moments), all checkpoints "
        f"deleted after every {A_ROUND}, {days.messages:,} messages with 5 % "
        f"defects: **all rows and columns of the {len(NAMES)} outputs equal to the reference**. "
        f"{(time.monotonic() - began) / 60:.0f} minutes, {datetime.now(UTC):%Y-%m-%d}. "
        f"Command: `make kill-matrix-analytics COUNT={count}`."
    )
    print(result)
    if record:
        write_between_markers(RELIABILITY, "kill-matrix-analytics", result)


if __name__ == "__main__":
    typer.run(main)
