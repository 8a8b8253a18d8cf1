"""`make bench-calm`: cost of both jobs when idle and under a trickle, freshness of the results, number of files."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.backlog import broker_with_backlog, end_offsets, message_count, trickle
from bench.contender import Contender, Process, our_analytics, our_ingestion, wait_for
from bench.freshness import freshness, freshness_text
from bench.options import Record
from bench.record import command_line, progress, report, table, target
from bench.result import wait_until_done
from playground.broker.process import Broker
from spark_jobs.documents.status import JobState, read_status
from spark_jobs.paths import Layout

_INTERVAL = {"BATCH_INTERVAL": "10 seconds"}
_START_TIMEOUT_S = 180


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="Minutes of each of the two phases that are measured.")] = 15,
    warm_up: Annotated[float, typer.Option(min=0, help="Minutes of each phase before it is measured.")] = 15,
    record: Record = False,
) -> None:
    """Measure both jobs, idle and under a trickle."""
    command = command_line("bench.calm")
    with broker_with_backlog("calm") as (work, broker):
        report("bench-calm", command, measured_text(work, broker, warm_up * 60, minutes * 60), record)


@dataclass(frozen=True)
class Phase:
    """What was measured between two wall clock times."""

    row: list[str]
    cores: float
    """of both jobs"""
    began: float
    ended: float


def measured_text(work: Path, broker: Broker, warm_up_s: float, measured_s: float) -> str:
    contenders = [our_ingestion(work, broker.bootstrap_servers, **_INTERVAL), our_analytics(work, **_INTERVAL)]
    with contenders[0].start() as ingestion, contenders[1].start() as analytics:
        jobs = [ingestion, analytics]
        wait_for(jobs, lambda: all(map(_is_running, contenders)), "both jobs were running", _START_TIMEOUT_S)
        progress("idle")
        idle = measured("idle", jobs, broker, warm_up_s, measured_s)
        progress("a trickle")
        with trickle(broker.bootstrap_servers):
            busy = measured("trickle", jobs, broker, warm_up_s, measured_s)
        wait_until_done(jobs, contenders, end_offsets(broker.bootstrap_servers))
        files = {contender.output.name: document_files(contender.output) for contender in contenders}
    feeds, outputs = (Layout(contender.output) for contender in contenders)
    fresh = freshness(outputs, feeds, busy.began, busy.ended)
    head = ["", "events/s", "ingestion, cores", "analytics, cores", "both, cores", "ingestion, MiB", "analytics, MiB"]
    targets = [
        target("idle, cores of both jobs", idle.cores, at_most=0.06),
        target("trickle, cores of both jobs", busy.cores, at_most=0.15),
    ]
    return "\n\n".join(
        [
            f"Each phase: {warm_up_s / 60:g} minutes of warm-up, {measured_s / 60:g} measured. Memory is the mean PSS.",
            table(head, [idle.row, busy.row]),
            "\n".join(targets),
            freshness_text(fresh),
            files_text(files),
        ]
    )


def measured(name: str, jobs: list[Process], broker: Broker, warm_up_s: float, measured_s: float) -> Phase:
    time.sleep(warm_up_s)
    began, before = time.time(), message_count(end_offsets(broker.bootstrap_servers))
    time.sleep(measured_s)
    ended, after = time.time(), message_count(end_offsets(broker.bootstrap_servers))
    cores = [job.meter.cpu_s(began, ended) / (ended - began) for job in jobs]
    memory = [job.meter.mean_pss_mib(began, ended) for job in jobs]
    row = [name, f"{(after - before) / (ended - began):.1f}", *_figures([*cores, sum(cores)], ".3f")]
    return Phase([*row, *_figures(memory, ",.0f")], sum(cores), began, ended)


def _is_running(contender: Contender) -> bool:
    status = read_status(Layout(contender.output))
    return status is not None and status.state == JobState.RUNNING


def _figures(values: Iterable[float], form: str) -> list[str]:
    return [format(value, form) for value in values]


def document_files(root: Path) -> dict[str, int]:
    """Count the files below a root that are not data, by the folder right below the root."""
    counts: dict[str, int] = {}
    for path in root.rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            folder = path.relative_to(root).parts[0]
            counts[folder] = counts.get(folder, 0) + 1
    return counts


def files_text(of_root: Mapping[str, Mapping[str, int]]) -> str:
    rows = [
        [root, folder, f"{count:,}"] for root, counts in of_root.items() for folder, count in sorted(counts.items())
    ]
    total = sum(sum(counts.values()) for counts in of_root.values())
    found = table(["root", "folder", "files that are not data"], rows)
    return f"{found}\n\n{target('files of logs and documents at the end', total, at_most=60_000)}"


if __name__ == "__main__":
    typer.run(main)
