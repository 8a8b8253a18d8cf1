"""How Airflow launches a job: the arguments of its StreamOperator."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spark_jobs.driver_launch import KAFKA_CONNECTOR
from spark_jobs.stream_jobs import StreamJob

REPOSITORY = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
_CONNECTOR_JARS = "KAFKA_CONNECTOR_JARS"


class DeploymentError(ValueError):
    """The machine is not set up as the environment says; Airflow shows this as the DAG's import error."""


def submit_arguments(job: StreamJob, env: Mapping[str, str], repository: Path = REPOSITORY) -> dict[str, Any]:
    """Return the keyword arguments of the StreamOperator that runs `spark_jobs/<job>_job.py`."""
    spark_env, settings = spark_env_path(env, repository), rendered_settings(job, env)
    return {
        "application": str(repository / "spark_jobs" / f"{job.name}_job.py"),
        "application_args": ["--follow-switches"],
        "conn_id": "spark_default",
        "name": f"{settings['SPARK_APP_NAME']} - {job.name}",
        # An absolute path: Airflow's own environment has a pyspark-client, which breaks what it finds through PATH.
        "spark_binary": str(spark_env / "bin" / "spark-submit"),
        "conf": {"spark.ui.showConsoleProgress": "false", "spark.log.level": "WARN"},
        "env_vars": spark_environment(spark_env, env, repository) | settings,
        **(_kafka_connector(fallback_settings(job, env)[_CONNECTOR_JARS]) if job.reads(_CONNECTOR_JARS) else {}),
    }


def rendered_settings(job: StreamJob, env: Mapping[str, str]) -> dict[str, str]:
    """Return each setting of the job as a template: the Variable of its name over the environment over the default."""
    return {name: f"{{{{ {_variable(name, text)} }}}}" for name, text in fallback_settings(job, env).items()}


def fallback_settings(job: StreamJob, env: Mapping[str, str]) -> dict[str, str]:
    """Return each setting of the job as it is without its Variable: the environment over the default."""
    return {name: env.get(name, "").strip() or default for name, default in job.defaults.items()}


def _variable(name: str, fallback: str) -> str:
    return f"var.value.get({name!r}, {fallback!r})"


def spark_env_path(env: Mapping[str, str], repository: Path = REPOSITORY) -> Path:
    """Return where the Python environment with Spark is."""
    return Path(env.get("SPARK_ENV_PATH") or repository / ".venv" / "spark")


def spark_environment(spark_env: Path, env: Mapping[str, str], repository: Path = REPOSITORY) -> dict[str, str]:
    """Return the variables that make spark-submit use the Spark environment's Python and this repository's code."""
    python = str(spark_env / "bin" / "python")
    return {
        "SPARK_HOME": str(_pyspark_folder(spark_env)),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "PYTHONPATH": str(repository),
        # Driver and Spark UI listen here; a cluster's executors need an address that they reach.
        "SPARK_LOCAL_IP": env.get("SPARK_LOCAL_IP") or LOOPBACK,
    }


def _kafka_connector(fallback: str) -> dict[str, str]:
    """By coordinates, or, with KAFKA_CONNECTOR_JARS, every jar of that folder: then no network is needed.

    Templates like the settings, so the Variable decides; the hook leaves out what renders empty, and spark-submit
    expands the asterisk.
    """
    folder = _variable(_CONNECTOR_JARS, fallback)
    return {
        "jars": f"{{% set folder = {folder} %}}{{{{ folder ~ '/*.jar' if folder else '' }}}}",
        "packages": f"{{{{ '' if {folder} else {KAFKA_CONNECTOR!r} }}}}",
    }


def _pyspark_folder(spark_env: Path) -> Path:
    # lib/python3.11, lib/python3.12, ...: the environment may have another Python than Airflow's.
    found = sorted(spark_env.glob("lib/python3.*/site-packages/pyspark"))
    if not found:
        raise DeploymentError(
            f"There is no PySpark in {spark_env}. "
            "Run `make setup`, or set SPARK_ENV_PATH to the environment that has it."
        )
    return found[0]
