"""Every DAG is there, and importing them needs nothing but the code."""

import socket
from pathlib import Path

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import CronTriggerTimetable

from tests.dags.conftest import CHECKOUT

DAG_IDS = {
    "analytics",
    "analytics_rebuild",
    "checkpoint_cleanup",
    "ingestion",
    "parquet_compaction",
    "watch_analytics",
    "watch_ingestion",
}
NEED_SPARK = {dag_id for dag_id in DAG_IDS if not dag_id.startswith("watch_")}


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


def test_a_missing_spark_environment_is_told_as_an_import_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_ENV_PATH", str(tmp_path))
    errors = DagBag(CHECKOUT / "dags", collect_dags=True).import_errors
    assert len(errors) == len(NEED_SPARK)
    assert all("set SPARK_ENV_PATH" in error for error in errors.values())
