"""`make run`: broker, simulated feeds, Airflow and the jobs until Ctrl-C; the next start resumes from the data."""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import typer
from rich.console import Console
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
from playground.run.ports import HOST, is_taken, next_free_port, port_owner
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
    PlaygroundSettingsError,
    job_environment,
    merged_environment,
    of_a_plain_broker,
    playground_settings,
)
from playground.run.waiting import wait_until
from playground.setup.class_archive import with_archive
from playground.setup.fetch import FetchFailed
from playground.setup.java import JavaMissing
from spark_jobs.catalog import FEEDS
from spark_jobs.documents.desired_state import held_because
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings, SettingsError, settings_from

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

console = Console(highlight=False, soft_wrap=True)


class AlreadyRunning(RuntimeError):
    """Another `make run` uses this folder."""


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
                line = progress_line(rows, self.progress.refused(), jobs, now)
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


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Lock the folder for this process. Raises: AlreadyRunning with the pid that holds it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise AlreadyRunning(
                f"`make run` is already running in {home} (pid {held.read().strip()}). Use that one or end it with "
                "Ctrl-C; for a second one side by side set PLAYGROUND_HOME to another folder."
            ) from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield


def with_free_ports(settings: PlaygroundSettings, env: Mapping[str, str]) -> PlaygroundSettings:
    """Replace a default port that is taken by the next free one. Raises: PlaygroundSettingsError for a chosen one."""
    moved: dict[str, str] = {}
    for name in ("PLAYGROUND_KAFKA_PORT", "AIRFLOW_PORT"):
        port = getattr(settings, name)
        if not is_taken(port):
            continue
        if env.get(name, "").strip():
            raise PlaygroundSettingsError(
                f"{name} is {port}, and that port of {HOST} is already in use{port_owner(port)}. "
                f"Stop that program, or set {name} to another port (environment or .env)."
            )
        moved[name] = str(next_free_port(port))
        say(f"Port {port} is in use{port_owner(port)}: {name} is {moved[name]} this time.")
    return playground_settings({**env, **moved})


def end_leftovers(mark: str) -> None:
    """End the processes that a killed launcher left behind: they hold ports and locks."""
    left = list(marked_processes(mark))
    if left:
        say(f"Ending {len(left)} processes that an earlier run left behind ...")
        end_processes(left, patience_s=10)


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt on the first SIGINT, SIGTERM or SIGHUP; ignore further ones while stopping."""

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def say(text: str) -> None:
    console.print(text, markup=False)


def main() -> None:
    """Start broker, simulated feeds, Airflow and the jobs; show progress; Ctrl-C ends everything and keeps the data."""
    started_s = time.monotonic()
    interrupt_on_signals()
    try:
        with ExitStack() as stack:
            env = of_a_plain_broker(merged_environment())
            settings = playground_settings(env)
            stack.enter_context(exclusive(settings.PLAYGROUND_HOME))
            end_leftovers(str(settings.PLAYGROUND_HOME))
            playground = Playground(with_free_ports(settings, env), env)
            stack.callback(playground.stop)
            playground.start()
            playground.print_overview()
            playground.show_progress(started_s)
    except KeyboardInterrupt:
        return
    except (
        AirflowError,
        AlreadyRunning,
        BrokerError,
        FetchFailed,
        JavaMissing,
        PlaygroundSettingsError,
        SettingsError,
    ) as failed:
        sys.exit(str(failed))


if __name__ == "__main__":
    typer.run(main)
