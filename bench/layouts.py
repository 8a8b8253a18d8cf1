"""`make bench-layouts`: what an event costs our ingestion job in each layout that it reads fast.

One job for all of them, warmed up before: each layout comes as one transaction, of which the job sees nothing before
it is whole. So no start-up is measured, and always the same number of the same events. The first layout of a feed
comes again at the end, to show how far the machine has drifted.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Annotated

import typer
from confluent_kafka import Producer

from bench.backlog import TOPICS, broker_with_backlog, end_offsets
from bench.contender import BACKLOG_TIMEOUT_S, Contender, Process, our_ingestion, wait_for
from bench.layout_messages import LAYOUTS, events_of
from bench.options import Record
from bench.record import command_line, progress, report, table, target

MOST_TIMES_BASE = 1.3
_PARTITIONS = 2
_TRANSACTION_MS = 600_000
# What follows the last publication, and a sample of the meter while the job is idle.
_SETTLES_S = 2


@dataclass(frozen=True)
class LayoutCost:
    feed: str
    layout: str
    bytes_per_event: float
    cpu_us: float
    """of the job's whole process tree, per event"""
    wall_us: float
    others_cores: float


def main(
    events: Annotated[int, typer.Option(min=1, help="Messages of each layout.")] = 500_000,
    record: Record = False,
) -> None:
    """Measure our ingestion job on the same events in each layout of bike trips and of weather reports."""
    command = command_line("bench.layouts")
    with broker_with_backlog("layouts") as (work, broker):
        contender = our_ingestion(work, broker.bootstrap_servers)
        with contender.start() as job:
            measured = [LayoutMeter(job, contender, broker.bootstrap_servers, feed, events).costs() for feed in LAYOUTS]
    report("bench-layouts", command, layouts_text(events, measured), record)


class LayoutMeter:
    """Sends one feed's events in one layout after the other, and measures what each costs the job."""

    def __init__(self, job: Process, contender: Contender, bootstrap_servers: str, feed: str, events: int) -> None:
        self._job, self._contender, self._bootstrap_servers = job, contender, bootstrap_servers
        self._feed, self._events = feed, events
        self._different = events_of(feed)

    def costs(self) -> list[LayoutCost]:
        """The cost of each layout, and again of the first; what comes before warms the job up."""
        base, *others = LAYOUTS[self._feed]
        _, *costs = [self._cost(layout) for layout in (base, base, *others, base)]
        return costs

    def _cost(self, layout: str) -> LayoutCost:
        progress(f"{self._feed}: {layout}")
        values = [message.value for message in LAYOUTS[self._feed][layout](self._different)]
        producer = self._uncommitted(islice(cycle(values), self._events))
        began = time.time()
        producer.commit_transaction()
        ends = end_offsets(self._bootstrap_servers)
        published = wait_for(
            [self._job], lambda: self._contender.done_at(ends), "everything was published", BACKLOG_TIMEOUT_S
        )
        time.sleep(_SETTLES_S)
        ended, meter = time.time(), self._job.meter
        cpu_s = meter.cpu_s(began, ended)
        return LayoutCost(
            self._feed,
            layout,
            sum(map(len, values)) / len(values),
            cpu_s / self._events * 1e6,
            (published - began) / self._events * 1e6,
            (meter.machine_cpu_s(began, ended) - cpu_s) / (ended - began),
        )

    def _uncommitted(self, values: Iterable[bytes]) -> Producer:
        """Send them in a transaction that is still open."""
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "transactional.id": "bench-layouts",
                "transaction.timeout.ms": _TRANSACTION_MS,
                "linger.ms": 20,
                "batch.size": 1_000_000,
                "compression.type": "lz4",
                "log_level": 2,
            }
        )
        producer.init_transactions()
        producer.begin_transaction()
        for number, value in enumerate(values):
            _produce(producer, TOPICS[self._feed], value, number % _PARTITIONS)
        producer.flush()
        return producer


def _produce(producer: Producer, topic: str, value: bytes, partition: int) -> None:
    while True:
        try:
            return producer.produce(topic, value, partition=partition)
        except BufferError:  # the broker is slower than we are
            producer.poll(0.05)


def layouts_text(events: int, measured: Sequence[Sequence[LayoutCost]]) -> str:
    """Format the costs, each also as a multiple of what the first layout of its feed costs."""
    head = ["feed", "layout", "bytes an event", "CPU-µs an event", "µs an event", "times the first", "others' cores"]
    rows, targets = [], []
    for first, *others, again in measured:
        base_us = (first.cpu_us + again.cpu_us) / 2
        rows += [_row(cost, base_us) for cost in (first, *others, again)]
        targets += [
            target(
                f"{cost.feed}, {cost.layout} / {first.layout}, CPU an event",
                cost.cpu_us / base_us,
                None,
                MOST_TIMES_BASE,
            )
            for cost in others
        ]
    lines = "\n".join(targets)
    return f"{events:,} events of each layout.\n\n{table(head, rows)}\n\n{lines}"


def _row(cost: LayoutCost, base_us: float) -> list[str]:
    return [
        cost.feed,
        cost.layout,
        f"{cost.bytes_per_event:,.0f}",
        f"{cost.cpu_us:.1f}",
        f"{cost.wall_us:.1f}",
        f"{cost.cpu_us / base_us:.2f}",
        f"{cost.others_cores:.2f}",
    ]


if __name__ == "__main__":
    typer.run(main)
