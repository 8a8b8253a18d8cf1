"""How Airflow launches a job of this repository: the arguments of its StreamOperator."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from spark_jobs.driver_launch import JAVA_OPTIONS, KAFKA_CONNECTOR
from spark_jobs.settings import SETTING_FIELDS, in_words

REPOSITORY = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"


class DeploymentError(ValueError):
    """The machine is not set up as the environment says; Airflow shows this as the DAG's import error."""


def submit_arguments(job: str, env: Mapping[str, str], repository: Path = REPOSITORY) -> dict[str, Any]:
    """Keyword arguments of the StreamOperator that runs `spark_jobs/<job>_job.py`."""
    spark_env = Path(env.get("SPARK_ENV_PATH") or repository / ".venv" / "spark")
    return {
        "application": str(repository / "spark_jobs" / f"{job}_job.py"),
        "application_args": ["--follow-switches"],
        "conn_id": "spark_default",
        "name": f"{rendered('SPARK_APP_NAME', env)} - {job}",
        # An absolute path: Airflow's own environment has a pyspark-client, which breaks what it finds through PATH.
        "spark_binary": str(spark_env / "bin" / "spark-submit"),
        "conf": {
            "spark.driver.memory": rendered("SPARK_DRIVER_MEMORY", env),
            "spark.driver.extraJavaOptions": JAVA_OPTIONS,
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "WARN",
        },
        "env_vars": spark_environment(spark_env, env, repository) | rendered_settings(env),
        **kafka_connector(env),
    }


def rendered_settings(env: Mapping[str, str]) -> dict[str, str]:
    """Every setting as a template: the Variable of its name over the environment over the default."""
    return {name: rendered(name, env) for name in SETTING_FIELDS}


def fallback_settings(env: Mapping[str, str]) -> dict[str, str]:
    """Every setting as it is without its Variable: the environment over the default."""
    return {name: env.get(name, "").strip() or in_text(field.default) for name, field in SETTING_FIELDS.items()}


def rendered(name: str, env: Mapping[str, str]) -> str:
    return f"{{{{ {_looked_up(name, env)} }}}}"


def _looked_up(name: str, env: Mapping[str, str]) -> str:
    return f"var.value.get({name!r}, {fallback_settings(env)[name]!r})"


def spark_environment(spark_env: Path, env: Mapping[str, str], repository: Path) -> dict[str, str]:
    """What makes spark-submit use the Spark environment's Python and this repository's code."""
    python = str(spark_env / "bin" / "python")
    return {
        "SPARK_HOME": str(_pyspark_folder(spark_env)),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "PYTHONPATH": str(repository),
        # Driver and Spark UI listen here; a cluster's executors need an address that they reach.
        "SPARK_LOCAL_IP": env.get("SPARK_LOCAL_IP") or LOOPBACK,
    }


def kafka_connector(env: Mapping[str, str]) -> dict[str, str]:
    """By coordinates, or, with KAFKA_CONNECTOR_JARS, every jar of that folder: then no network is needed.

    A template like the settings, so the Variable decides; the hook leaves out what renders empty, and spark-submit
    expands the asterisk.
    """
    folder = _looked_up("KAFKA_CONNECTOR_JARS", env)
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


def in_text(default: object) -> str:
    """A default in the form that people write settings in."""
    if default is None:
        return ""
    if isinstance(default, timedelta):
        return in_words(default)
    return str(default).lower() if isinstance(default, bool) else str(default)
