"""`make bench-analytics`: our analytics job on ingested Parquet, against nine plain streaming queries over Kafka.

Then the whole chain on the same backlog: our two jobs, against Spark's file sink and the nine queries.
"""

import typer

from bench.backlog import broker_with_backlog, end_offsets
from bench.contender import our_analytics, our_ingestion, plain_analytics, plain_ingestion
from bench.options import Events, Record
from bench.record import command_line, report, target
from bench.result import Result, results_table, run


def main(events: Events = 3_000_000, record: Record = False) -> None:
    """Measure our analytics job against nine plain streaming queries, then both chains from Kafka to the analytics."""
    command = command_line("bench.analytics")
    with broker_with_backlog("analytics", events) as (work, broker):
        servers, ends = broker.bootstrap_servers, end_offsets(broker.bootstrap_servers)
        ours, plain, chain, plain_chain = (work / name for name in ("ours", "plain", "chain", "plain-chain"))
        results = [
            run("our ingestion job, beforehand", [our_ingestion(ours, servers)], ends),
            run("our analytics job", [our_analytics(ours)], ends),
            run("nine plain queries", [plain_analytics(plain, servers)], ends),
            run("our two jobs together", [our_ingestion(chain, servers), our_analytics(chain)], ends),
            run(
                "Spark's file sink and nine plain queries",
                [plain_ingestion(plain_chain, servers), plain_analytics(plain_chain, servers)],
                ends,
            ),
        ]
    report("bench-analytics", command, text_of(results), record)


def text_of(results: list[Result]) -> str:
    _, ours, plain, chain, plain_chain = results
    targets = [
        target("analytics, plain / ours, wall from the start", plain.wall_s / ours.wall_s, at_least=10),
        target("analytics, plain / ours, CPU from the start", plain.cpu_s / ours.cpu_s, at_least=15),
        target("chain, plain / ours, wall from the start", plain_chain.wall_s / chain.wall_s),
        target("chain, plain / ours, CPU from the start", plain_chain.cpu_s / chain.cpu_s, at_least=6),
    ]
    return f"{results_table(results)}\n\n" + "\n".join(targets)


if __name__ == "__main__":
    typer.run(main)
