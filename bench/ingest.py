"""`make bench-ingest`: our ingestion job, Spark's own file sink and DuckDB on backlogs of three sizes; then a trickle.

All contenders run on this machine one after the other, each as its own process on the same bytes. Three sizes tell the
fixed cost from the cost per event.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench.backlog import Offsets, broker_with_backlog, dump_messages, end_offsets, message_count
from bench.contender import (
    BACKLOG_TIMEOUT_S,
    Contender,
    Process,
    environment,
    our_ingestion,
    plain_ingestion,
    wait_for,
)
from bench.existing_output import age_output
from bench.options import Record, Trickle, WarmUp
from bench.publications import published_at
from bench.record import command_line, progress, report, table, target
from bench.result import Result, measured, parquet_files, results_table, run, wait_until_done
from bench.trickle import AGES, age_text, trickle_cost
from spark_jobs.catalog import FEEDS
from spark_jobs.documents.status import read_status
from spark_jobs.paths import Layout
from spark_jobs.publication.log import PublicationLog


class Part(StrEnum):
    BACKLOG = "backlog"
    TRICKLE = "trickle"


def main(
    events: Annotated[
        tuple[int, int, int], typer.Option(help="Messages in each of the three backlogs, over 14 days.")
    ] = (1_000_000, 3_000_000, 6_000_000),
    part: Annotated[list[Part], typer.Option(help="Parts to run (repeatable).")] = list(Part),  # noqa: B006
    warm_up: WarmUp = 45,
    trickle: Trickle = 60,
    record: Record = False,
) -> None:
    """Measure our ingestion job, Spark's file sink and DuckDB on three backlogs, and our job under a trickle."""
    command = command_line("bench.ingest")
    if Part.BACKLOG in part:
        report("bench-ingest backlog", command, backlog_text([backlog(size) for size in sorted(events)]), record)
    if Part.TRICKLE in part:
        report("bench-ingest triggers", command, trickle_text(min(events), warm_up, trickle), record)


# -- the backlog ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Phase:
    """One part of a run of our job."""

    name: str
    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class BacklogResults:
    """The results for one size of the backlog."""

    ours: Result
    plain: Result
    duckdb: Result
    phases: list[Phase]
    """of our job"""


def backlog(events: int) -> BacklogResults:
    with broker_with_backlog("ingest", events) as (work, broker):
        ends = end_offsets(broker.bootstrap_servers)
        progress("dumping the messages for DuckDB")
        raw = work / "raw"
        raw.mkdir()
        dump_messages(broker.bootstrap_servers, raw)
        duckdb = run_duckdb(work / "duckdb", raw, message_count(ends))
        shutil.rmtree(raw)
        ours, phases = run_ours(our_ingestion(work / "ours", broker.bootstrap_servers), ends)
        plain = run("Spark's file sink", [plain_ingestion(work / "plain", broker.bootstrap_servers)], ends)
        return BacklogResults(ours, plain, duckdb, phases)


def run_ours(contender: Contender, ends: Offsets) -> tuple[Result, list[Phase]]:
    progress("our job")
    with contender.start() as job:
        wait_until_done([job], [contender], ends)
        first, last = contender.checkpoints.first_batch_at(), contender.last_publication_at(ends)
        assert first is not None
        result = measured("our job", [job], message_count(ends), first, last, parquet_files(contender.output))
        return result, phases(job, contender.output, first, last)


def phases(job: Process, output: Path, first: float, last: float) -> list[Phase]:
    """Split a run at the times that its status, log and checkpoints have."""
    layout = Layout(output)
    status = read_status(layout)
    assert status is not None
    logs = [PublicationLog(layout, feed.name) for feed in FEEDS]
    ends = {
        "Python and imports": datetime.fromisoformat(status.started_at).timestamp(),
        "JVM, Spark session and the first log entry": min(published_at(log.entry(0)) for log in logs),
        "query start, until the first batch is planned": first,
        "first batch of all feeds": max(published_at(log.entry(1)) for log in logs),
        "all other batches": last,
    }
    starts = [job.started_at, *ends.values()]
    return [
        Phase(name, end - start, job.meter.cpu_s(start, end))
        for start, (name, end) in zip(starts, ends.items(), strict=False)
    ]


