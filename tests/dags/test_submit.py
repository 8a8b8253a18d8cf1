"""What Airflow really starts: the command that the provider's own hook builds, compared with a golden file.

After a wanted change: `GOLDEN=write make test`, then look at the difference in git.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from spark_streams.operator import StreamOperator
from spark_streams.submit import DeploymentError, submit_arguments

from spark_jobs.settings import SETTING_FIELDS

GOLDEN = Path(__file__).parent / "golden"
REPOSITORY = Path("/repository")
SPARK_HOME = "lib/python3.11/site-packages/pyspark"

MASTERS = {
    "local": {"conn_type": "spark", "host": "local[2]"},
    "standalone": {"conn_type": "spark", "host": "spark://master", "port": 7077},
}


def operator(job: str, env: Mapping[str, str], variables: Mapping[str, str]) -> StreamOperator:
    """The rendered operator, as a worker has it just before it runs."""
    task = StreamOperator(task_id=f"run_{job}", job=job, **submit_arguments(job, env, REPOSITORY))
    task.render_template_fields({"var": {"value": variables}})
    return task


def started(task: StreamOperator, spark_env: Path) -> dict[str, Any]:
    """Command and environment of the process, with the temporary folder named as it would be."""
    hook = task._get_hook()
    command = hook._build_spark_submit_command(task.application)
    seen = {"command": command, "environment": hook._env}
    plain = json.dumps(seen, indent=1).replace(str(spark_env), f"{REPOSITORY}/.venv/spark")
    return dict(json.loads(plain))


@pytest.mark.parametrize("master", MASTERS)
@pytest.mark.parametrize("job", ["ingestion", "analytics"])
def test_golden_command(job: str, master: str, spark_env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(MASTERS[master]))
    found = started(operator(job, {"SPARK_ENV_PATH": str(spark_env)}, {}), spark_env)
    golden = GOLDEN / f"{job}-{master}.json"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(golden.read_text())


def test_every_setting_is_a_variable(spark_env: Path) -> None:
    variables = {name: f"variable {name}" for name in SETTING_FIELDS}
    env = {"SPARK_ENV_PATH": str(spark_env)} | {name: f"environment {name}" for name in SETTING_FIELDS}
    task = operator("ingestion", env, variables)
    assert {name: task.env_vars[name] for name in SETTING_FIELDS} == variables  # type: ignore[index]
    assert task.conf["spark.driver.memory"] == "variable SPARK_DRIVER_MEMORY"  # type: ignore[index]
    assert task.name == "variable SPARK_APP_NAME - ingestion"


def test_environment_comes_before_the_default(spark_env: Path) -> None:
    env = {"SPARK_ENV_PATH": str(spark_env), "BATCH_INTERVAL": 'it\'s "3" seconds {{ }} \\'}
    task = operator("ingestion", env, {})
    assert task.env_vars["BATCH_INTERVAL"] == env["BATCH_INTERVAL"]  # type: ignore[index]
    assert task.env_vars["KAFKA_TOPIC_BIKE"] == "bike-trips"  # type: ignore[index]
    assert task.env_vars["ENABLE_PEARSON_CORRELATIONS"] == "true"  # type: ignore[index]
    assert task.env_vars["ANALYTICS_INTERVAL"] == ""  # type: ignore[index]


@pytest.mark.parametrize(
    ("variables", "environment"),
    [({"KAFKA_CONNECTOR_JARS": "/jars"}, {}), ({}, {"KAFKA_CONNECTOR_JARS": "/jars"})],
    ids=["by Variable", "by environment"],
)
def test_connector_from_a_folder_needs_no_network(
    variables: dict[str, str], environment: dict[str, str], spark_env: Path
) -> None:
    task = operator("ingestion", {"SPARK_ENV_PATH": str(spark_env)} | environment, variables)
    assert (task.jars, task.packages) == ("/jars/*.jar", "")


def test_a_missing_spark_environment_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="set SPARK_ENV_PATH"):
        submit_arguments("ingestion", {"SPARK_ENV_PATH": str(tmp_path)})
