"""How long after its message was produced an event is in an analytic's files, read from the logs afterwards."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.publications import entries_after, published_at
from bench.record import table, target
from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.log import LogReader

P50, P95 = 0.5, 0.95
_P95_TARGET_S = 20


def freshness(analytics: Layout, feeds: Layout, began: float, ended: float) -> dict[str, tuple[float, float]]:
    """Return analytic -> (p50, p95) seconds from produced to visible, over the rows produced between two times."""
    entries = entries_after(LogReader(analytics, ROLLUP), -1)
    rolled_up = {feed.name: list(_rolled_up(entries, feed.name, feeds, began, ended)) for feed in FEEDS}
    found = {}
    for analytic in ANALYTICS:
        published = list(_published(analytics, analytic.name))
        waits = [
            published[bisect_left(published, (seq, 0.0))][1] - produced
            for feed in declaration_of(analytic.name).reads
            for produced, seq in rolled_up[feed]
        ]
        p50, p95 = pc.quantile(pa.array(waits), [P50, P95]).to_pylist()
        found[analytic.name] = (p50, p95)
    return found


def _rolled_up(
    entries: Sequence[Entry], feed: str, feeds: Layout, began: float, ended: float
) -> Iterator[tuple[float, int]]:
    """Yield (when it was produced, number of the rollup's entry that has it) of every row of a feed."""
    offsets = [(entry.position.get(feed, {}).get("next_offset", {}), entry.seq) for entry in entries]
    reached = {
        partition: [(of_entry.get(partition, 0), seq) for of_entry, seq in offsets] for partition in offsets[-1][0]
    }
    for file in feeds.dataset(feed).rglob("*.parquet"):
        for row in pq.ParquetFile(file).read(["kafka_partition", "kafka_offset", "kafka_timestamp"]).to_pylist():
            produced = row["kafka_timestamp"].timestamp()
            if began <= produced < ended:
                of_partition = reached[str(row["kafka_partition"])]
                yield produced, of_partition[bisect_left(of_partition, (row["kafka_offset"] + 1, 0))][1]


def _published(layout: Layout, analytic: str) -> Iterator[tuple[int, float]]:
    """Yield (newest rollup entry in the output, when that was published) of every entry, in order."""
    for entry in entries_after(LogReader(layout, analytic), -1):
        yield entry.position["rollup_seq"], published_at(entry)


def freshness_text(found: Mapping[str, tuple[float, float]]) -> str:
    rows = [[name, f"{p50:.1f}", f"{p95:.1f}"] for name, (p50, p95) in found.items()]
    slowest = max(p95 for _, p95 in found.values())
    goal = target("slowest p95 from produced to visible, s", slowest, at_most=_P95_TARGET_S)
    return f"{table(['produced to visible', 'p50 s', 'p95 s'], rows)}\n\n{goal}"
