"""All parts of one `make run`: broker, simulated feeds, Airflow and the jobs."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

from rich.text import Text

from playground.airflow.client import AirflowClient
from playground.airflow.database import (
    JOBS,
    add_spark_connection,
    default_variables,
    import_variables,
    start_job,
    watch_dag,
)
from playground.airflow.home import USER, AirflowError, AirflowHome, airflow_home_of
from playground.broker.__main__ import broker_of
from playground.broker.process import Broker, BrokerError
from playground.run.console import console, say
from playground.run.processes import (
    MARK,
    Service,
    command_line,
    end_processes,
    end_service,
    marked_processes,
    start_service,
)
from playground.run.progress import Progress, progress_line, utc_now
from playground.run.settings import (
    PlaygroundSettings,
    job_environment,
)
from playground.run.waiting import wait_until
from playground.setup.class_archive import with_archive
from spark_jobs.catalog import FEEDS
from spark_jobs.documents.desired_state import held_because
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings, settings_from

AIRFLOW_START_TIMEOUT_S = 180
DAG_TIMEOUT_S = 120
# The job finishes its batch on SIGTERM; it is crash-safe, so waiting longer gains nothing.
JOB_STOP_TIMEOUT_S = 40
# With its tasks gone the scheduler ends within 20 s.
AIRFLOW_STOP_TIMEOUT_S = 25
GENERATOR_STOP_TIMEOUT_S = 15
FIRST_JOB = "ingestion"
PROGRESS_EVERY_S = 5.0
PROGRESS_TO_FILE_EVERY_S = 15.0


class Playground:
    """All parts of one `make run`, started and stopped in order."""

    def __init__(self, settings: PlaygroundSettings, env: Mapping[str, str]) -> None:
        self.settings = settings
        self.mark = str(settings.PLAYGROUND_HOME)
        # SPT_NOENV: Airflow sets process titles, which would overwrite the environment that carries the mark.
        own = {MARK: self.mark, "SPT_NOENV": "1", "SPARK_LOCAL_DIRS": str(settings.folder("spark"))}
        self.env = with_archive(settings.PLAYGROUND_HOME, {**env, **own})
        self.jobs: Settings = settings_from({**env, **job_environment(settings)})
        self.broker: Broker = broker_of(settings)
        self.airflow: AirflowHome = airflow_home_of(settings, settings.AIRFLOW_PORT)
        self.services: list[Service] = []
        self.generator: Service | None = None
        self.progress = Progress(
            Layout(Path(self.jobs.OUTPUT_BASE_PATH)), Layout(Path(self.jobs.ANALYTICS_OUTPUT_PATH))
        )

    def start(self) -> None:
        self.airflow.write_configuration()
        migration = self.airflow.start_migration(self.env)
        # Airflow takes longest: start it beside the broker, unless its database has to be created first.
        if migration is None:
            self._start_airflow()
        # The broker inherits the mark from this process.
        os.environ[MARK] = self.mark
        self.broker.start(progress=say)
        self.broker.create_topics(
            tuple(self.jobs.topic(feed) for feed in FEEDS), self.settings.PLAYGROUND_KAFKA_PARTITIONS
        )
        self.generator = self.start_generator()
        if migration is not None:
            say("Preparing Airflow's database ...")
            self.airflow.finish_migration(migration)
            self._start_airflow()
        client = AirflowClient(self.airflow)
        self._wait_for("Airflow's API server", client.answers, AIRFLOW_START_TIMEOUT_S)
        variables = default_variables(self.settings, self.env)
        import_variables(client, variables, self.airflow.folder / "variables.json")
        add_spark_connection(client, self.settings.PLAYGROUND_SPARK_MASTER)
        self._start_jobs(client)
        self._wait_for("Airflow", client.is_healthy, AIRFLOW_START_TIMEOUT_S)

    def _start_jobs(self, client: AirflowClient) -> None:
        """Trigger ingestion alone: on two cores, two drivers that start together each take twice as long."""
        is_held = held_because(Layout(Path(self.jobs.OUTPUT_BASE_PATH))) is not None
        for job in JOBS:
            for dag in (job, watch_dag(job)):
                self._wait_for(f"the DAG {dag}", lambda dag=dag: self._has_dag(client, dag), DAG_TIMEOUT_S)  # type: ignore[misc]
            start_job(client, job, trigger_now=job == FIRST_JOB and not is_held)
        say(f"The DAGs {' and '.join(JOBS)} are started, or adopt the drivers that run.")

    def _start_airflow(self) -> None:
        if closed := self.airflow.close_old_runs(utc_now()):
            say(f"{closed} runs that an earlier playground left active are marked as failed.")
        say(f"Starting Airflow on {self.airflow.url} ...")
        self.services = self.airflow.start_components(self.env)

    def start_generator(self) -> Service:
        folder = self.settings.folder("generator")
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "playground.generator", "--bootstrap-servers", self.broker.bootstrap_servers]
        command += ["--seed", str(self.settings.PLAYGROUND_SEED), "--speed", self.settings.PLAYGROUND_SPEED]
        command += ["--history-days", str(self.settings.PLAYGROUND_HISTORY_DAYS)]
        command += ["--state", str(folder / "state.json")]
        return start_service("generator", command, self.env, folder / "generator.log")

    def _has_dag(self, client: AirflowClient, dag_id: str) -> bool:
        errors = client.import_errors()
        if errors:
            raise AirflowError("Airflow cannot read its DAGs: " + "; ".join(errors))
        return client.has_dag(dag_id)

    def _wait_for(self, what: str, is_there: Callable[[], bool], timeout_s: int) -> None:
        def is_there_and_all_run() -> bool:
            self._check_services()
            return is_there()

        try:
            wait_until(is_there_and_all_run, what, timeout_s, poll_s=0.5)
        except TimeoutError:
            raise AirflowError(
                f"{what} did not come up within {timeout_s} s. See the logs in {self.airflow.log}."
            ) from None

    def _check_services(self) -> None:
        """Raises: AirflowError or BrokerError where a part has ended by itself."""
        for service in [*self.services, *([self.generator] if self.generator else [])]:
            if not service.is_running:
                raise AirflowError(
                    f"{service.name} ended by itself with exit code {service.process.returncode}. "
                    f"Its last lines are in {service.log}; then `make run` again: all data are kept."
                )
        if not self.broker.is_running:
            raise BrokerError(f"the broker ended by itself. See {self.broker.log}; then `make run` again.")

    def print_overview(self) -> None:
        trips = f"{self.jobs.OUTPUT_BASE_PATH}/bike_trips/**/*.parquet"
        topics = ", ".join(self.jobs.topic(feed) for feed in FEEDS)
        say(f"""
  Airflow    {self.airflow.url}   user {USER}   password {self.airflow.password}
             the DAGs {" and ".join(JOBS)} run the jobs, watch_... keep them running; Docs is each one's runbook
  Streams    {self.airflow.url}/plugin/streams   what flows, and what needs a person
  Kafka      {self.broker.bootstrap_servers}   topics {topics}
  Parquet    {self.jobs.OUTPUT_BASE_PATH}/<feed>/year=/month=/date=/hour=/
  Read it    in DuckDB: FROM '{trips}' LIMIT 10;
  Logs       {self.settings.PLAYGROUND_HOME}/{{airflow,broker,generator}}
  Stop       Ctrl-C ends everything; the data are kept and the next `make run` resumes
