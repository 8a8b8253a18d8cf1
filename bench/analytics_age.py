"""`make bench-analytics-age`: what a trickle costs the analytics job on 30 and on 365 days of rollup and outputs."""

import typer

from bench.backlog import broker_with_backlog, end_offsets
from bench.contender import our_analytics, our_ingestion
from bench.existing_output import age_analytics
from bench.options import Events, Record, Trickle, WarmUp
from bench.record import command_line, progress, report
from bench.result import run
from bench.trickle import AGES, age_text, trickle_cost
from spark_jobs.catalog import ROLLUP


def main(events: Events = 300_000, warm_up: WarmUp = 120, trickle: Trickle = 300, record: Record = False) -> None:
    """Measure the analytics job under a trickle on 30 and on 365 days of rollup and outputs."""
    command = command_line("bench.analytics_age")
    with broker_with_backlog("age", events) as (work, broker):
        ends = end_offsets(broker.bootstrap_servers)
        run("our ingestion job", [our_ingestion(work, broker.bootstrap_servers)], ends)
        run("our analytics job", [our_analytics(work)], ends)
        # As by default; shorter for a backlog.
        ingestion = our_ingestion(work, broker.bootstrap_servers, BATCH_INTERVAL="10 seconds")
        analytics = our_analytics(work, BATCH_INTERVAL="10 seconds")
        costs = []
        for days in AGES:
            progress(f"a trickle on {days} days of rollup and outputs")
            age_analytics(analytics.output, days)
            with ingestion.start(), analytics.start() as job:
                costs.append(trickle_cost(job, analytics, ROLLUP, days, broker, warm_up, trickle))
    report("bench-analytics-age", command, age_text(costs), record)


if __name__ == "__main__":
    typer.run(main)
