"""What may happen to Airflow, and what a person or a schedule does there."""

import time
from collections.abc import Callable
from datetime import timedelta

from bench.publications import newest_applied
from playground.run.waiting import wait_until
from spark_jobs.documents.status import read_status
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from tests.chaos.fault import BATCH_TIMEOUT_S, Outcome, assert_no_restart, batch_of_another, next_batch
from tests.chaos.observer import JOBS, STEADY_DATASET
from tests.chaos.system import SystemUnderTest

SCHEDULER_STOP_TIMEOUT_S = 30
API_SERVER_AWAY = timedelta(minutes=5)
VARIABLES_AWAY = timedelta(minutes=10)


def component_killed(name: str) -> Callable[[SystemUnderTest], Outcome]:
    def inject(system: SystemUnderTest) -> Outcome:
        tokens = {job: system.observer.newest(job).token for job in JOBS}
        system.kill_component(name)
        recovered = max(next_batch(system, job) for job in JOBS)
        system.restart_component(name)
        wait_until(system.airflow.is_healthy, "Airflow is healthy again", 180)
        # Time for what a restarted component might do to the runs that it finds.
        time.sleep(45)
        assert_no_restart(system, tokens)
        return Outcome(None, recovered)

    return inject


def scheduler_ended(system: SystemUnderTest) -> Outcome:
    tokens = {job: system.observer.newest(job).token for job in JOBS}
    took = system.stop_component("scheduler", SCHEDULER_STOP_TIMEOUT_S)
    assert took < SCHEDULER_STOP_TIMEOUT_S, f"the scheduler was still there after {took:.0f} s"
    recovered = max(next_batch(system, job) for job in JOBS)
    system.restart_component("scheduler")
    wait_until(system.airflow.is_healthy, "Airflow is healthy again", 180)
    assert_no_restart(system, tokens)
    return Outcome(None, recovered, f"ended after {took:.0f} s")


def api_server_away(system: SystemUnderTest) -> Outcome:
    tokens = {job: system.observer.newest(job).token for job in JOBS}
    began = time.time()
    system.stop_component("api-server", 25)
    time.sleep(API_SERVER_AWAY.total_seconds())
    pause = max(system.observer.longest_pause_s(job, began) for job in JOBS)
    system.restart_component("api-server")
    wait_until(system.airflow.is_healthy, "Airflow is healthy again", 180)
    time.sleep(30)
    assert_no_restart(system, tokens)
    return Outcome(None, pause)


def variables_away(system: SystemUnderTest) -> Outcome:
    """Take away the table of the Variables: whoever reads one gets an error, not an absent value."""
    tokens = {job: system.observer.newest(job).token for job in JOBS}
    began = time.time()
    with system.variables_unreadable():
        time.sleep(VARIABLES_AWAY.total_seconds())
        pause = max(system.observer.longest_pause_s(job, began) for job in JOBS)
        assert_no_restart(system, tokens)
    assert pause < BATCH_TIMEOUT_S, f"no batch for {pause:.0f} s"
    time.sleep(30)
    assert_no_restart(system, tokens)
    return Outcome(None, pause, "the longest pause between batches")


def upkeep(system: SystemUnderTest) -> Outcome:
    tokens, began = {job: system.observer.newest(job).token for job in JOBS}, time.time()
    for dag_id, params in (
        ("checkpoint_cleanup", {"dry_run": False}),
        ("checkpoint_cleanup", {"dry_run": False, "reset": "taxi_trips"}),
        ("parquet_compaction", {}),
        ("analytics_rebuild", {"from": "2018-01-01", "to": "2018-01-02"}),
    ):
        ended = system.airflow.has_run(dag_id, params)
        assert ended == "success", f"{dag_id} with {params}: {ended}"
    pause = max(system.observer.longest_pause_s(job, began) for job in JOBS)
    assert_no_restart(system, tokens)
    return Outcome(None, pause, "the longest pause between batches")


def path_changed(system: SystemUnderTest) -> Outcome:
    before, began, usual = system.observer.newest("ingestion"), time.time(), system.roots["ingestion"]
    moved = Layout(usual.with_name(f"{usual.name}-moved"))
    system.set_variable("OUTPUT_BASE_PATH", str(moved.root))
    wait_until(lambda: _has_batch(moved), "a batch in the new place", 2 * BATCH_TIMEOUT_S)
    recovered = time.time() - began
    _was_replaced_by_one(Layout(usual), moved)
    system.set_variable("OUTPUT_BASE_PATH", str(usual))
    batch_of_another(system, "ingestion", before, 2 * BATCH_TIMEOUT_S)
    _was_replaced_by_one(moved, moved)
    started = system.observer.newest("ingestion").token - before.token
    assert started == 1, f"{started} starts in the old place"
    return Outcome(None, recovered)


def _has_batch(layout: Layout) -> bool:
    newest = newest_applied(PublicationLog(layout, STEADY_DATASET["ingestion"]))
    return newest is not None and newest.kind == "batch"


def _was_replaced_by_one(left: Layout, moved: Layout) -> None:
    status = read_status(left)
    assert status is not None, f"{left.root} has no status"
    assert status.state == "stopped", f"the driver that left {left.root} is {status.state}"
    logs = list(moved.driver_logs.glob("*.log"))
    assert len(logs) == 1, f"{len(logs)} drivers were started in the new place"
