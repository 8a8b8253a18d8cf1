"""`make bench-analytics`: nine analytics from one pass over Kafka, against nine independent streaming queries."""

import argparse
import tempfile
from pathlib import Path

from bench.backlog import end_offsets, messages_in, send_backlog
from bench.contender import Checkpoints, Contender, Offsets, Result, newest, parquet_files, result_of, settings_for
from bench.ingest import tell, verdict
from bench.plain_analytics import QUERIES
from bench.record import command_given, report, table
from playground.broker.process import Broker, temporary_broker
from spark_jobs.catalog import ANALYTICS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.log import PublicationLog

_AT_MOST_S = 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=3_000_000, help="messages in the backlog, over 14 days")
    parser.add_argument("--record", action="store_true", help="write the figures into BENCHMARKS.md")
    given = parser.parse_args()
    command = command_given("bench.analytics")
    with tempfile.TemporaryDirectory(prefix="bench-analytics-") as folder:
        work = Path(folder)
        with temporary_broker(work, heap="512m") as broker:
            tell(f"sending {given.events:,} messages")
            send_backlog(broker.bootstrap_servers, given.events)
            ends = end_offsets(broker.bootstrap_servers)
            tell("our job")
            ours = run_ours(work / "ours", broker, ends)
            tell("nine plain queries")
            plain = run_plain(work / "plain", broker, ends)
            report("bench-analytics", command, compared(ours, plain), given.record)


def run_ours(folder: Path, broker: Broker, ends: Offsets) -> Result:
    # The rollup's triggers follow each other at once; the analytics look as often as they do by default.
    env = settings_for(folder, broker.bootstrap_servers, ANALYTICS_INTERVAL="10 seconds")
    layout = Layout(Path(env["ANALYTICS_OUTPUT_PATH"]))
    checkpoints = Checkpoints(Path(env["ANALYTICS_CHECKPOINT_PATH"]))
    with Contender("spark_jobs.analytics_job", folder, env) as job:
        job.wait_until(lambda: checkpoints.first_batch_at() is not None, "the first batch was planned", _AT_MOST_S)
        wait_until_settled(job, layout, ends, _AT_MOST_S)
        first = rollup_began(checkpoints, layout)
        files = sum(parquet_files(layout.dataset(analytic.name)) for analytic in ANALYTICS)
        last = newest(layout.root / "_applied", "*/*.json")
        return result_of(job, "our job, nine analytics", messages_in(ends), first, last, files)


def wait_until_settled(job: Contender, layout: Layout, ends: Offsets, at_most_s: float) -> None:
    """Until the last consequence of the last message stands in the last analytic."""
    job.wait_until(lambda: is_rolled_up(layout, ends), "everything was rolled up", at_most_s)
    newest_tiles = max(PublicationLog(layout, ROLLUP).seqs())
    job.wait_until(lambda: is_settled(layout, newest_tiles), "all analytics were settled", at_most_s)


def rollup_began(checkpoints: Checkpoints, layout: Layout) -> float:
    """When the rollup's first batch was planned: the clocks of the analytics may tick before."""
    planned = checkpoints.folder / ROLLUP / "offsets" / "0"
    if planned.exists():
        return planned.stat().st_mtime
    first = checkpoints.first_batch_at()
    assert first is not None, f"{layout.root} has no batch"
    return first


def is_rolled_up(layout: Layout, ends: Offsets) -> bool:
    log = PublicationLog(layout, ROLLUP)
    head = log.head()
    return head is not None and log.is_applied(head.seq) and _reached(head.position) == ends


def _reached(position: object) -> dict[str, dict[str, int]]:
    assert isinstance(position, dict)
    return {topic: state["next_offset"] for topic, state in position.items()}


def is_settled(layout: Layout, newest_tiles: int) -> bool:
    """Whether every analytic has drawn all consequences of the rollup's entries so far."""
    heads = [PublicationLog(layout, analytic.name).head() for analytic in ANALYTICS]
    return all(head is not None and head.position["settled_seq"] >= newest_tiles for head in heads)


def run_plain(folder: Path, broker: Broker, ends: Offsets) -> Result:
    env = settings_for(folder, broker.bootstrap_servers, SPARK_DRIVER_MEMORY="3g")
    checkpoints = Checkpoints(Path(env["ANALYTICS_CHECKPOINT_PATH"]))
    with Contender("bench.plain_analytics", folder, env) as job:
        job.wait_until(lambda: checkpoints.have_read(ends, len(QUERIES)), "everything was read", _AT_MOST_S)
        first = checkpoints.first_batch_at()
        assert first is not None
        files = parquet_files(Path(env["ANALYTICS_OUTPUT_PATH"]))
        return result_of(job, "nine plain queries", messages_in(ends), first, checkpoints.read_at(ends), files)


def compared(ours: Result, plain: Result) -> str:
    rows = [
        [
            result.name,
            f"{result.wall_s:.1f}",
            f"{result.cpu_s:.1f}",
            f"{result.peak_pss_mib:,.0f}",
            f"{result.files:,}",
            f"{result.startup_s:.1f}",
            f"{result.others_cores:.2f}",
        ]
        for result in (ours, plain)
    ]
    head = ["", "wall s", "CPU-s", "peak PSS MiB", "files", "start-up s", "others' cores"]
    targets = [
        verdict("plain / ours, wall", plain.wall_s / ours.wall_s, at_least=10),
        verdict("plain / ours, CPU", plain.cpu_s / ours.cpu_s, at_least=10),
    ]
    return f"{ours.events:,} events\n\n{table(head, rows)}\n\n" + "\n".join(targets)


if __name__ == "__main__":
    main()
