"""`make kill-matrix`: kill the real job at every step and at random moments, and compare what readers find.

Every round goes through the named steps with Python, JVM and both in turn, then through as many random moments; after
each round everything is read and compared with an undisturbed run. The result goes to RELIABILITY.md with --record.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.record import RELIABILITY, write_between_markers
from playground.broker.process import temporary_broker
from tests.flow.driver import Place
from tests.flow.killings import (
    STEPS,
    Killing,
    assert_same_as,
    kill_again_and_again,
    named_killings,
    random_killings,
    read_to_the_end,
)
from tests.flow.produced import end_offsets, generated, produce

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
    kill_again_and_again(place, killings)
    read_to_the_end(place, ends)
    assert_same_as(undisturbed, place, ends)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="how many killings")
    parser.add_argument("--record", action="store_true", help="write the result to RELIABILITY.md")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as name, temporary_broker(Path(name)) as broker:
        produce(broker.bootstrap_servers, generated(EVENTS_PER_ROUND))
        undisturbed = Place(Path(name) / "undisturbed", broker.bootstrap_servers)
        read_to_the_end(undisturbed, end_offsets(broker.bootstrap_servers))
        done = 0
        for number, killings in enumerate(rounds(given.count)):
            one_round(Path(name) / f"round-{number}", broker.bootstrap_servers, killings, undisturbed.output)
            done += len(killings)
            print(
                f"{done} of {given.count} killings: nothing lost, nothing doubled, content as undisturbed", flush=True
            )
    result = report(done, time.monotonic() - began, datetime.now(UTC))
    print(result)
    if given.record:
        write_between_markers(RELIABILITY, "kill-matrix", result)


def report(killings: int, took_s: float, now: datetime) -> str:
    return (
        f"{killings} killings with SIGKILL (Python driver, JVM, both in turn; the {len(STEPS)} named steps and as many "
        f"random moments a round), {EVENTS_PER_ROUND:,} messages a round with 5 % defects, read by DuckDB after each "
        f"round: **0 lost, 0 doubled**, sorted content equal to that of an undisturbed run. "
        f"{took_s / 60:.0f} minutes, {now:%Y-%m-%d}. Command: `make kill-matrix COUNT={killings}`."
    )


if __name__ == "__main__":
    main()
