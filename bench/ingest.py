"""`make bench-ingest`: our ingestion job, Spark's own file sink and DuckDB on backlogs of three sizes; then a trickle.

All contenders run on this machine one after the other, each as its own process on the same bytes. Three sizes tell the
fixed cost from the cost per event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
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
from bench.result import Result, finished, measured, parquet_files, results_table, run
from bench.trickle import AGES, age_text, trickle_cost
from spark_jobs.catalog import FEEDS
from spark_jobs.documents.status import read_status
from spark_jobs.paths import Layout
from spark_jobs.publication.log import LogReader

_TRICKLE_BACKLOG = 300_000
"""messages at most that are there before a trickle"""


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
        report("bench-ingest triggers", command, trickle_text(min(*events, _TRICKLE_BACKLOG), warm_up, trickle), record)


# -- the backlog ------------------------------------------------------------------------------------------------------


def backlog(events: int) -> tuple[list[Result], list[list[str]]]:
    """Run all contenders on one backlog; return our result, the file sink's and DuckDB's, and our job's phases."""
    with broker_with_backlog("ingest", events) as (work, broker):
        ends = end_offsets(broker.bootstrap_servers)
        progress("dumping the messages for DuckDB")
        raw = work / "raw"
        raw.mkdir()
        dump_messages(broker.bootstrap_servers, raw)
        duckdb = run_duckdb(work / "duckdb", raw, message_count(ends))
        ours, phases = run_ours(our_ingestion(work / "ours", broker.bootstrap_servers), ends)
        plain = run("Spark's file sink", [plain_ingestion(work / "plain", broker.bootstrap_servers)], ends)
        return [ours, plain, duckdb], phases


def run_ours(contender: Contender, ends: Offsets) -> tuple[Result, list[list[str]]]:
    """Run our job; return its result and its phases: name, seconds and CPU-seconds."""
    progress("our job")
    with contender.start() as job:
        result = finished("our job", [job], [contender], ends)
        times = phase_ends(contender, job.started_at + result.startup_s, job.started_at + result.wall_s)
        starts = [job.started_at, *times.values()]
        phases = [
            [name, f"{end - start:.1f}", f"{job.meter.cpu_s(start, end):.1f}"]
            for start, (name, end) in zip(starts, times.items(), strict=False)
        ]
        return result, phases


def phase_ends(contender: Contender, first_planned: float, last_published: float) -> dict[str, float]:
    """Return the phases of a run and when each ended, by the status document and the logs."""
    layout = Layout(contender.output)
    status = read_status(layout)
    assert status is not None
    logs = [LogReader(layout, feed.name) for feed in FEEDS]
    return {
        "Python and imports": datetime.fromisoformat(status.started_at).timestamp(),
        "JVM and Spark session, until the first log entry": min(published_at(log.entry(0)) for log in logs),
        "query start, until the first batch is planned": first_planned,
        "first batch of each feed": max(published_at(log.entry(1)) for log in logs),
        "all other batches": last_published,
    }


def run_duckdb(folder: Path, raw: Path, events: int) -> Result:
    progress("DuckDB")
    output = folder / "out"
    arguments = (str(raw), str(output))
    with Process("bench.duckdb_ingestion", folder, environment(folder), *arguments) as process:
        wait_for([process], (output / "done").exists, "everything was written", BACKLOG_TIMEOUT_S)
        started, done = ((output / name).stat().st_mtime for name in ("started", "done"))
        return measured("DuckDB", [process], events, started, done, parquet_files(output))


wall_s, cpu_s = attrgetter("wall_s"), attrgetter("cpu_s")


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


def backlog_text(sizes: Sequence[tuple[list[Result], list[list[str]]]]) -> str:
    by_size = [results for results, _ in sizes]
    contenders = list(zip(*by_size, strict=True))
    ours, plain, duckdb = by_size[-1]
    targets = [
        target("ours / Spark's file sink, events/s", ours.events_per_s / plain.events_per_s, at_least=1.0),
        target("ours / DuckDB, events/s", ours.events_per_s / duckdb.events_per_s, at_least=0.2),
        target("our peak PSS, GiB", max(result.peak_pss_mib for result in contenders[0]) / 1024, at_most=2.0),
        target("our CPU per event, later / earlier", linear_cost(contenders[0], cpu_s).growth, at_most=1.1),
    ]
    return "\n\n".join(
        [
            results_table([result for results in by_size for result in results]),
            "Fixed cost and cost per event, from the start of the process:",
            cost_table(contenders),
            f"Our job's phases, {by_size[0][0].events:,} events:",
            table(["", "s", "CPU-s"], sizes[0][1]),
            "\n".join(targets),
        ]
    )


def cost_table(contenders: Sequence[Sequence[Result]]) -> str:
    small, medium, large = (f"{result.events / 1e6:g}" for result in contenders[0])
    spans = [f"{small} to {medium} million", f"{medium} to {large} million"]
    rows = []
    for results in contenders:
        wall, cpu = linear_cost(results, wall_s), linear_cost(results, cpu_s)
        figures = [f"{wall.fixed:.1f}", f"{cpu.fixed:.1f}"]
        figures += [f"{of * 1e6:.1f}" for of in (wall.per_event, wall.per_event_later)]
        figures += [f"{of * 1e6:.1f}" for of in (cpu.per_event, cpu.per_event_later)]
        rows.append([results[0].name, *figures, f"{cpu.growth:.2f}"])
    head = ["", "fixed s", "fixed CPU-s", *(f"µs per event, {span}" for span in spans)]
    head += [*(f"CPU-µs per event, {span}" for span in spans), "growth of CPU per event"]
    return table(head, rows)


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
