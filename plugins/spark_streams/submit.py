"""How Airflow launches a job: what is known where the DAG is parsed, and what its settings say at the start."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.sdk import BaseOperator

from spark_jobs.diagnosis import StreamFault
from spark_jobs.drivers.launch import KAFKA_CONNECTOR, launch_conf
from spark_jobs.settings import Settings
from spark_jobs.stream_jobs import StreamJob

REPOSITORY = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
_CONNECTOR_JARS = "KAFKA_CONNECTOR_JARS"
_EXECUTOR_ENDS_WITH_ITS_TASK = re.compile("Kubernetes|Ecs|Batch|Lambda", re.IGNORECASE)
_QUIET = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "WARN"}


class DeploymentError(ValueError):
    """The machine is not set up as the environment says."""


def submit_arguments(job: StreamJob, env: Mapping[str, str], repository: Path = REPOSITORY) -> dict[str, Any]:
    """Return the keyword arguments of the StreamOperator that runs `spark_jobs/<job>_job.py`."""
    return {
        "application": str(repository / "spark_jobs" / f"{job.name}_job.py"),
        "application_args": ["--follow-switches"],
        "conn_id": "spark_default",
        # An absolute path: Airflow's own environment has a pyspark-client, which breaks what it finds through PATH.
        "spark_binary": env.get("SPARK_SUBMIT_PATH") or str(spark_env_path(env, repository) / "bin" / "spark-submit"),
        "spark_env": str(spark_env_path(env, repository)),
        "fallbacks": fallback_settings(job, env),
    }


def launch_arguments(job: StreamJob, settings: Settings, values: Mapping[str, str]) -> dict[str, Any]:
    """Return what the settings decide: attributes of the operator. `values`: the same settings as text."""
    return {
        "name": f"{settings.SPARK_APP_NAME} - {job.name}",
        "conf": {**launch_conf(settings), **_QUIET},
        "env_vars": dict(values),
        **(_kafka_connector(settings.KAFKA_CONNECTOR_JARS) if job.reads(_CONNECTOR_JARS) else {}),
    }


def fallback_settings(job: StreamJob, env: Mapping[str, str]) -> dict[str, str]:
    """Return each setting of the job as it is without its Variable: the environment over the default."""
    return {name: env.get(name, "").strip() or default for name, default in job.defaults.items()}


def spark_env_path(env: Mapping[str, str], repository: Path = REPOSITORY) -> Path:
    """Return where the Python environment with Spark is."""
    return Path(env.get("SPARK_ENV_PATH") or repository / ".venv" / "spark")


def spark_environment(spark_env: Path, env: Mapping[str, str], repository: Path = REPOSITORY) -> dict[str, str]:
    """Return the variables that make spark-submit use the Spark environment's Python and this repository's code.

    Raises:
        DeploymentError: there is no PySpark here. Asked where a driver is started, not where DAGs are parsed.
    """
    python = str(spark_env / "bin" / "python")
    return {
        "SPARK_HOME": str(_pyspark_folder(spark_env)),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "PYTHONPATH": str(repository),
        # Driver and Spark UI listen here; a cluster's executors need an address that they reach.
        "SPARK_LOCAL_IP": env.get("SPARK_LOCAL_IP") or LOOPBACK,
    }


def refuse_short_lived_executor(task: BaseOperator) -> None:
    """Refuse to defer where the task's machine goes with the task: the driver would go with it, again and again.

    Raises:
        DeploymentError: Airflow shows it as the DAG's import error.
    """
    executor = task.executor or conf.get("core", "executor").split(",")[0]
    if _EXECUTOR_ENDS_WITH_ITS_TASK.search(executor):
        raise DeploymentError(
            f"{task.task_id} runs in {executor}, whose pod ends when the task is deferred, and the driver with it. Use "
            "deferrable=False for this task, or an executor whose workers stay (LocalExecutor, CeleryExecutor)"
        )


def refuse_cluster_mode(job: str, command: Sequence[str]) -> None:
    """Refuse a driver somewhere else: nobody here could follow it, and it could not follow its switches.

    Raises:
        StreamFault: the connection asks for it.
    """
    if "cluster" in command[command.index("--deploy-mode") :][1:2] if "--deploy-mode" in command else ():
        raise StreamFault(
            f"{job} was not started: the connection spark_default says deploy-mode cluster, and the driver has to run "
            "where Airflow's worker is",
            "remove deploy-mode from the extra of spark_default (client is the default)",
            retryable=False,
        )


def _kafka_connector(folder: str) -> dict[str, str]:
    """By coordinates, or, with KAFKA_CONNECTOR_JARS, every jar of that folder: then no network is needed.

    The hook leaves out what is empty, and spark-submit expands the asterisk.
    """
    return {"jars": f"{folder}/*.jar", "packages": ""} if folder else {"jars": "", "packages": KAFKA_CONNECTOR}


def _pyspark_folder(spark_env: Path) -> Path:
    # lib/python3.11, lib/python3.12, ...: the environment may have another Python than Airflow's.
    found = sorted(spark_env.glob("lib/python3.*/site-packages/pyspark"))
    if not found:
        raise DeploymentError(
            f"There is no PySpark in {spark_env}. "
            "Run `make setup`, or set SPARK_ENV_PATH to the environment that has it."
        )
    return found[0]
