"""What we use of Airflow and its Spark provider although they do not promise it: all of it is in this file.

tests/dags/test_airflow_internals.py fails where a new version no longer has one of these. What else was only found to
hold: a trigger may call the first six functions below, from a thread.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn

from airflow.observability import stats
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseHook, BaseXCom, Variable
from airflow.sdk.exceptions import DagRunTriggerException
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from spark_jobs.diagnosis import StreamFault


def read_variable(name: str) -> str | None:
    """Read an Airflow Variable; None where it is not found, or the store that has it fails: Airflow does not tell."""
    text = Variable.get(name, default=None)
    return None if text is None else str(text)


def write_variable(name: str, text: str, description: str) -> None:
    """Write an Airflow Variable."""
    Variable.set(name, text, description=description)


def set_gauges(values: Mapping[str, float]) -> None:
    """Hand figures to StatsD or OpenTelemetry, where Airflow's settings have one of them on; a triggerer sets it up."""
    for name, value in values.items():
        stats.gauge(name, value)


def count_runs(dag_id: str, state: str) -> int:
    """Count the runs of a DAG that are in this state."""
    return RuntimeTaskInstance.get_dr_count(dag_id=dag_id, states=[state])


def task_state(dag_id: str, task_id: str, run_id: str) -> str | None:
    """Ask for the state of a task; None where it was cleared, `removed` where its run is gone."""
    found = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])
    state: str | None = found.get(run_id, {}).get(task_id, "removed")
    return state


def task_note(dag_id: str, task_id: str, run_id: str, name: str) -> object:
    """Read what a task has noted of itself, as an XCom; None where it has not, or was cleared since."""
    note: object = BaseXCom.get_one(key=name, dag_id=dag_id, task_id=task_id, run_id=run_id)
    return note


def trigger_dag(dag_id: str, why: str) -> NoReturn:
    """Have a DAG run and end the calling task with success, as TriggerDagRunOperator does."""
    raise DagRunTriggerException(
        trigger_dag_id=dag_id,
        dag_run_id=f"watch__{datetime.now(UTC).isoformat()}",
        conf={"why": why},
        logical_date=None,
        reset_dag_run=False,
        skip_when_already_exists=True,
        wait_for_completion=False,
        allowed_states=[],
        failed_states=[],
        poke_interval=0,
        deferrable=False,
    )


def submit_command(operator: SparkSubmitOperator) -> tuple[list[str], dict[str, str]]:
    """Build the provider's command and what it adds to the environment.

    The provider itself can only run it as a child of the task, which ends with the task.

    Raises:
        StreamFault: its connection is not found; the provider would take YARN for it.
    """
    try:
        BaseHook.get_connection(operator._conn_id)
    except Exception as failure:
        raise StreamFault(
            f"the Connection {operator._conn_id}, which says where Spark runs, cannot be read: {failure}",
            "create it (Admin, Connections; type Spark, host local[2] or spark://host:7077)",
        ) from failure
    hook = operator._get_hook()
    command = hook._build_spark_submit_command(str(operator.application))
    return command, dict(hook._env or {})
