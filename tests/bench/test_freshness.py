"""How long events wait to be in an analytic's files, by the feeds' rows and the logs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.freshness import freshness
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRODUCED_S = {0: -5, 1: 10, 3: 20}
"""offset -> seconds after it began; the message between them was refused"""


def publish(layout: Layout, dataset: str, at_s: float, **position: Any) -> None:
    log, at = PublicationLog(layout, dataset), BEGAN + timedelta(seconds=at_s)
    if log.recover() is None:
        log.begin(Entry("origin", {"rollup_seq": -1} if dataset != ROLLUP else {}), BEGAN - timedelta(hours=1))
    with log.transaction(lambda: None) as transaction:
        transaction.commit(Entry("batch", position), at)


def test_rows_wait_until_the_entry_of_the_analytic_that_has_their_rollup(tmp_path: Path) -> None:
    feeds, analytics = Layout(tmp_path / "feeds"), Layout(tmp_path / "analytics")
    rows = pa.table(
        {
            "kafka_partition": pa.array([0] * len(PRODUCED_S), pa.int32()),
            "kafka_offset": list(PRODUCED_S),
            "kafka_timestamp": [BEGAN + timedelta(seconds=after_s) for after_s in PRODUCED_S.values()],
        }
    )
    for feed in FEEDS:
        hour = feeds.dataset(feed.name) / "year=2018/month=1/date=2018-01-17/hour=15"
        hour.mkdir(parents=True)
        pq.write_table(rows, hour / "1-0.parquet")
    for at_s, next_offset in ((12, 2), (30, 4)):
        publish(
            analytics, ROLLUP, at_s, **{feed.name: {"log": "l", "next_offset": {"0": next_offset}} for feed in FEEDS}
        )
    for analytic in ANALYTICS:
        publish(analytics, analytic.name, 15, rollup_seq=1)
        publish(analytics, analytic.name, 40, rollup_seq=2)

    found = freshness(analytics, feeds, BEGAN.timestamp(), (BEGAN + timedelta(minutes=1)).timestamp())
    assert found.keys() == {analytic.name for analytic in ANALYTICS}
    # 5 s from the 10th second to the 15th, 20 s from the 20th to the 40th.
    for p50, p95 in found.values():
        assert p50 == pytest.approx(12.5)
        assert 19 < p95 <= 20
