"""When our jobs have finished a backlog, by their logs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.backlog import TOPICS
from bench.publications import ingested, is_analysed, is_rolled_up, is_settled
from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.folding import fold
from spark_jobs.publication.log import LogReader

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = {"0": 7, "1": 5}
CHANGES = ["2018-01-01T00:00:00Z"]


def publish(layout: Layout, dataset: str, position: Mapping[str, Any], **details: Any) -> None:
    log = PublicationLog(layout, dataset)
    if log.recover() is None:
        log.begin(Entry("origin", {}), NOW)
    with log.transaction(lambda: None) as transaction:
        transaction.commit(Entry("batch", position, details=details), NOW)


def log_id(layout: Layout, dataset: str) -> str:
    origin = LogReader(layout, dataset).origin()
    assert origin is not None
    return origin.id


@pytest.fixture
def feeds(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "feeds")
    for feed, topic in TOPICS.items():
        publish(layout, feed, {topic: {"topic_id": "t", "next_offset": ENDS}})
    return layout


@pytest.fixture
def analytics(tmp_path: Path) -> Layout:
    """A rollup in which bike trips came last, and nine outputs that have nothing of it yet."""
    layout = Layout(tmp_path / "analytics")
    publish(layout, ROLLUP, {}, changed={"taxi_trips": CHANGES})
    publish(layout, ROLLUP, {}, changed={"bike_trips": CHANGES})
    return layout


def settle(analytics: Layout, name: str, settled_seq: int, **details: Any) -> None:
    basis = {"rollup": log_id(analytics, ROLLUP), "durations": {"medium": "15 minutes"}}
    publish(analytics, name, {"rollup_seq": 2, "settled_seq": settled_seq}, **{**basis, **details})


def newest_change(name: str) -> int:
    return 2 if "bike_trips" in declaration_of(name).reads else 1


def test_a_backlog_is_rolled_up_when_every_partition_of_the_same_log_has_reached_its_end(
    feeds: Layout, analytics: Layout
) -> None:
    assert ingested(feeds) == dict.fromkeys(TOPICS.values(), ENDS)
    assert not is_rolled_up(analytics, feeds)
    reached = {feed: {"log": log_id(feeds, feed), "seq": 1, "next_offset": ENDS} for feed in TOPICS}
    bikes = reached["bike_trips"]
    for short in ({**bikes, "next_offset": {**ENDS, "1": 4}}, {**bikes, "log": "started over"}):
        publish(analytics, ROLLUP, {**reached, "bike_trips": short})
        assert not is_rolled_up(analytics, feeds)
    publish(analytics, ROLLUP, reached)
    assert is_rolled_up(analytics, feeds)
    assert not is_analysed(analytics, feeds)
    for analytic in ANALYTICS:
        settle(analytics, analytic.name, 2)
    assert is_analysed(analytics, feeds)


def test_an_analytic_is_settled_once_it_has_the_newest_change_of_a_feed_it_reads(analytics: Layout) -> None:
    for name in (analytic.name for analytic in ANALYTICS):
        assert not is_settled(analytics, name), "nothing is published"
        settle(analytics, name, newest_change(name) - 1)
        assert not is_settled(analytics, name), "hours are still due"
        settle(analytics, name, newest_change(name))
        assert is_settled(analytics, name)


def test_an_output_of_another_rollup_or_other_windows_is_not_settled(analytics: Layout) -> None:
    name = ANALYTICS[0].name
    settle(analytics, name, 2, rollup="started over")
    assert not is_settled(analytics, name)
    settle(analytics, name, 2, durations={"medium": "30 minutes"})
    assert not is_settled(analytics, name)
    assert is_settled(analytics, name, medium="30 minutes")


def test_a_change_that_was_folded_counts(analytics: Layout) -> None:
    publish(analytics, ROLLUP, {})
    fold(PublicationLog(analytics, ROLLUP), timedelta(), timedelta(days=30), NOW + timedelta(hours=2))
    assert 2 not in LogReader(analytics, ROLLUP).seqs()
    for name in (analytic.name for analytic in ANALYTICS):
        settle(analytics, name, 0)
        assert not is_settled(analytics, name)
