"""What the playground puts into a fresh Airflow: Variables, the Spark connection, running DAGs."""

import json
from collections.abc import Mapping
from pathlib import Path

from playground.airflow.client import AirflowClient
from playground.airflow.default_variables import settings_as_variables
from playground.run.settings import CHECKOUT, PlaygroundSettings, job_environment
from spark_jobs.settings import SETTING_FIELDS

JOBS = ("ingestion", "analytics")
SPARK_CONNECTION = "spark_default"


def jobs_here(checkout: Path = CHECKOUT) -> list[str]:
    return [job for job in JOBS if (checkout / "spark_jobs" / f"{job}_job.py").is_file()]


def default_variables(settings: PlaygroundSettings, env: Mapping[str, str]) -> dict[str, str]:
    """Every setting of the jobs: the playground's own over the environment over the default."""
    return settings_as_variables(env) | job_environment(settings)


def variables_to_set(
    wanted: Mapping[str, str], present: Mapping[str, str], set_before: Mapping[str, str]
) -> dict[str, str]:
    """Absent ones, and those still as we once set them: what a person edited in Airflow stays."""
    return {
        name: value
        for name, value in wanted.items()
        if present.get(name) != value and (name not in present or present[name] == set_before.get(name))
    }


def import_variables(client: AirflowClient, wanted: Mapping[str, str], record: Path) -> None:
    set_before: dict[str, str] = json.loads(record.read_text()) if record.is_file() else {}
    missing = variables_to_set(wanted, client.variables(), set_before)
    client.set_variables(missing, {name: SETTING_FIELDS[name].description or "" for name in missing})
    record.write_text(json.dumps(dict(wanted), indent=1))


def add_spark_connection(client: AirflowClient, master: str) -> None:
    if not client.has_connection(SPARK_CONNECTION):
        client.add_connection(SPARK_CONNECTION, "spark", master)


def watch_of(job: str) -> str:
    return f"watch_{job}"


def start_job(client: AirflowClient, job: str, at_once: bool) -> None:
    """Has the job's DAG and its watch run. The watch starts the job too, tens of seconds later on two busy cores."""
    client.unpause(job)
    if at_once and not client.active_runs(job):
        client.trigger(job)
    client.unpause(watch_of(job))
