"""One real life of a stream under Airflow: launched, killed, cleared, switched, changed, stopped; nobody helps."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.backlog import end_offsets
from bench.publications import ingested
from playground.broker.process import Broker, temporary_broker
from playground.setup.by_hand import HOME
from playground.setup.class_archive import archive_of, with_archive
from spark_jobs.catalog import FEEDS
from spark_jobs.documents.accepted_settings import read_settings_copy
from spark_jobs.documents.complete_hours import read_history
from spark_jobs.documents.desired_state import read_desired_state
from spark_jobs.documents.hour_history import HourHistory
from spark_jobs.documents.status import Status, read_status
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from tests.flow.airflow_place import AirflowUser, airflow, wait_until
from tests.flow.driver import Place
from tests.flow.metrics_collector import Collector, metrics_collector
from tests.flow.produced import generated, produce

SETTINGS = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "OUTPUT_BASE_PATH",
    "CHECKPOINT_BASE_PATH",
    "BATCH_INTERVAL",
    "HEARTBEAT_INTERVAL",
    "KAFKA_CONNECTOR_JARS",
    "INGESTION_UI_PORT",
)


@dataclass
class Stream:
    """The ingestion job as everybody can see it."""

    person: AirflowUser
    broker: Broker
    place: Place
    analytics: Layout
    metrics: Collector

    @property
    def layout(self) -> Layout:
        return Layout(self.place.output)

    @property
    def status(self) -> Status:
        status = read_status(self.layout)
        assert status is not None
        return status

    @property
    def driver(self) -> str:
        return self.status.driver.instance

    def drivers_so_far(self) -> int:
        """By their logs; tokens are also taken by what is carried out while the job is off."""
        return len(list(self.layout.driver_logs.glob("ingestion-*.log")))

    def is_deferred(self) -> bool:
        return self.person.task("ingestion").get("state") == "deferred"

    def reads_what_comes(self, seed: int, count: int = 400) -> float:
        """Seconds until a new committed batch of every feed."""
        produce(self.broker.bootstrap_servers, generated(count, seed=seed))
        ends = end_offsets(self.broker.bootstrap_servers)
        return wait_until(lambda: ingested(self.layout) == ends, "everything is read")

    def bike_hours(self) -> HourHistory:
        origin = PublicationLog(self.layout, "bike_trips").origin()
        return HourHistory(read_history(self.layout, "bike_trips", origin.id if origin else None))

    def announced_hours(self) -> dict[str, int]:
        """What the runs of the DAG that waits for bike trips were told: hour -> its newest revision."""
        said = self.person.returned("example_complete_hour", "say_where")
        return {one["hour"]: one["revision"] for one in said}

    def watch_says(self) -> dict[str, Any]:
        return dict(json.loads(self.layout.watch.read_text())) if self.layout.watch.exists() else {}


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    folder = tmp_path_factory.mktemp("watched")
    with temporary_broker(folder) as broker, metrics_collector() as metrics:
        place = Place(folder, broker.bootstrap_servers, {"BATCH_INTERVAL": "3 seconds"})
        analytics = folder / "analytics"
        variables = {name: place.environment()[name] for name in SETTINGS}
        variables |= {"ENABLE_ANALYTICS": "false", "ANALYTICS_OUTPUT_PATH": str(analytics)}
        env = with_archive(HOME, {name: value for name, value in os.environ.items() if name not in variables})
        env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": metrics.url, "OTEL_METRIC_EXPORT_INTERVAL": "5000"}
        with airflow(folder / "airflow", env, variables, settings={"metrics": {"otel_on": "True"}}) as person:
            yield Stream(person, broker, place, Layout(analytics), metrics)


def test_a_stream_looks_after_itself(stream: Stream) -> None:
    person = stream.person
    for dag in ("ingestion", "analytics", "watch_ingestion", "watch_analytics"):
        wait_until(lambda dag=dag: person.has_dag(dag), f"the DAG {dag} is there")  # type: ignore[misc]
        person.unpause(dag)

    # Never run before: the watch starts it. Its task waits in the triggerer.
    took = {"first batches": wait_until(lambda: read_status(stream.layout), "a first heartbeat")}
    took["first batches"] += stream.reads_what_comes(seed=1)
    wait_until(stream.is_deferred, "the task is deferred")
    assert stream.drivers_so_far() == 1
    assert stream.status.log
    assert Path(stream.status.log).is_file()

    jvm = psutil.Process(next(p.pid for p in stream.status.driver.processes if p.role == "jvm"))
    mapped = {area.path for area in jvm.memory_maps()}
    assert str(archive_of(HOME).resolve()) in mapped, "it reads Spark's classes one by one"

    # Airflow's own metrics are on: what the watch sees is among them.
    for gauge in ("runs", "bike_trips.lag_records"):
        wait_until(lambda gauge=gauge: stream.metrics.has(f"airflow.streams.ingestion.{gauge}"), f"the gauge {gauge}")  # type: ignore[misc]

    # Cleared: the next try adopts the driver that is there.
    first = stream.driver
    person.clears("ingestion")
    wait_until(
        lambda: stream.is_deferred() and person.task("ingestion")["try_number"] == 2, "the second try is deferred"
    )
    assert f"Adopting the driver {first}" in person.task_log("ingestion")
    assert (stream.driver, stream.drivers_so_far()) == (first, 1)

    # A value that is not allowed changes nothing and says so; a flag reaches the switches without a restart.
    person.sets(BATCH_INTERVAL="soon", ENABLE_PEARSON_CORRELATIONS="false")
    took["flag"] = wait_until(lambda: _switched_off(stream.analytics, "pearson_correlations"), "the flag is published")
    took["rejected"] = wait_until(lambda: "BATCH_INTERVAL" in _rejected(stream.layout), "the bad value is rejected")
    wait_until(lambda: "setting:BATCH_INTERVAL" in stream.watch_says()["incidents"], "an alert about it")
    assert "BATCH_INTERVAL is 'soon'; allowed:" in person.task_log("watch_ingestion")
    assert stream.driver == first

    # Killed from outside while the value is wrong: started again by the watch, once, with the last one that was right.
    psutil.Process(next(p.pid for p in stream.status.driver.processes if p.role == "python")).kill()
    took["killed: new driver"] = wait_until(lambda: stream.driver != first, "another driver")
    took["killed: new batch after"] = stream.reads_what_comes(seed=2)
    assert "was killed from outside" in person.task_log("ingestion")
    assert "could not be noted" not in person.task_log("ingestion"), "that it ended by itself"
    second = stream.driver
    accepted = read_settings_copy(stream.layout)
    assert accepted
    assert accepted.values["BATCH_INTERVAL"] != "soon"
    assert "setting:BATCH_INTERVAL" in stream.watch_says()["incidents"], "as long as it is wrong"
    wait_until(stream.is_deferred, "its task is deferred")
    wait_until(lambda: "driver: " in person.task_log("ingestion"), "what the driver prints is in the task's log")

    # Another value of a setting that is read at the start: one graceful restart.
    person.sets(BATCH_INTERVAL="4 seconds")
    took["changed setting: new driver"] = wait_until(lambda: stream.driver != second, "a driver with the new setting")
    wait_until(stream.is_deferred, "its task is deferred")
    stream.reads_what_comes(seed=3)
    assert "ingestion stopped as it was asked to" in person.task_log("ingestion")
    assert stream.drivers_so_far() == 3

    # Ended by hand: stopped gracefully, and left alone.
    person.marks_failed("ingestion")
    took["marked failed: stopped"] = wait_until(lambda: stream.status.state == "stopped", "the driver stops")
    wait_until(lambda: stream.watch_says()["health"] == "switched off", "the watch leaves it alone")
    assert "stopped by hand" in stream.watch_says()["sentence"]

    # Switched off and on again: that is another resolve, and the watch fulfils it.
    person.sets(ENABLE_INGESTION="false")
    wait_until(lambda: "ENABLE_INGESTION" in stream.watch_says()["sentence"], "the watch knows")
    person.sets(ENABLE_INGESTION="true")
    took["switched on: new driver"] = wait_until(lambda: stream.status.state == "running", "it runs again")
    assert stream.drivers_so_far() == 4
    took["hours announced"] = a_dag_runs_for_each_complete_hour(stream)
    person.sets(ENABLE_INGESTION="false")
    took["switched off: stopped"] = wait_until(lambda: stream.status.state == "stopped", "the job follows its switch")
    print({what: round(seconds) for what, seconds in took.items()})
    assert {feed.name for feed in FEEDS} == {s.name for s in stream.status.streams}


def a_dag_runs_for_each_complete_hour(stream: Stream) -> float:
    """And again for one that is revised; how long it took."""
    person, began = stream.person, time.monotonic()
    stream.reads_what_comes(seed=5, count=1000)
    wait_until(lambda: _has_hours(stream.bike_hours()), "hours are complete")
    for dag in ("example_complete_hour", "complete_hours"):
        person.unpause(dag)
    wait_until(stream.announced_hours, "a run for the last complete hour")

    lines = len(stream.bike_hours().events)
    stream.reads_what_comes(seed=6, count=1000)
    wait_until(lambda: _revised(stream.bike_hours(), lines), "complete hours get rows")
    revised = _revised(stream.bike_hours(), lines)
    assert person.has_run("complete_hours", {}) == "success"
    wait_until(lambda: _is_told(revised, stream.announced_hours()), "a run for each of them")
    assert _is_told(stream.announced_hours(), _revised(stream.bike_hours(), 0)), "not more than there is"
    return time.monotonic() - began


def _has_hours(history: HourHistory) -> bool:
    """Its first line may say that there is none yet."""
    return any(event.since != event.before for event in history.events)


def _revised(history: HourHistory, since_line: int) -> dict[str, int]:
    """Hours that were revised since that line: partition key -> revision."""
    hours = {datetime.fromisoformat(hour) for event in history.events[since_line:] for hour in event.revised}
    return {f"{hour:%Y-%m-%dT%H:%M:%S}": history.revision_of(hour) for hour in hours}


def _is_told(hours: Mapping[str, int], told: Mapping[str, int]) -> bool:
    return all(told.get(hour, 1) >= revision for hour, revision in hours.items())


def _rejected(layout: Layout) -> set[str]:
    switches = read_desired_state(layout)
    return set(switches.rejected) if switches else set()


def _switched_off(layout: Layout, analytic: str) -> bool:
    switches = read_desired_state(layout)
    return switches is not None and not switches.streams[analytic]
