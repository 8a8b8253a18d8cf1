"""What Airflow really starts: the command that the provider's own hook builds, compared with a golden file.

After a wanted change: `GOLDEN=write make test`, then look at the difference in git.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from spark_streams.airflow_internals import submit_command
from spark_streams.operator import StreamOperator
from spark_streams.submit import DeploymentError, submit_arguments

from spark_jobs.settings import DEFAULTS
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION, STREAM_JOBS, StreamJob

GOLDEN = Path(__file__).parent / "golden"
REPOSITORY = Path("/repository")
SPARK_HOME = "lib/python3.11/site-packages/pyspark"

MASTERS = {
    "local": {"conn_type": "spark", "host": "local[2]"},
    "standalone": {"conn_type": "spark", "host": "spark://master", "port": 7077},
}


def operator(job: StreamJob, env: Mapping[str, str], variables: Mapping[str, str]) -> StreamOperator:
    """The rendered operator, as a worker has it just before it runs."""
    task = StreamOperator(task_id=f"run_{job.name}", job=job, **submit_arguments(job, env, REPOSITORY))
    task.render_template_fields({"var": {"value": variables}})
    return task


def ready(task: StreamOperator) -> StreamOperator:
    task.use(task.job.settings(task.env_vars or {}))
    return task


def started(task: StreamOperator, spark_env: Path) -> dict[str, Any]:
    """Command and environment of the process, with the temporary folder named as it would be."""
    command, environment = submit_command(task)
    seen = {"command": command, "environment": environment}
    plain = json.dumps(seen, indent=1).replace(str(spark_env), f"{REPOSITORY}/.venv/spark")
    return dict(json.loads(plain))


@pytest.mark.parametrize("master", MASTERS)
@pytest.mark.parametrize("job", ["ingestion", "analytics"])
def test_golden_command(job: str, master: str, spark_env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(MASTERS[master]))
    found = started(ready(operator(STREAM_JOBS[job], {"SPARK_ENV_PATH": str(spark_env)}, {})), spark_env)
    golden = GOLDEN / f"{job}-{master}.json"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(golden.read_text())


@pytest.mark.parametrize("job", STREAM_JOBS.values(), ids=STREAM_JOBS)
def test_every_setting_of_a_job_is_a_variable(job: StreamJob, spark_env: Path) -> None:
    variables = {name: f"variable {name}" for name in DEFAULTS}
    env = {"SPARK_ENV_PATH": str(spark_env)} | {name: f"environment {name}" for name in DEFAULTS}
    task = operator(job, env, variables)
    rendered = {name: value for name, value in task.env_vars.items() if name in DEFAULTS}  # type: ignore[union-attr]
    assert rendered == {name: variables[name] for name in DEFAULTS if job.reads(name)}
    assert task.name == f"variable SPARK_APP_NAME - {job.name}"


def test_sizes_are_settings(spark_env: Path) -> None:
    sizes = {
        "SPARK_DRIVER_MEMORY": "2g",
        "SPARK_CORES_MAX": "6",
        "SPARK_EXECUTOR_CORES": "3",
        "SPARK_EXTRA_CONF": '{"spark.executor.memory": "2g", "spark.executor.heartbeatInterval": 5}',
    }
    conf = ready(operator(INGESTION, {"SPARK_ENV_PATH": str(spark_env)}, sizes)).conf
    assert conf
    assert {name: conf[name] for name in ("spark.driver.memory", "spark.cores.max", "spark.executor.cores")} == {
        "spark.driver.memory": "2g",
        "spark.cores.max": "6",
        "spark.executor.cores": "3",
    }
    assert (conf["spark.executor.memory"], conf["spark.executor.heartbeatInterval"]) == ("2g", "5")


def test_environment_comes_before_the_default(spark_env: Path) -> None:
    env = {"SPARK_ENV_PATH": str(spark_env), "BATCH_INTERVAL": 'it\'s "3" seconds {{ }} \\'}
    task = operator(INGESTION, env, {})
    assert task.env_vars["BATCH_INTERVAL"] == env["BATCH_INTERVAL"]  # type: ignore[index]
    assert task.env_vars["KAFKA_TOPIC_BIKE"] == "bike-trips"  # type: ignore[index]
    assert task.env_vars["ENABLE_INGESTION"] == "true"  # type: ignore[index]
    assert task.env_vars["DRIVER_LOG_PATH"] == ""  # type: ignore[index]


@pytest.mark.parametrize(
    ("variables", "environment"),
    [({"KAFKA_CONNECTOR_JARS": "/jars"}, {}), ({}, {"KAFKA_CONNECTOR_JARS": "/jars"})],
    ids=["by Variable", "by environment"],
)
def test_connector_from_a_folder_needs_no_network(
    variables: dict[str, str], environment: dict[str, str], spark_env: Path
) -> None:
    task = operator(INGESTION, {"SPARK_ENV_PATH": str(spark_env)} | environment, variables)
    assert (task.jars, task.packages) == ("/jars/*.jar", "")


def test_a_job_without_kafka_gets_no_connector(spark_env: Path) -> None:
    arguments = submit_arguments(ANALYTICS_JOB, {"SPARK_ENV_PATH": str(spark_env)}, REPOSITORY)
    assert not {"jars", "packages"} & set(arguments)
    assert "OUTPUT_BASE_PATH" in arguments["env_vars"]
    assert [name for name in arguments["env_vars"] if name.startswith("KAFKA_")] == []


def test_a_missing_spark_environment_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="set SPARK_ENV_PATH"):
        submit_arguments(INGESTION, {"SPARK_ENV_PATH": str(tmp_path)})
