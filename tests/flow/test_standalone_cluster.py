"""Both jobs on one small standalone cluster, by the default sizes: they share its cores, and its machines may go."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from bench.backlog import TOPICS, end_offsets
from playground.broker.process import Broker, temporary_broker
from spark_jobs.drivers.launch import JAVA_OPTIONS
from tests.flow.analytics_place import AnalyticsDriver, AnalyticsPlace
from tests.flow.cluster import Cluster, kill_with_executors, standalone_cluster
from tests.flow.driver import Driver, Place
from tests.flow.outcome import assert_each_message_once
from tests.flow.produced import generated, produce

# The first are more rows of a feed than the analytics sum up in their driver: they need the cluster too.
FIRST, THEN = 24_000, 500
# Of a JVM that hands rows to Python, as the driver's.
QUICK_EXECUTORS = json.dumps({"spark.executor.extraJavaOptions": JAVA_OPTIONS, "spark.executor.memory": "512m"})


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
    servers, messages = broker.bootstrap_servers, iter(generated(FIRST + THEN))
    settings = {"SPARK_MASTER": cluster.url, "SPARK_EXTRA_CONF": QUICK_EXECUTORS}
    place = Place(tmp_path / "ingestion", servers, settings)
    follower = AnalyticsPlace(tmp_path, settings=settings, ingested=place.output)

    produce(servers, islice(messages, FIRST))
    ingestion = drivers(place)
    ingestion.wait_until_all_is_read(end_offsets(servers))
    analytics = AnalyticsDriver(follower)
    try:
        analytics.wait_until(lambda: have_cores(cluster), "both jobs have cores")
        cluster.add_worker()
        for worker in cluster.workers[:2]:  # so that each job loses the executor that it had, wherever that was
            kill_with_executors(worker)
        produce(servers, messages)
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
