"""A trickle of events under a running job: what a trigger costs, and whether that grows with the existing output."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.backlog import end_offsets, message_count, trickle
from bench.contender import Contender, Process, wait_for
from bench.publications import entries_after, published_at
from bench.record import table, target
from bench.result import parquet_files
from playground.broker.process import Broker
from spark_jobs.paths import Layout
from spark_jobs.publication.log import LogReader

AGES = (30, 365)
"""days of existing output that a trigger's cost is compared over"""
_START_TIMEOUT_S = 180


@dataclass(frozen=True)
class TriggerCost:
    """What one trigger of a job costs on an existing output."""

    days: int
    """of existing output, besides the backlog's"""
    files: int
    triggers: int
    """batches published while it was measured"""
    events_per_trigger: float
    cpu_s: float
    """of the job's whole process tree, per trigger"""
    batch_s: float
    others_cores: float


def trickle_cost(
    job: Process, contender: Contender, dataset: str, days: int, broker: Broker, warm_up_s: float, measured_s: float
) -> TriggerCost:
    """Measure a job under a trickle of always the same events; its triggers are the log entries of `dataset`.

    The warm-up begins with the job's first batch.
    """
    log = LogReader(Layout(contender.output), dataset)
    before = max(log.seqs())
    with trickle(broker.bootstrap_servers):
        wait_for([job], lambda: max(log.seqs()) > before, "the first batch was published", _START_TIMEOUT_S)
        time.sleep(warm_up_s)
        began, sent = time.time(), message_count(end_offsets(broker.bootstrap_servers))
        time.sleep(measured_s)
        ended, sent = time.time(), message_count(end_offsets(broker.bootstrap_servers)) - sent
    triggers = sum(began < published_at(entry) <= ended for entry in entries_after(log, before))
    own_cpu_s = job.meter.cpu_s(began, ended)
    return TriggerCost(
        days,
        parquet_files(contender.output),
        triggers,
        sent / triggers,
        own_cpu_s / triggers,
        batch_seconds(contender.checkpoints.folder / dataset, began, ended),
        (job.meter.machine_cpu_s(began, ended) - own_cpu_s) / measured_s,
    )


def batch_seconds(checkpoint: Path, began: float, ended: float) -> float:
    """Return the median time from plan to commit of a query's batches, as far as Spark has kept them."""
    durations = []
    for commit in checkpoint.glob("**/commits/[0-9]*"):
        committed, planned = (commit.parents[1] / kind / commit.name for kind in ("commits", "offsets"))
        if began < committed.stat().st_mtime <= ended:
            durations.append(committed.stat().st_mtime - planned.stat().st_mtime)
    return statistics.median(durations)


def age_text(costs: Sequence[TriggerCost]) -> str:
    """Format the costs, and how much the last one is above the one before."""
    rows = [
        [
            f"{cost.days} days" if cost.days else "only the backlog's",
            f"{cost.files:,}",
            f"{cost.triggers}",
            f"{cost.events_per_trigger:.0f}",
            f"{cost.cpu_s:.3f}",
            f"{cost.batch_s:.3f}",
            f"{cost.others_cores:.2f}",
        ]
        for cost in costs
    ]
    head = ["existing output", "its files", "triggers", "events per trigger", "CPU-s per trigger (all queries)"]
    head += ["s per batch (one query, median)", "others' cores"]
    young, old = costs[-2:]
    growth = target(f"CPU per trigger, {old.days} / {young.days} days", old.cpu_s / young.cpu_s, 0.8, 1.2)
    return f"{table(head, rows)}\n\n{growth}"
