"""docker-compose.yaml as it runs: its containers, what readers find in its volume, what a person does in Airflow."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import duckdb
from dotenv import dotenv_values
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from playground.airflow.client import AirflowClient
from playground.airflow.database import watch_dag
from playground.airflow.home import AirflowError, AirflowHome
from playground.run.ports import HOST, free_port
from playground.run.waiting import wait_until
from playground.setup.compose_secrets import add_missing_secrets
from spark_jobs.catalog import ANALYTICS, FEEDS
from tests.containers.engine import Podman

PROJECT = "boston-streams"
JOBS = ("ingestion", "analytics")
_START_TIMEOUT_S = 300


@dataclass(frozen=True)
class _AirflowPage:
    """Where Airflow is and how to log in, as its client asks."""

    url: str
    password: str
    log: Path


class ComposedSystem:
    """The containers of one run. Services are called as in docker-compose.yaml."""

    def __init__(self, podman: Podman, env_file: Path) -> None:
        self.podman = podman
        self.env_file = env_file
        given = dotenv_values(env_file)
        url, password = f"http://{HOST}:{given['AIRFLOW_PORT']}", str(given["AIRFLOW_ADMIN_PASSWORD"])
        page = _AirflowPage(url, password, podman.folder)
        self.airflow = AirflowClient(cast(AirflowHome, page))

    def start(self) -> None:
        """Start everything; podman-compose does not wait for health checks with the podman of Debian 12, so we do."""
        for services in (["kafka", "postgres"], ["airflow-init", "topics"], []):
            self.podman.compose(self.env_file, "up", "-d", "--no-build", *services)
            for service in services:
                wait_until(lambda name=service: self.is_well(name), f"{service} is well", _START_TIMEOUT_S)  # type: ignore[misc]
        for job in JOBS:
            for dag in (job, watch_dag(job)):
                wait_until(lambda dag=dag: self._is_known(dag), f"Airflow knows the DAG {dag}", _START_TIMEOUT_S)  # type: ignore[misc]
                self.airflow.unpause(dag)

    def is_well(self, service: str) -> bool:
        """Return what the health check of the service says; one that ends has ended well."""
        state = self.podman("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", _container(service), check=False)
        if not state.startswith("running"):
            return state == "exited 0"
        return self.podman.succeeds("healthcheck", "run", _container(service))

    def kill(self, service: str) -> None:
        """kill -9 of the container's first process, and so of all of them: as a crash, nothing that we ask for."""
        os.kill(self._pid(service), signal.SIGKILL)

    def airflow_lives(self, since: datetime) -> bool:
        """Return whether every component of Airflow's has shown life after this moment."""
        try:
            health = self.airflow._call("GET", "/api/v2/monitor/health", authorised=False)
        except (OSError, AirflowError):
            return False
        beats = [health[name][f"latest_{name}_heartbeat"] for name in ("scheduler", "triggerer", "dag_processor")]
        return all(beat and datetime.fromisoformat(beat) > since for beat in beats)

    def started_at(self, service: str) -> str:
        """Return since when the container runs."""
        return self.podman("inspect", "-f", "{{.State.StartedAt}}", _container(service))

    def rows(self) -> int:
        """Count the rows of the feeds as any reader of Parquet does."""
        return sum(_rows(self._data / "processed_simple" / feed.name) for feed in FEEDS)

    def newest_analytics(self) -> dict[str, int]:
        """Return analytic -> number of the newest entry of its log."""
        logs = self._data / "analytics" / "_log"
        found = {analytic.name: sorted((logs / analytic.name).glob("[0-9]*.json")) for analytic in ANALYTICS}
        return {name: int(entries[-1].stem) for name, entries in found.items() if entries}

    def analytics_rows(self) -> int:
        """Count the rows of all analytics."""
        return sum(_rows(self._data / "analytics" / analytic.name) for analytic in ANALYTICS)

    def driver_instances(self) -> dict[str, str]:
        """Return job -> which driver runs it."""
        roots = {"ingestion": "processed_simple", "analytics": "analytics"}
        documents = {job: self._data / root / "_control" / "status.json" for job, root in roots.items()}
        return {job: json.loads(document.read_text())["instance"] for job, document in documents.items()}

    def listening_ports(self) -> list[str]:
        """Return address:port of everything that is published to this machine."""
        found = self.podman("ps", "--format", "{{.Ports}}").replace("\n", ",").split(",")
        return sorted(port.strip().partition("->")[0] for port in found if port.strip())

    @property
    def _data(self) -> Path:
        return Path(self.podman("volume", "inspect", "-f", "{{.Mountpoint}}", f"{PROJECT}_data"))

    def _pid(self, service: str) -> int:
        return int(self.podman("inspect", "-f", "{{.State.Pid}}", _container(service)))

    def _is_known(self, dag: str) -> bool:
        try:
            return self.airflow.has_dag(dag)
        except (OSError, AirflowError):
            return False


def _container(service: str) -> str:
    return f"{PROJECT}_{service}_1"


@contextmanager
def composed_system(podman: Podman, speed: str) -> Iterator[ComposedSystem]:
    """Secrets and free ports of its own; containers, volumes and networks are gone afterwards."""
    env_file = podman.folder / "env"
    env_file.unlink(missing_ok=True)
    kafka = free_port()
    settings = {"PLAYGROUND_KAFKA_PORT": kafka, "AIRFLOW_PORT": free_port(kafka), "PLAYGROUND_SPEED": speed}
    env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    add_missing_secrets(env_file)
    try:
        yield ComposedSystem(podman, env_file)
    finally:
        _keep_logs(podman)
        podman.compose(env_file, "down", "-v")


def _keep_logs(podman: Podman) -> None:
    """Write what every container said to `logs/`; those of the run before go."""
    folder = podman.folder / "logs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in podman("ps", "-a", "--format", "{{.Names}}").split():
        with (folder / f"{name}.log").open("wb") as file:
            subprocess.run(["podman", "logs", name], env=podman.env, stdout=file, stderr=file, check=False)


# A file that is replaced or compacted may go between listing and reading.
@retry(retry=retry_if_exception_type(duckdb.Error), stop=stop_after_attempt(5), wait=wait_fixed(0.5), reraise=True)
def _rows(folder: Path) -> int:
    if next(folder.glob("**/*.parquet"), None) is None:
        return 0
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT count(*) FROM read_parquet('{folder}/**/*.parquet')").fetchone()
    assert found is not None
    return int(found[0])