def run_duckdb(folder: Path, raw: Path, events: int) -> Result:
    progress("DuckDB")
    output = folder / "out"
    arguments = (str(raw), str(output))
    with Process("bench.duckdb_ingestion", folder, environment(folder), *arguments) as process:
        wait_for([process], (output / "done").exists, "everything was written", BACKLOG_TIMEOUT_S)
        started, done = ((output / name).stat().st_mtime for name in ("started", "done"))
        return measured("DuckDB", [process], events, started, done, parquet_files(output))


@dataclass(frozen=True)
class LinearCost:
    """cost = fixed + per_event * events, through the first two of three sizes; and the slope between the last two."""

    fixed: float
    per_event: float
    per_event_later: float

    @property
    def growth(self) -> float:
        return self.per_event_later / self.per_event


def linear_cost(results: Sequence[Result], cost: Callable[[Result], float]) -> LinearCost:
    small, medium, large = results
    per_event, later = (
        (cost(after) - cost(before)) / (after.events - before.events)
        for before, after in ((small, medium), (medium, large))
    )
    return LinearCost(cost(small) - per_event * small.events, per_event, later)


def backlog_text(sizes: Sequence[BacklogResults]) -> str:
    results = [result for size in sizes for result in (size.ours, size.plain, size.duckdb)]
    contenders = [[size.ours for size in sizes], [size.plain for size in sizes], [size.duckdb for size in sizes]]
    largest = sizes[-1]
    ours = linear_cost(contenders[0], lambda result: result.cpu_s)
    targets = [
        target(
            "ours / Spark's file sink, events/s", largest.ours.events_per_s / largest.plain.events_per_s, at_least=1.0
        ),
        target("ours / DuckDB, events/s", largest.ours.events_per_s / largest.duckdb.events_per_s, at_least=0.2),
        target("our peak PSS, GiB", max(size.ours.peak_pss_mib for size in sizes) / 1024, at_most=2.0),
        target("our CPU per event, later / earlier", ours.growth, at_most=1.1),
    ]
    return "\n\n".join(
        [
            results_table(results),
            "Fixed cost and cost per event, from the start of the process:",
            cost_table(contenders),
            f"Where our job's time goes, {sizes[0].ours.events:,} events:",
            phases_table(sizes[0].phases),
            "\n".join(targets),
        ]
    )


def cost_table(contenders: Sequence[Sequence[Result]]) -> str:
    small, medium, large = (f"{result.events / 1e6:g}" for result in contenders[0])
    spans = [f"{small} to {medium} million", f"{medium} to {large} million"]
    rows = []
    for results in contenders:
        wall, cpu = (linear_cost(results, cost) for cost in (lambda r: r.wall_s, lambda r: r.cpu_s))
        figures = [f"{wall.fixed:.1f}", f"{cpu.fixed:.1f}"]
        figures += [f"{of * 1e6:.1f}" for of in (wall.per_event, wall.per_event_later)]
        figures += [f"{of * 1e6:.1f}" for of in (cpu.per_event, cpu.per_event_later)]
        rows.append([results[0].name, *figures, f"{cpu.growth:.2f}"])
    head = ["", "fixed s", "fixed CPU-s", *(f"µs per event, {span}" for span in spans)]
    head += [*(f"CPU-µs per event, {span}" for span in spans), "growth of CPU per event"]
    return table(head, rows)


def phases_table(found: Sequence[Phase]) -> str:
    return table(["", "s", "CPU-s"], [[phase.name, f"{phase.wall_s:.1f}", f"{phase.cpu_s:.1f}"] for phase in found])


# -- a trickle --------------------------------------------------------------------------------------------------------


def trickle_text(events: int, warm_up_s: int, measured_s: int) -> str:
    """Measure what a trigger costs on no, 30 and 365 days of existing output."""
    with broker_with_backlog("trickle", events) as (work, broker):
        contender = our_ingestion(work, broker.bootstrap_servers)
        run("our job", [contender], end_offsets(broker.bootstrap_servers))
        costs = []
        for days in (0, *AGES):
            progress(f"a trickle on {days} days of existing output")
            if days:
                age_output(contender.output, days)
            with contender.start() as job:
                costs.append(trickle_cost(job, contender, FEEDS[0].name, days, broker, warm_up_s, measured_s))
    return age_text(costs)


if __name__ == "__main__":
    typer.run(main)
