"""Every DAG is there, and importing them needs nothing but the code."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import CronTriggerTimetable

from tests.dags.conftest import CHECKOUT

DAG_IDS = {
    "alert_test",
    "analytics",
    "analytics_rebuild",
    "checkpoint_cleanup",
    "complete_hours",
    "example_complete_hour",
    "ingestion",
    "parquet_compaction",
    "redrive",
    "watch_analytics",
    "watch_ingestion",
}


@pytest.fixture
def dags(spark_env: Path, monkeypatch: pytest.MonkeyPatch) -> DagBag:
    def refuse(*_: object) -> None:
        raise AssertionError("a DAG file opened a connection while it was imported")

    monkeypatch.setenv("SPARK_ENV_PATH", str(spark_env))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return DagBag(CHECKOUT / "dags", collect_dags=True)


def test_roll_call(dags: DagBag) -> None:
    assert dags.import_errors == {}
    assert set(dags.dag_ids) == DAG_IDS


def test_every_dag_explains_itself_and_runs_once_at_a_time(dags: DagBag) -> None:
    for dag in dags.dags.values():
        assert "**Start**" in (dag.doc_md or "")
        assert "**It failed**" in (dag.doc_md or "")
        assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_a_watch_runs_again_after_each_run(dags: DagBag) -> None:
    """@continuous without a start date makes one run and never a second one (Airflow 3.3.2)."""
    watches = [dag for dag in dags.dags.values() if dag.dag_id.startswith("watch_")]
    assert {(str(dag.schedule), dag.start_date is not None) for dag in watches} == {("@continuous", True)}


def test_the_clean_up_keeps_to_bostons_clock(dags: DagBag) -> None:
    schedule = dags.dags["checkpoint_cleanup"].schedule
    assert isinstance(schedule, CronTriggerTimetable)
    assert (schedule.expression, schedule.timezone) == ("23 3 * * *", pendulum.timezone("America/New_York"))


def test_dags_are_parsed_where_there_is_no_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_ENV_PATH", str(tmp_path))
    assert DagBag(CHECKOUT / "dags", collect_dags=True).import_errors == {}


def test_what_airflow_has_for_tasks_in_general_changes_no_task(spark_env: Path) -> None:
    """Retries from airflow.cfg would start a job beside the watch, and a timeout would end a stream."""
    general = {
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "7",
        "AIRFLOW__CORE__DEFAULT_TASK_EXECUTION_TIMEOUT": "60",
        "SPARK_ENV_PATH": str(spark_env),
        "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}:{CHECKOUT / 'dags'}",
    }
    script = """
from airflow.dag_processing.dagbag import DagBag
for dag in DagBag(collect_dags=True).dags.values():
    for task in dag.tasks:
        print("task", task.retries, task.execution_timeout)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | general, capture_output=True, text=True, check=True
    )
    tasks = [line.split()[1:] for line in ran.stdout.splitlines() if line.startswith("task ")]
    assert len(tasks) >= len(DAG_IDS)
    assert [task for task in tasks if task[0] == "7" or task[1] == "0:01:00"] == []
