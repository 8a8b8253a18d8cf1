"""`make bench-analytics-age`: what a trickle costs the analytics job on 30 and on 365 days of rollup and outputs."""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analytics import run_ours
from bench.backlog import end_offsets, send_backlog
from bench.contender import Contender, parquet_files, settings_for
from bench.existing_output import age_analytics
from bench.ingest import tell
from bench.record import command_given, report, table
from bench.trickle import AGES, Trickled, trickled, verdict_of_age
from playground.broker.process import Broker, temporary_broker
from spark_jobs.catalog import ANALYTICS, ROLLUP
from spark_jobs.paths import Layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000, help="messages in the backlog, over 14 days")
    parser.add_argument("--warm-up", type=int, default=120, help="seconds of trickle before the cost is measured")
    parser.add_argument("--trickle", type=int, default=300, help="seconds of trickle that are measured")
    parser.add_argument("--record", action="store_true", help="write the figures into BENCHMARKS.md")
    given = parser.parse_args()
    command = command_given("bench.analytics_age")
    with tempfile.TemporaryDirectory(prefix="bench-age-") as folder:
        work = Path(folder)
        with temporary_broker(work) as broker:
            tell(f"sending {given.events:,} messages")
            send_backlog(broker.bootstrap_servers, given.events)
            tell("our job reads the backlog")
            run_ours(work, broker, end_offsets(broker.bootstrap_servers))
            costs = []
            for days in AGES:
                tell(f"a trickle with {days} days of rollup")
                age_analytics(work / "analytics", days)
                costs.append(trickle_cost(work, broker, days, given.warm_up, given.trickle))
    report("bench-analytics-age", command, age_text(costs), given.record)


@dataclass(frozen=True)
class Cost:
    """What a batch of a trickle takes: the rollup's, and the go of each analytic that follows it."""

    days: int
    outputs: int
    """files of the nine outputs"""
    of: Trickled


def trickle_cost(folder: Path, broker: Broker, days: int, warm_up_s: int, measured_s: int) -> Cost:
    """With the intervals of the defaults."""
    env = settings_for(folder, broker.bootstrap_servers, BATCH_INTERVAL="10 seconds")
    layout = Layout(Path(env["ANALYTICS_OUTPUT_PATH"]))
    with Contender("spark_jobs.analytics_job", folder, env) as job:
        found = trickled(job, broker.bootstrap_servers, layout.applied(ROLLUP), warm_up_s, measured_s)
        return Cost(days, sum(parquet_files(layout.dataset(analytic.name)) for analytic in ANALYTICS), found)


def age_text(costs: Sequence[Cost]) -> str:
    rows = [
        [
            f"{cost.days} days",
            f"{cost.outputs:,}",
            f"{cost.of.triggers}",
            f"{cost.of.events_per_trigger:.0f}",
            f"{cost.of.cpu_s:.3f}",
            f"{cost.of.others_cores:.2f}",
        ]
        for cost in costs
    ]
    head = ["rollup and outputs", "files of the nine outputs", "triggers", "events per trigger"]
    head += ["CPU-s per trigger (rollup and nine analytics)", "others' cores"]
    young, old = costs
    return f"{table(head, rows)}\n\n{verdict_of_age(old.days, young.days, old.of.cpu_s / young.of.cpu_s)}"


if __name__ == "__main__":
    main()
