"""What Airflow really starts: the command that the provider's own hook builds, compared with a golden file.

After a wanted change: `GOLDEN=write make test`, then look at the difference in git.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spark_streams.airflow_internals import submit_command
from spark_streams.operator import StreamOperator
from spark_streams.settings_store import SettingsStore
from spark_streams.submit import DeploymentError, refuse_cluster_mode, submit_arguments

from spark_jobs.diagnosis import StreamFault
from spark_jobs.settings import DEFAULTS
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION, STREAM_JOBS, StreamJob
from tests.dags.conftest import VariableStore

GOLDEN = Path(__file__).parent / "golden"
REPOSITORY = Path("/repository")
SPARK_HOME = "lib/python3.11/site-packages/pyspark"

MASTERS = {
    "local": {"conn_type": "spark", "host": "local[2]"},
    "standalone": {"conn_type": "spark", "host": "spark://master", "port": 7077},
}


def operator(job: StreamJob, env: Mapping[str, str], variables: VariableStore) -> StreamOperator:
    """The operator as a worker has it just before it starts a driver."""
    task = StreamOperator(task_id=f"run_{job.name}", job=job, **submit_arguments(job, env, REPOSITORY))
    task.use(SettingsStore(job, task.fallbacks).read_all(datetime.now(UTC)))
    return task


def started(task: StreamOperator, spark_env: Path) -> dict[str, Any]:
    """Command and environment of the process, with the temporary folder named as it would be."""
    command, environment = submit_command(task)
    seen = {"command": command, "environment": environment}
    plain = json.dumps(seen, indent=1).replace(str(spark_env), f"{REPOSITORY}/.venv/spark")
    return dict(json.loads(plain))


@pytest.mark.parametrize("master", MASTERS)
@pytest.mark.parametrize("job", ["ingestion", "analytics"])
def test_golden_command(
    job: str, master: str, spark_env: Path, variables: VariableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(MASTERS[master]))
    found = started(operator(STREAM_JOBS[job], {"SPARK_ENV_PATH": str(spark_env)}, variables), spark_env)
    golden = GOLDEN / f"{job}-{master}.json"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(golden.read_text())


@pytest.mark.parametrize("job", STREAM_JOBS.values(), ids=STREAM_JOBS)
def test_every_setting_of_a_job_is_a_variable(job: StreamJob, spark_env: Path, variables: VariableStore) -> None:
    env = {"SPARK_ENV_PATH": str(spark_env), "SPARK_APP_NAME": "environment", "DRIVER_LOG_PATH": "/environment"}
    variables.update({"SPARK_APP_NAME": "variable", "BATCH_INTERVAL": "3 seconds", "ALERT_EMAIL": "a@example.org"})
    task = operator(job, env, variables)
    rendered = {name: value for name, value in (task.env_vars or {}).items() if name in DEFAULTS}
    assert rendered == job.defaults | variables_of(job, variables) | {"DRIVER_LOG_PATH": "/environment"}
    assert task.name == f"variable - {job.name}"


def variables_of(job: StreamJob, variables: VariableStore) -> dict[str, str]:
    return {name: text for name, text in variables.items() if name in DEFAULTS and job.reads(name)}


def test_sizes_are_settings(spark_env: Path, variables: VariableStore) -> None:
    variables |= {
        "SPARK_DRIVER_MEMORY": "2g",
        "SPARK_CORES_MAX": "6",
        "SPARK_EXECUTOR_CORES": "3",
        "SPARK_EXTRA_CONF": '{"spark.executor.memory": "2g", "spark.executor.heartbeatInterval": 5}',
    }
    conf = operator(INGESTION, {"SPARK_ENV_PATH": str(spark_env)}, variables).conf
    assert conf
    assert {name: conf[name] for name in ("spark.driver.memory", "spark.cores.max", "spark.executor.cores")} == {
        "spark.driver.memory": "2g",
        "spark.cores.max": "6",
        "spark.executor.cores": "3",
    }
    assert (conf["spark.executor.memory"], conf["spark.executor.heartbeatInterval"]) == ("2g", "5")


def test_environment_comes_before_the_default_and_is_no_template(spark_env: Path, variables: VariableStore) -> None:
    env = {"SPARK_ENV_PATH": str(spark_env), "SPARK_APP_NAME": 'it\'s "3" {{ seconds }} \\'}
    task = operator(INGESTION, env, variables)
    assert task.env_vars
    assert task.env_vars["SPARK_APP_NAME"] == env["SPARK_APP_NAME"]
    assert task.env_vars["KAFKA_TOPIC_BIKE"] == "bike-trips"
    assert task.env_vars["DRIVER_LOG_PATH"] == ""


@pytest.mark.parametrize(
    ("by_variable", "environment"),
    [({"KAFKA_CONNECTOR_JARS": "/jars"}, {}), ({}, {"KAFKA_CONNECTOR_JARS": "/jars"})],
    ids=["by Variable", "by environment"],
)
def test_connector_from_a_folder_needs_no_network(
    by_variable: dict[str, str], environment: dict[str, str], spark_env: Path, variables: VariableStore
) -> None:
    variables |= by_variable
    task = operator(INGESTION, {"SPARK_ENV_PATH": str(spark_env)} | environment, variables)
    assert (task.jars, task.packages) == ("/jars/*.jar", "")


def test_a_job_without_kafka_gets_no_connector(spark_env: Path, variables: VariableStore) -> None:
    task = operator(ANALYTICS_JOB, {"SPARK_ENV_PATH": str(spark_env)}, variables)
    assert (task.jars, task.packages) == (None, None)
    assert task.env_vars
    assert "OUTPUT_BASE_PATH" in task.env_vars
    assert [name for name in task.env_vars if name.startswith("KAFKA_")] == []


def test_another_program_may_start_the_driver(spark_env: Path) -> None:
    env = {"SPARK_ENV_PATH": str(spark_env), "SPARK_SUBMIT_PATH": "/opt/spark-submit-elsewhere"}
    assert submit_arguments(INGESTION, env, REPOSITORY)["spark_binary"] == "/opt/spark-submit-elsewhere"


def test_a_missing_spark_environment_is_a_sentence_where_a_driver_is_started(
    tmp_path: Path, variables: VariableStore
) -> None:
    assert submit_arguments(INGESTION, {"SPARK_ENV_PATH": str(tmp_path)})["spark_env"] == str(tmp_path)
    with pytest.raises(DeploymentError, match="set SPARK_ENV_PATH"):
        operator(INGESTION, {"SPARK_ENV_PATH": str(tmp_path)}, variables)


def test_a_connection_that_is_missing_is_no_yarn(
    spark_env: Path, variables: VariableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = operator(INGESTION, {"SPARK_ENV_PATH": str(spark_env)}, variables)
    with pytest.raises(StreamFault, match="spark_default, which says where Spark runs, cannot be read"):
        submit_command(task)
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(MASTERS["local"]))
    assert submit_command(task)[0][1:3] == ["--master", "local[2]"]


def test_a_driver_on_the_cluster_is_refused(
    spark_env: Path, variables: VariableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "spark", "host": "yarn", "extra": {"deploy-mode": "cluster"}}
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection))
    command, _ = submit_command(operator(INGESTION, {"SPARK_ENV_PATH": str(spark_env)}, variables))
    with pytest.raises(StreamFault, match="deploy-mode cluster"):
        refuse_cluster_mode("ingestion", command)
    refuse_cluster_mode("ingestion", ["spark-submit", "--deploy-mode", "client", "cluster.py"])


@pytest.mark.parametrize(
    ("default", "own", "deferrable", "is_refused"),
    [
        ("LocalExecutor", None, True, False),
        ("KubernetesExecutor", None, True, True),
        ("KubernetesExecutor", None, False, False),
        ("LocalExecutor,KubernetesExecutor", None, True, False),
        ("LocalExecutor,KubernetesExecutor", "KubernetesExecutor", True, True),
        ("airflow.providers.amazon.aws.executors.ecs.ecs_executor.AwsEcsExecutor", None, True, True),
    ],
)
def test_an_executor_whose_machine_goes_with_the_task_is_refused_where_the_dag_is_parsed(
    default: str, own: str | None, deferrable: bool, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", default)

    def task() -> StreamOperator:
        arguments = submit_arguments(INGESTION, {}, REPOSITORY)
        return StreamOperator(task_id="t", job=INGESTION, deferrable=deferrable, executor=own, **arguments)

    if is_refused:
        with pytest.raises(DeploymentError, match="deferrable=False"):
            task()
    else:
        assert task().retries == 0
