"""`make bench-ingest`: our ingestion job, Spark's own file sink and DuckDB on one backlog; then the cost of a trigger.

All contenders run on this machine one after the other, each as its own process on the same bytes.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.backlog import TOPICS, dump_messages, end_offsets, messages_in, send_backlog
from bench.contender import Checkpoints, Contender, Offsets, Result, newest, parquet_files, result_of, settings_for
from bench.existing_output import age_output
from bench.record import command_given, report, table
from bench.trickle import AGES, Trickled, trickled, verdict_of_age
from playground.broker.process import Broker, temporary_broker
from spark_jobs.catalog import FEEDS
from spark_jobs.paths import Layout
from spark_jobs.publication.log import PublicationLog

_BACKLOG_TIMEOUT_S = 3600
_OUR_JOB = "spark_jobs.ingestion_job"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=3_000_000, help="messages in the backlog, over 14 days")
    parser.add_argument("--parts", default="backlog,triggers", help="which parts to run")
    parser.add_argument(
        "--warm-up", type=int, default=45, help="seconds of trickle before a trigger's cost is measured"
    )
    parser.add_argument("--trickle", type=int, default=60, help="seconds of trickle that are measured")
    parser.add_argument("--record", action="store_true", help="write the figures into BENCHMARKS.md")
    given = parser.parse_args()
    command = command_given("bench.ingest")
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
        work = Path(folder)
        with temporary_broker(work, heap="512m") as broker:
            tell(f"sending {given.events:,} messages")
            send_backlog(broker.bootstrap_servers, given.events)
            if "backlog" in given.parts:
                report("bench-ingest backlog", command, backlog_part(work, broker), given.record)
            if "triggers" in given.parts:
                text = triggers_part(work, broker, given.warm_up, given.trickle)
                report("bench-ingest triggers", command, text, given.record)


def tell(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


# -- the backlog ------------------------------------------------------------------------------------------------------


def backlog_part(work: Path, broker: Broker) -> str:
    ends = end_offsets(broker.bootstrap_servers)
    raw = work / "raw"
    raw.mkdir()
    tell("dumping the messages for DuckDB")
    dump_messages(broker.bootstrap_servers, raw)
    tell("our job")
    ours = run_ours(work / "ours", broker, ends)
    tell("Spark's file sink")
    plain = run_plain(work / "plain", broker, ends)
    shutil.rmtree(work / "plain")
    tell("DuckDB")
    duck = run_duckdb(work / "duckdb", raw, messages_in(ends))
    shutil.rmtree(work / "duckdb")
    return backlog_text(ours, plain, duck)


def run_ours(folder: Path, broker: Broker, ends: Offsets) -> Result:
    """The real job, from its start until the last message is published."""
    layout = Layout(folder / "out")
    with Contender(_OUR_JOB, folder, settings_for(folder, broker.bootstrap_servers)) as job:
        checkpoints = wait_until_published(job, folder, ends)
        first = checkpoints.first_batch_at()
        assert first is not None
        return result_of(
            job,
            "our job",
            messages_in(ends),
            first,
            newest(layout.root / "_applied", "*/*.json"),
            sum(parquet_files(layout.dataset(feed.name)) for feed in FEEDS),
        )


def wait_until_published(job: Contender, folder: Path, ends: Offsets) -> Checkpoints:
    checkpoints = Checkpoints(folder / "checkpoints")

    def is_published() -> bool:
        checkpoints.first_batch_at()
        return positions(folder / "out") == ends

    job.wait_until(is_published, "everything was published", _BACKLOG_TIMEOUT_S)
    return checkpoints


def positions(output: Path) -> dict[str, dict[str, int]]:
    """topic -> partition -> next offset, of every feed whose newest log entry is applied."""
    reached: dict[str, dict[str, int]] = {}
    for feed, topic in TOPICS.items():
        log = PublicationLog(Layout(output), feed)
        head = log.head()
        if head is not None and log.is_applied(head.seq):
            reached[topic] = head.position[topic]["next_offset"]
    return reached


def run_plain(folder: Path, broker: Broker, ends: Offsets) -> Result:
    checkpoints = Checkpoints(folder / "checkpoints")
    with Contender("bench.plain_ingestion", folder, settings_for(folder, broker.bootstrap_servers)) as job:
        job.wait_until(lambda: checkpoints.have_read(ends, len(FEEDS)), "everything was read", _BACKLOG_TIMEOUT_S)
        first = checkpoints.first_batch_at()
        assert first is not None
        files = parquet_files(folder / "out")
        return result_of(job, "Spark's file sink", messages_in(ends), first, checkpoints.read_at(ends), files)


def run_duckdb(folder: Path, raw: Path, events: int) -> Result:
    output = folder / "out"
    with Contender("bench.duckdb_ingestion", folder, settings_for(folder, ""), str(raw), str(output)) as process:
        process.wait_until((output / "done").exists, "everything was written", _BACKLOG_TIMEOUT_S)
        started, done = newest(output, "started"), newest(output, "done")
        return result_of(process, "DuckDB", events, started, done, parquet_files(output))


def backlog_text(ours: Result, plain: Result, duck: Result) -> str:
    rows = [
        [
            result.name,
            f"{result.events_per_s:,.0f}",
            f"{result.cpu_s_per_million:.1f}",
            f"{result.peak_pss_mib:,.0f}",
            f"{result.files:,}",
            f"{result.wall_s:.1f}",
            f"{result.startup_s:.1f}",
            f"{result.others_cores:.2f}",
        ]
        for result in (ours, plain, duck)
    ]
    head = ["", "events/s", "CPU-s per million", "peak PSS MiB", "files", "wall s", "start-up s", "others' cores"]
    targets = [
        verdict("ours / Spark's file sink, events/s", ours.events_per_s / plain.events_per_s, at_least=1.0),
        verdict("ours / DuckDB, events/s", ours.events_per_s / duck.events_per_s, at_least=0.2),
        verdict("our peak PSS, GiB", ours.peak_pss_mib / 1024, at_most=2.0),
    ]
    return f"{ours.events:,} events\n\n{table(head, rows)}\n\n" + "\n".join(targets)


def verdict(what: str, figure: float, at_least: float | None = None, at_most: float | None = None) -> str:
    is_met = figure >= at_least if at_least is not None else at_most is not None and figure <= at_most
    target = f"at least {at_least}" if at_least is not None else f"at most {at_most}"
    return f"- {what}: **{figure:.2f}** (target: {target}) - {'met' if is_met else 'MISSED'}"


# -- the cost of a trigger --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TriggerCost:
    """What a batch of a trickle takes, over the four queries of the job."""

    days: int
    entries: int
    seconds: float
    of: Trickled


def triggers_part(work: Path, broker: Broker, warm_up_s: int, measured_s: int) -> str:
    folder = work / "ours"
    ends = end_offsets(broker.bootstrap_servers)
    if not folder.exists():
        tell("our job reads the backlog")
        run_ours(folder, broker, ends)
    costs = []
    for days in (0, *AGES):
        tell(f"triggers with {f'{days} days of output' if days else 'only the backlog'}")
        if days:
            age_output(folder / "out", days)
        costs.append(trigger_cost(folder, broker, days, warm_up_s, measured_s))
    return triggers_text(costs)


def trigger_cost(folder: Path, broker: Broker, days: int, warm_up_s: int, measured_s: int) -> TriggerCost:
    applied = Layout(folder / "out").applied(FEEDS[0].name)
    env = settings_for(folder, broker.bootstrap_servers)
    with Contender(_OUR_JOB, folder, env) as job:
        found = trickled(job, broker.bootstrap_servers, applied, warm_up_s, measured_s)
        return TriggerCost(
            days,
            sum(1 for _ in applied.glob("*.json")),
            batch_seconds(folder / "checkpoints" / FEEDS[0].name, found.began, found.ended),
            found,
        )


def batch_seconds(checkpoint: Path, began: float, ended: float) -> float:
    """The median time from a batch's plan to Spark's commit, of the batches of one query that Spark still keeps."""
    took = []
    for commit in (checkpoint / "commits").glob("[0-9]*"):
        committed, planned = commit.stat().st_mtime, (checkpoint / "offsets" / commit.name).stat().st_mtime
        if began < committed <= ended:
            took.append(committed - planned)
    return statistics.median(took)


def triggers_text(costs: Sequence[TriggerCost]) -> str:
    rows = [
        [
            f"{cost.days} days" if cost.days else "only the backlog",
            f"{cost.entries:,}",
            f"{cost.of.triggers}",
            f"{cost.of.events_per_trigger:.0f}",
            f"{cost.of.cpu_s:.3f}",
            f"{cost.seconds:.3f}",
            f"{cost.of.others_cores:.2f}",
        ]
        for cost in costs
    ]
    head = ["existing output", "log entries of a feed", "triggers", "events per trigger"]
    head += ["CPU-s per trigger (all four queries)", "s per batch (bikes, median)", "others' cores"]
    young, old = costs[-2], costs[-1]
    growth = verdict_of_age(old.days, young.days, old.of.cpu_s / young.of.cpu_s)
    return f"{table(head, rows)}\n\n{growth}; seconds per batch: {old.seconds / young.seconds:.2f}"


if __name__ == "__main__":
    main()
