"""Both jobs on one small standalone cluster: they share its cores, and a machine of it may go."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playground.broker.process import Broker, temporary_broker
from tests.flow.analytics_place import AnalyticsDriver, AnalyticsPlace
from tests.flow.cluster import Cluster, kill_with_executors, standalone_cluster
from tests.flow.driver import Driver, Place
from tests.flow.outcome import assert_each_message_once
from tests.flow.produced import TOPICS, end_offsets, generated, produce

FIRST, THEN = 4_000, 2_000
BOTH = {"ingestion", "analytics"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with temporary_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with standalone_cluster(tmp_path / "cluster") as cluster:
        yield cluster


def test_both_jobs_run_side_by_side_and_survive_a_killed_worker(
    tmp_path: Path, broker: Broker, cluster: Cluster, drivers: Callable[..., Driver]
) -> None:
    servers = broker.bootstrap_servers
    messages = list(generated(FIRST + THEN))
    produce(servers, messages[:FIRST])
    place = Place(tmp_path / "ingestion", servers, {"SPARK_MASTER": cluster.url})
    ingestion = drivers(place)
    ingestion.wait_until_all_is_read(end_offsets(servers))

    follower = AnalyticsPlace(tmp_path, settings={"SPARK_MASTER": cluster.url}, ingested=place.output)
    analytics = AnalyticsDriver(follower)
    try:
        analytics.wait_until(lambda: share_the_cores(cluster), "both jobs have cores")
        kill_with_executors(cluster.workers[0])
        produce(servers, messages[FIRST:])
        ends = end_offsets(servers)
        ingestion.wait_until_all_is_read(ends)
        analytics.wait_until_settled()
        assert cluster.living_workers() == 1
        assert share_the_cores(cluster)
        assert_each_message_once(place.output, ends, TOPICS)
        assert (ingestion.stop(), analytics.stop()) == (0, 0), ingestion.said() + analytics.said()
    finally:
        analytics.end()


def share_the_cores(cluster: Cluster) -> bool:
    """Whether each of the two jobs has some."""
    cores = cluster.cores_by_job()
    return set(cores) == BOTH and all(cores.values())
