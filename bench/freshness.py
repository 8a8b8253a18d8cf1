"""How long after its message was produced an event stands in an analytic's files, told by the logs once all is done."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.backlog import TOPICS
from bench.ingest import verdict
from bench.record import table
from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.log import Entry, PublicationLog

P50, P95 = 0.5, 0.95


def freshness(layout: Layout, raw: Path, began: float, ended: float) -> dict[str, tuple[float, float]]:
    """analytic -> p50 and p95, in seconds, over the messages of its feeds that were produced between two times.

    `raw` has the topics' messages as `dump_messages` writes them.
    """
    entries = list(_entries(PublicationLog(layout, ROLLUP)))
    rolled_up = {feed: _rolled_up(entries, topic, raw, began, ended) for feed, topic in TOPICS.items()}
    found = {}
    for analytic in ANALYTICS:
        shown = list(_shown(layout, analytic.name))
        reads = declaration_of(analytic.name).reads
        waits = [at - produced for feed in reads for produced, at in _visible(rolled_up[feed], shown)]
        p50, p95 = pc.quantile(pa.array(waits), [P50, P95]).to_pylist()
        found[analytic.name] = (p50, p95)
    return found


def _rolled_up(entries: Sequence[Entry], topic: str, raw: Path, began: float, ended: float) -> list[tuple[float, int]]:
    """(when it was produced, the rollup's entry that has it) of every message."""
    ends = {
        partition: [(entry.position[topic]["next_offset"].get(partition, 0), entry.seq) for entry in entries]
        for partition in entries[-1].position[topic]["next_offset"]
    }
    rows = pq.read_table(raw / f"{topic}.parquet", columns=["kafka_partition", "kafka_offset", "kafka_timestamp"])
    found = []
    for row in rows.to_pylist():
        produced = row["kafka_timestamp"].timestamp()
        if began <= produced < ended:
            reached = ends[str(row["kafka_partition"])]
            found.append((produced, reached[bisect_left(reached, (row["kafka_offset"] + 1, 0))][1]))
    return found


def _entries(log: PublicationLog) -> Iterator[Entry]:
    """Oldest first."""
    return map(log.entry, sorted(log.seqs()))


def _shown(layout: Layout, analytic: str) -> Iterator[tuple[int, float]]:
    """(the rollup's entry that an analytic's publication has reached, when it could be read), in order."""
    log = PublicationLog(layout, analytic)
    for entry in _entries(log):
        yield entry.position["rollup_seq"], log.applied_path(entry.seq).stat().st_mtime


def _visible(messages: list[tuple[float, int]], shown: list[tuple[int, float]]) -> Iterator[tuple[float, float]]:
    """(when it was produced, when it could be read)"""
    for produced, entry in messages:
        yield produced, shown[bisect_left(shown, (entry, 0.0))][1]


def freshness_text(found: Mapping[str, tuple[float, float]], interval_s: float) -> str:
    rows = [[name, f"{p50:.1f}", f"{p95:.1f}"] for name, (p50, p95) in found.items()]
    slowest = max(p95 for _, p95 in found.values())
    target = verdict("slowest p95 from produced to visible, s", slowest, at_most=2 * interval_s + 5)
    return f"{table(['produced to visible', 'p50 s', 'p95 s'], rows)}\n\n{target}"