""")

    def show_progress(self, started_s: float) -> None:
        """Print rows and job states until a part ends or Ctrl-C."""
        printed_s = float("-inf")
        stale_after = self.jobs.HEARTBEAT_STALE_AFTER + timedelta(seconds=1)
        rows_before = sum(self.progress.rows().values())
        rows_seen = False
        with console.status("waiting for the first rows") if console.is_terminal else nullcontext() as status:
            while True:
                self._check_services()
                rows, now = self.progress.rows(), utc_now()
                if not rows_seen and sum(rows.values()) > rows_before:
                    rows_seen = True
                    took_s = time.monotonic() - started_s
                    say(f"{'New' if rows_before else 'First'} rows are readable, {took_s:.0f} s after the start.")
                jobs = [self.progress.job(job, now, stale_after) for job in JOBS]
                line = progress_line(rows, self.progress.refused_today(now, stale_after), jobs, now)
                if status is not None:
                    status.update(Text(line))
                elif time.monotonic() - printed_s >= PROGRESS_TO_FILE_EVERY_S:
                    say(line)
                    printed_s = time.monotonic()
                time.sleep(PROGRESS_EVERY_S if rows_seen else 1.0)

    def stop(self) -> None:
        """Stop what would restart the jobs, then the jobs, then generator and broker."""
        say("Stopping Airflow ...")
        by_name = {service.name: service for service in self.services}
        # The API server last: the others report to it.
        for name in ("airflow scheduler", "airflow triggerer", "airflow dag-processor", "airflow api-server"):
            if name in by_name:
                end_service(by_name[name], AIRFLOW_STOP_TIMEOUT_S)
        say("Stopping: the jobs finish their batches ...")
        drivers = [p for p in marked_processes(self.mark) if is_driver(command_line(p))]
        end_processes(drivers, JOB_STOP_TIMEOUT_S)
        say("Stopping generator and broker ...")
        if self.generator:
            end_service(self.generator, GENERATOR_STOP_TIMEOUT_S)
        self.broker.stop()
        left = end_processes(list(marked_processes(self.mark)), patience_s=5)
        say(
            "Everything has ended." if not left else f"Everything has ended; {left} left-over processes were ended too."
        )


def is_driver(command: list[str]) -> bool:
    """Whether this is the Python process of a job (not its JVM, which ends with it)."""
    return bool(command) and "python" in Path(command[0]).name and _names_a_job(command)


def _names_a_job(command: list[str]) -> bool:
    return any(
        part.endswith(f"spark_jobs/{job}_job.py") or part == f"spark_jobs.{job}_job" for part in command for job in JOBS
    )
