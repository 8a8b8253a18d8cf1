"""When our jobs have finished a backlog, by their logs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.publications import ingested, is_rolled_up, is_settled
from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def publish(layout: Layout, dataset: str, position: Mapping[str, Any], **details: Any) -> None:
    log = PublicationLog(layout, dataset)
    if log.recover() is None:
        log.begin(Entry("origin", {"rollup_seq": -1}), NOW)
    with log.transaction(lambda: None) as transaction:
        transaction.commit(Entry("batch", position, details=details), NOW)


def test_a_backlog_is_ingested_and_rolled_up_when_every_partition_has_reached_its_end(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    publish(layout, "bike_trips", {"bike-trips": {"topic_id": "t", "next_offset": {"0": 7, "1": 5}}})
    assert ingested(layout) == {"bike-trips": {"0": 7, "1": 5}}
    assert not is_rolled_up(layout, ingested(layout))
    publish(layout, ROLLUP, {"bike_trips": {"log": "l", "seq": 1, "next_offset": {"0": 7, "1": 4}}})
    assert not is_rolled_up(layout, ingested(layout))
    publish(layout, ROLLUP, {"bike_trips": {"log": "l", "seq": 1, "next_offset": {"0": 7, "1": 5}}})
    assert is_rolled_up(layout, ingested(layout))


def test_an_analytic_is_settled_once_it_has_the_newest_change_of_a_feed_it_reads(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    publish(layout, ROLLUP, {}, changed={"taxi_trips": ["2018-01-01T00:00:00Z"]})
    publish(layout, ROLLUP, {}, changed={"bike_trips": ["2018-01-01T00:00:00Z"]})
    assert not is_settled(layout), "nothing is published"
    for analytic in ANALYTICS:
        reads = declaration_of(analytic.name).reads
        publish(layout, analytic.name, {"rollup_seq": 2 if "bike_trips" in reads else 1})
    assert is_settled(layout)
    publish(layout, ANALYTICS[0].name, {"rollup_seq": 2, "settled_seq": 1})
    assert not is_settled(layout), "hours are still due"
