"""`make bench-analytics-age`: what a trickle costs the analytics job on 30 and on 365 days of rollup and outputs."""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analytics import run_ours
from bench.backlog import TRICKLE_STARTS, end_offsets, messages_in, send_backlog, start_trickle
from bench.contender import Contender, newest, settings_for
from bench.existing_output import age_analytics
from bench.ingest import tell, verdict_of_age
from bench.record import command_given, report, table
from playground.broker_process import Broker, temporary_broker
from spark_jobs.contracts.streams import ANALYTICS, ROLLUP, Layout

_TRICKLE_PER_S = 50
_AGES = (30, 365)
_START_AT_MOST_S = 180


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000, help="messages in the backlog, over 14 days")
    parser.add_argument("--warm-up", type=int, default=120, help="seconds of trickle before the cost is measured")
    parser.add_argument("--trickle", type=int, default=300, help="seconds of trickle that are measured")
    parser.add_argument("--record", action="store_true", help="write the figures into BENCHMARKS.md")
    asked = parser.parse_args()
    command = command_given("bench.analytics_age")
    with tempfile.TemporaryDirectory(prefix="bench-age-") as folder:
        work = Path(folder)
        with temporary_broker(work) as broker:
            tell(f"sending {asked.events:,} messages")
            send_backlog(broker.bootstrap_servers, asked.events)
            tell("our job reads the backlog")
            run_ours(work, broker, end_offsets(broker.bootstrap_servers))
            costs = []
            for days in _AGES:
                tell(f"a trickle with {days} days of rollup")
                age_analytics(work / "analytics", days)
                costs.append(trickle_cost(work, broker, days, asked.warm_up, asked.trickle))
    report("bench-analytics-age", command, age_text(costs), asked.record)


@dataclass(frozen=True)
class Cost:
    """What a batch of a trickle takes: the rollup's, and the go of each analytic that follows it."""

    days: int
    outputs: int
    """files of the nine outputs"""
    triggers: int
    events_per_trigger: float
    cpu_s: float
    others_cores: float


def trickle_cost(folder: Path, broker: Broker, days: int, warm_up_s: int, measured_s: int) -> Cost:
    """Every time the same events, with the intervals of the defaults."""
    env = settings_for(folder, broker.bootstrap_servers, BATCH_INTERVAL="10 seconds")
    layout = Layout(Path(env["ANALYTICS_OUTPUT_PATH"]))
    applied = layout.applied(ROLLUP)
    with Contender("spark_jobs.analytics_job", folder, env) as job:
        trickle = start_trickle(broker.bootstrap_servers, _TRICKLE_PER_S, TRICKLE_STARTS)
        try:
            before = newest(applied, "*.json")
            job.wait_until(lambda: newest(applied, "*.json") > before, "a batch was rolled up", _START_AT_MOST_S)
            time.sleep(warm_up_s)
            sent, began = messages_in(end_offsets(broker.bootstrap_servers)), time.time()
            time.sleep(measured_s)
            sent, ended = messages_in(end_offsets(broker.bootstrap_servers)) - sent, time.time()
        finally:
            trickle.terminate()
            trickle.wait()
        triggers = sum(1 for marker in applied.glob("*.json") if began < marker.stat().st_mtime <= ended)
        return Cost(
            days,
            sum(1 for analytic in ANALYTICS for _ in layout.dataset(analytic.name).rglob("*.parquet")),
            triggers,
            sent / triggers,
            job.meter.cpu_s(began, ended) / triggers,
            job.meter.others_cores(began, ended),
        )


def age_text(costs: Sequence[Cost]) -> str:
    rows = [
        [
            f"{cost.days} days",
            f"{cost.outputs:,}",
            f"{cost.triggers}",
            f"{cost.events_per_trigger:.0f}",
            f"{cost.cpu_s:.3f}",
            f"{cost.others_cores:.2f}",
        ]
        for cost in costs
    ]
    head = ["rollup and outputs", "files of the nine outputs", "triggers", "events per trigger"]
    head += ["CPU-s per trigger (rollup and nine analytics)", "others' cores"]
    young, old = costs
    return f"{table(head, rows)}\n\n{verdict_of_age(old.days, young.days, old.cpu_s / young.cpu_s)}"


if __name__ == "__main__":
    main()
