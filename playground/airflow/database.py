"""What the playground writes to Airflow's database: Variables, the Spark connection, unpaused DAGs."""

import json
from collections.abc import Mapping
from pathlib import Path

from playground.airflow.client import AirflowClient
from playground.airflow.default_variables import settings_as_variables
from playground.run.settings import PlaygroundSettings, job_environment
from spark_jobs.settings import SETTING_FIELDS

JOBS = ("ingestion", "analytics")
SPARK_CONNECTION = "spark_default"


def default_variables(settings: PlaygroundSettings, env: Mapping[str, str]) -> dict[str, str]:
    """Return every setting of the jobs: the playground's value, else the environment's, else the default."""
    return settings_as_variables(env) | job_environment(settings)


def variables_to_set(
    defaults: Mapping[str, str], current: Mapping[str, str], imported_before: Mapping[str, str]
) -> dict[str, str]:
    """Return the defaults of Variables that are absent or still as imported before; what a user edited stays."""
    return {
        name: value
        for name, value in defaults.items()
        if current.get(name) != value and (name not in current or current[name] == imported_before.get(name))
    }


def import_variables(client: AirflowClient, defaults: Mapping[str, str], record: Path) -> None:
    """Set the Variables that no user has edited; `record` is the file that keeps what was imported."""
    imported_before: dict[str, str] = json.loads(record.read_text()) if record.is_file() else {}
    changed = variables_to_set(defaults, client.variables(), imported_before)
    client.set_variables(changed, {name: SETTING_FIELDS[name].description or "" for name in changed})
    record.write_text(json.dumps(dict(defaults), indent=1))


def add_spark_connection(client: AirflowClient, master: str) -> None:
    if not client.has_connection(SPARK_CONNECTION):
        client.add_connection(SPARK_CONNECTION, "spark", master)


def watch_dag(job: str) -> str:
    return f"watch_{job}"


def start_job(client: AirflowClient, job: str, trigger_now: bool) -> None:
    """Unpause the job's DAG and its watch. The watch starts the job too, tens of seconds later on two busy cores."""
    client.unpause(job)
    if trigger_now and not client.active_runs(job):
        client.trigger(job)
    client.unpause(watch_dag(job))
