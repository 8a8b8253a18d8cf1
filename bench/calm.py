"""`python -m bench.calm`: what both jobs cost when idle and under a trickle, and how fresh the results are."""

import argparse
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.analytics import wait_until_settled
from bench.backlog import a_trickle, dump_messages, end_offsets, messages_in
from bench.contender import Contender, settings_for
from bench.freshness import freshness, freshness_text
from bench.ingest import tell, verdict
from bench.record import command_given, report, table
from playground.broker.process import Broker, temporary_broker
from spark_jobs.documents.status import read_status
from spark_jobs.paths import Layout

_START_TIMEOUT_S = 180
_SETTLE_TIMEOUT_S = 180
_INTERVAL_S = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15, help="how long each of the two spells is measured")
    parser.add_argument("--warm-up", type=float, default=15, help="minutes of each spell before it is measured")
    parser.add_argument("--record", action="store_true", help="write the figures into BENCHMARKS.md")
    given = parser.parse_args()
    command = command_given("bench.calm")
    with tempfile.TemporaryDirectory(prefix="bench-calm-") as folder:
        work = Path(folder)
        with temporary_broker(work) as broker:
            text = calm(work, broker, given.warm_up * 60, given.minutes * 60)
            report("bench-calm", command, text, given.record)


@dataclass(frozen=True)
class Spell:
    """What was measured between two wall clock times."""

    row: list[str]
    cores: float
    """of both jobs"""
    began: float
    ended: float


def calm(work: Path, broker: Broker, warm_up_s: float, measured_s: float) -> str:
    env = settings_for(work / "jobs", broker.bootstrap_servers, BATCH_INTERVAL=f"{_INTERVAL_S} seconds")
    with (
        Contender("spark_jobs.ingestion_job", work, env) as ingestion,
        Contender("spark_jobs.analytics_job", work, env) as analytics,
    ):
        for job, root in ((ingestion, env["OUTPUT_BASE_PATH"]), (analytics, env["ANALYTICS_OUTPUT_PATH"])):
            job.wait_until(partial(_is_running, root), "the job was running", _START_TIMEOUT_S)
        jobs = {"ingestion": ingestion, "analytics": analytics}
        tell("idle")
        idle = _measured(jobs, "idle", broker, warm_up_s, measured_s)
        tell("a trickle")
        with a_trickle(broker.bootstrap_servers):
            busy = _measured(jobs, "trickle", broker, warm_up_s, measured_s)
        fresh = _freshness(work, Layout(Path(env["ANALYTICS_OUTPUT_PATH"])), analytics, broker, busy)
    head = ["", "events/s", "ingestion, cores", "analytics, cores", "both, cores", "ingestion, MiB", "analytics, MiB"]
    targets = [
        verdict("idle, cores of both jobs", idle.cores, at_most=0.15),
        verdict("trickle, cores of both jobs", busy.cores, at_most=0.6),
    ]
    spells = f"Each spell: {warm_up_s / 60:g} minutes of warm-up, {measured_s / 60:g} measured. Memory is the mean PSS."
    return f"{spells}\n\n{table(head, [idle.row, busy.row])}\n\n" + "\n".join(targets) + f"\n\n{fresh}"


def _freshness(work: Path, layout: Layout, job: Contender, broker: Broker, spell: Spell) -> str:
    wait_until_settled(job, layout, end_offsets(broker.bootstrap_servers), _SETTLE_TIMEOUT_S)
    raw = work / "raw"
    raw.mkdir()
    dump_messages(broker.bootstrap_servers, raw)
    return freshness_text(freshness(layout, raw, spell.began, spell.ended), _INTERVAL_S)


def _is_running(root: str) -> bool:
    status = read_status(Layout(Path(root)))
    return status is not None and status.state == "running"


def _measured(jobs: dict[str, Contender], spell: str, broker: Broker, warm_up_s: float, measured_s: float) -> Spell:
    time.sleep(warm_up_s)
    began, before = time.time(), messages_in(end_offsets(broker.bootstrap_servers))
    time.sleep(measured_s)
    ended, after = time.time(), messages_in(end_offsets(broker.bootstrap_servers))
    cores = [job.meter.cpu_s(began, ended) / (ended - began) for job in jobs.values()]
    memory = [job.meter.mean_pss_mib(began, ended) for job in jobs.values()]
    row = [spell, f"{(after - before) / (ended - began):.1f}", *_figures([*cores, sum(cores)], ".3f")]
    return Spell([*row, *_figures(memory, ",.0f")], sum(cores), began, ended)


def _figures(values: Iterable[float], form: str) -> list[str]:
    return [format(value, form) for value in values]


if __name__ == "__main__":
    main()
