"""`make kill-matrix`: kill the real job at every step and at random moments, and compare what readers find.

Every round goes through the named steps with Python, JVM and both in turn, then through as many random moments; after
each round everything is read and compared with an undisturbed run. The result goes to RELIABILITY.md with --record.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from bench.backlog import end_offsets
from bench.options import RecordReliability
from bench.record import RELIABILITY, write_between_markers
from playground.broker.process import temporary_broker
from tests.flow.driver import Driver, Place
from tests.flow.killings import (
    STEPS,
    Killing,
    assert_same_as,
    named_killings,
    random_killings,
    read_to_the_end,
    suffer,
)
from tests.flow.produced import generated, produce

EVENTS_PER_ROUND = 12_000


def rounds(count: int) -> Iterator[list[Killing]]:
    """Rounds of named steps and as many random moments, `count` killings in all."""
    left, number = count, 0
    while left > 0:
        both = [*named_killings(first_victim=number), *random_killings(len(STEPS), seed=number)]
        chosen = list(islice(both, left))
        left -= len(chosen)
        number += 1
        yield chosen


def one_round(folder: Path, bootstrap_servers: str, killings: Sequence[Killing], undisturbed: Path) -> None:
    ends = end_offsets(bootstrap_servers)
    place = Place(folder, bootstrap_servers, {"MAX_OFFSETS_PER_TRIGGER": "300"})
    for killing in killings:
        suffer(partial(Driver, place), killing)
    read_to_the_end(place, ends)
    assert_same_as(undisturbed, place, ends)


def main(count: Annotated[int, typer.Option(min=1, help="Killings.")] = 100, record: RecordReliability = False) -> None:
    """Kill the ingestion job again and again, and compare what it wrote with an undisturbed run."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as name, temporary_broker(Path(name)) as broker:
        produce(broker.bootstrap_servers, generated(EVENTS_PER_ROUND))
        undisturbed = Place(Path(name) / "undisturbed", broker.bootstrap_servers)
        read_to_the_end(undisturbed, end_offsets(broker.bootstrap_servers))
        done = 0
        for number, killings in enumerate(rounds(count)):
            one_round(Path(name) / f"round-{number}", broker.bootstrap_servers, killings, undisturbed.output)
            done += len(killings)
            print(f"{done} of {count} killings: nothing lost, nothing doubled, content as undisturbed", flush=True)
    result = report(done, time.monotonic() - began, datetime.now(UTC))
    print(result)
    if record:
        write_between_markers(RELIABILITY, "kill-matrix", result)


def report(killings: int, took_s: float, now: datetime) -> str:
    return (
        f"{killings} killings with SIGKILL (Python driver, JVM, both in turn; the {len(STEPS)} named steps and as many "
        f"random moments a round), {EVENTS_PER_ROUND:,} messages a round with 5 % defects, read by DuckDB after each "
        f"round: **0 lost, 0 doubled**, sorted content equal to that of an undisturbed run. "
        f"{took_s / 60:.0f} minutes, {now:%Y-%m-%d}. Command: `make kill-matrix COUNT={killings}`."
    )


if __name__ == "__main__":
    typer.run(main)
