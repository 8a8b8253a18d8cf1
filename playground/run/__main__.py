"""`make run`: broker, made-up feeds, Airflow and the jobs until Ctrl-C; the next start carries on from the data."""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from playground.airflow.client import AirflowClient
from playground.airflow.database import (
    JOBS,
    add_spark_connection,
    default_variables,
    import_variables,
    jobs_here,
    start_job,
    watch_of,
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
from playground.run.progress import Life, life_line, utc_now
from playground.run.settings import (
    PlaygroundSettings,
    PlaygroundSettingsError,
    job_environment,
    merged_environment,
    playground_settings,
)
from playground.setup.class_archive import with_archive
from playground.setup.fetch import FetchFailed
from playground.setup.java import JavaMissing
from spark_jobs.catalog import FEEDS
from spark_jobs.documents.desired_state import held_because
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings, SettingsError, settings_from

AIRFLOW_START_TIMEOUT_S = 180
DAG_TIMEOUT_S = 120
# The job finishes its batch on SIGTERM; it is crash-safe, so a longer wait buys nothing.
JOB_PATIENCE_S = 40
# With its tasks gone the scheduler ends within 20 s.
AIRFLOW_PATIENCE_S = 25
GENERATOR_PATIENCE_S = 15
FIRST_JOB = "ingestion"
LIFE_LINE_S = 5.0
LIFE_LINE_TO_A_FILE_S = 15.0

console = Console(highlight=False, soft_wrap=True)


class AlreadyRunning(RuntimeError):
    """Another `make run` has this folder."""


class Playground:
    """All parts of one `make run`, started and ended in order."""

    def __init__(self, settings: PlaygroundSettings, env: Mapping[str, str]) -> None:
        self.settings = settings
        self.mark = str(settings.PLAYGROUND_HOME)
        # SPT_NOENV: Airflow renames its processes, and would write over the environment that carries the mark.
        own = {MARK: self.mark, "SPT_NOENV": "1", "SPARK_LOCAL_DIRS": str(settings.folder("spark"))}
        self.env = with_archive(settings.PLAYGROUND_HOME, {**env, **own})
        self.jobs: Settings = settings_from({**env, **job_environment(settings)})
        self.broker: Broker = broker_of(settings)
        self.airflow: AirflowHome = airflow_home_of(settings, settings.AIRFLOW_PORT)
        self.services: list[Service] = []
        self.generator: Service | None = None
        self.life = Life(Layout(Path(self.jobs.OUTPUT_BASE_PATH)), Layout(Path(self.jobs.ANALYTICS_OUTPUT_PATH)))

    def start(self) -> None:
        self.airflow.write_configuration()
        migration = self.airflow.start_migration(self.env)
        # Airflow takes longest to come up: it does so beside the broker unless its database has to be made first.
        if migration is None:
            self._start_airflow()
        # The broker's process gets the mark through our environment.
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
        """The first rows first: with two cores, two drivers that start at once take twice as long, each of them."""
        is_held = held_because(Layout(Path(self.jobs.OUTPUT_BASE_PATH))) is not None
        for job in jobs_here():
            for dag in (job, watch_of(job)):
                self._wait_for(f"the DAG {dag}", lambda dag=dag: self._has_dag(client, dag), DAG_TIMEOUT_S)  # type: ignore[misc]
            start_job(client, job, at_once=job == FIRST_JOB and not is_held)
        say(f"The DAGs {' and '.join(jobs_here())} are started, or adopt what runs.")

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
        command += ["--state", str(folder / "state.json")]
        return start_service("generator", command, self.env, folder / "generator.log")

    def _has_dag(self, client: AirflowClient, dag_id: str) -> bool:
        errors = client.import_errors()
        if errors:
            raise AirflowError("Airflow cannot read its DAGs: " + "; ".join(errors))
        return client.has_dag(dag_id)

    def _wait_for(self, what: str, is_there: Callable[[], bool], timeout_s: int) -> None:
        def look() -> bool:
            self._refuse_the_dead()
            return is_there()

        try:
            Retrying(
                stop=stop_after_delay(timeout_s), wait=wait_fixed(0.5), retry=retry_if_result(lambda there: not there)
            )(look)
        except RetryError:
            raise AirflowError(
                f"{what} did not come up within {timeout_s} s. See the logs in {self.airflow.log}."
            ) from None

    def _refuse_the_dead(self) -> None:
        for service in [*self.services, *([self.generator] if self.generator else [])]:
            if not service.is_running:
                raise AirflowError(
                    f"{service.name} ended by itself with exit code {service.process.returncode}. "
                    f"Its last words are in {service.log}; then `make run` again: all data are kept."
                )
        if not self.broker.is_running:
            raise BrokerError(f"the broker ended by itself. See {self.broker.log}; then `make run` again.")

    def introduce(self) -> None:
        trips = f"{self.jobs.OUTPUT_BASE_PATH}/bike_trips/**/*.parquet"
        topics = ", ".join(self.jobs.topic(feed) for feed in FEEDS)
        say(f"""
  Airflow    {self.airflow.url}   user {USER}   password {self.airflow.password}
             the DAGs {" and ".join(jobs_here())} run the jobs, watch_... keep them running; Docs is each one's runbook
  Kafka      {self.broker.bootstrap_servers}   topics {topics}
  Parquet    {self.jobs.OUTPUT_BASE_PATH}/<feed>/year=/month=/date=/hour=/
  Read it    in DuckDB: FROM '{trips}' LIMIT 10;
  Logs       {self.settings.PLAYGROUND_HOME}/{{airflow,broker,generator}}
  Stop       Ctrl-C ends everything; the data are kept and the next `make run` carries on
""")

    def live(self, started_s: float) -> None:
        """Shows life until a part dies or Ctrl-C."""
        told = None
        interval = LIFE_LINE_S if console.is_terminal else LIFE_LINE_TO_A_FILE_S
        stale_after = self.jobs.HEARTBEAT_STALE_AFTER + timedelta(seconds=1)
        rows_before = sum(self.life.rows().values())
        rows_seen = False
        with console.status("waiting for the first rows") if console.is_terminal else nothing() as status:
            while True:
                self._refuse_the_dead()
                rows, now = self.life.rows(), utc_now()
                if not rows_seen and sum(rows.values()) > rows_before:
                    rows_seen = True
                    took_s = time.monotonic() - started_s
                    say(f"{'New' if rows_before else 'First'} rows are readable, {took_s:.0f} s after the start.")
                jobs = [self.life.job(job, now, stale_after) for job in jobs_here()]
                line = life_line(rows, self.life.refused(), jobs, now)
                if status is not None:
                    status.update(Text(line))
                elif told is None or time.monotonic() - told >= interval:
                    say(line)
                    told = time.monotonic()
                time.sleep(LIFE_LINE_S if rows_seen else 1.0)

    def stop(self) -> None:
        """First what would start the jobs again, then the jobs, then what feeds them."""
        say("Stopping Airflow ...")
        by_name = {service.name: service for service in self.services}
        # The API server last: the others report to it.
        for name in ("airflow scheduler", "airflow triggerer", "airflow dag-processor", "airflow api-server"):
            if name in by_name:
                end_service(by_name[name], AIRFLOW_PATIENCE_S)
        say("Stopping: the jobs finish their batches ...")
        drivers = [p for p in marked_processes(self.mark) if is_driver(command_line(p))]
        end_processes(drivers, JOB_PATIENCE_S)
        say("Stopping generator and broker ...")
        if self.generator:
            end_service(self.generator, GENERATOR_PATIENCE_S)
        self.broker.stop()
        left = end_processes(list(marked_processes(self.mark)), patience_s=5)
        say(
            "Everything has ended." if not left else f"Everything has ended; {left} left-over processes were ended too."
        )


def is_driver(command: list[str]) -> bool:
    """The Python process of a job (not the JVM, which ends with it)."""
    return bool(command) and "python" in Path(command[0]).name and _names_a_job(command)


def _names_a_job(command: list[str]) -> bool:
    return any(
        part.endswith(f"spark_jobs/{job}_job.py") or part == f"spark_jobs.{job}_job" for part in command for job in JOBS
    )


@contextmanager
def nothing() -> Iterator[None]:
    yield


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Holds the folder for this process; AlreadyRunning names the one that has it."""
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
    """A default port that is taken becomes the next free one; one that was asked for is refused with a sentence."""
    chosen: dict[str, str] = {}
    for name in ("PLAYGROUND_KAFKA_PORT", "AIRFLOW_PORT"):
        port = getattr(settings, name)
        if not is_taken(port):
            continue
        if env.get(name, "").strip():
            raise PlaygroundSettingsError(
                f"{name} is {port}, and that port of {HOST} is already in use{port_owner(port)}. "
                f"Stop that program, or set {name} to another port (environment or .env)."
            )
        chosen[name] = str(next_free_port(port))
        say(f"Port {port} is in use{port_owner(port)}: {name} is {chosen[name]} this time.")
    return playground_settings({**env, **chosen})


def end_leftovers(mark: str) -> None:
    """What a killed launcher left behind would hold ports and locks."""
    left = list(marked_processes(mark))
    if left:
        say(f"DriverExit {len(left)} processes that an earlier run left behind ...")
        end_processes(left, patience_s=10)


def interrupted_by_signals() -> None:
    """Ctrl-C, SIGTERM and a closed terminal end it in order; any further one is ignored while it does."""

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def say(text: str) -> None:
    console.print(text, markup=False)


def main() -> None:
    """Start broker, made-up feeds, Airflow and the jobs; show life; Ctrl-C ends everything and keeps the data."""
    started_s = time.monotonic()
    interrupted_by_signals()
    try:
        with ExitStack() as stack:
            env = merged_environment()
            settings = playground_settings(env)
            stack.enter_context(only_one(settings.PLAYGROUND_HOME))
            end_leftovers(str(settings.PLAYGROUND_HOME))
            playground = Playground(with_free_ports(settings, env), env)
            stack.callback(playground.stop)
            playground.start()
            playground.introduce()
            playground.live(started_s)
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
