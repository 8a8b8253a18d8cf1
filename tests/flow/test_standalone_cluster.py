"""Both jobs on one small standalone cluster, by the default sizes: they share its cores, and its machines may go."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from playground.broker.process import Broker, temporary_broker
from tests.flow.analytics_place import AnalyticsDriver, AnalyticsPlace
from tests.flow.cluster import Cluster, kill_with_executors, standalone_cluster
from tests.flow.driver import Driver, Place
from tests.flow.outcome import assert_each_message_once
from tests.flow.produced import TOPICS, end_offsets, generated, produce

# The first are more rows of a feed than the analytics sum up in their driver: they need the cluster too.
PARTS = (24_000, 500, 500)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with temporary_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with standalone_cluster(tmp_path / "cluster") as cluster:
        yield cluster


def test_both_jobs_run_side_by_side_and_survive_killed_workers(
    tmp_path: Path, broker: Broker, cluster: Cluster, drivers: Callable[..., Driver]
) -> None:
    servers, messages = broker.bootstrap_servers, iter(generated(sum(PARTS)))
    parts = [list(islice(messages, count)) for count in PARTS]
    place = Place(tmp_path / "ingestion", servers, {"SPARK_MASTER": cluster.url})
    follower = AnalyticsPlace(tmp_path, settings={"SPARK_MASTER": cluster.url}, ingested=place.output)

    produce(servers, parts[0])
    ingestion = drivers(place)
    ingestion.wait_until_all_is_read(end_offsets(servers))
    analytics = AnalyticsDriver(follower)
    try:
        analytics.wait_until(lambda: have_cores(cluster), "both jobs have cores")
        # One after the other, so that each job loses the executor that it had.
        for worker, part in zip(list(cluster.workers), parts[1:], strict=True):
            kill_with_executors(worker)
            cluster.add_worker()
            produce(servers, part)
            ingestion.wait_until_all_is_read(end_offsets(servers))
            analytics.wait_until_settled()
        assert have_cores(cluster)
        assert_each_message_once(place.output, end_offsets(servers), TOPICS)
        assert (ingestion.stop(), analytics.stop()) == (0, 0), ingestion.said() + analytics.said()
    finally:
        analytics.end()


def have_cores(cluster: Cluster) -> bool:
    """Whether each of the two jobs has some."""
    cores = cluster.cores_by_job()
    return cores.keys() == {"ingestion", "analytics"} and all(cores.values())
