"""A whole playground that faults are injected into: on a small disk, with real broker, Airflow and jobs."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

from playground.run.playground import Playground
from playground.run.ports import free_port
from playground.run.processes import Service, command_line, end_processes, end_service, marked_processes
from playground.run.settings import CHECKOUT, job_environment, merged_environment, playground_settings
from playground.setup.by_hand import HOME
from spark_jobs.documents import watch_memory
from spark_jobs.documents.status import Status, read_status
from spark_jobs.paths import Layout
from tests.chaos.clock import ShiftedClock
from tests.chaos.observer import JOBS, Observer
from tests.flow.airflow_place import AirflowUser

DISK = "1g"
"""of the data; small enough to fill in a second"""
DEFAULT_SPEED = 60


class SystemUnderTest:
    """One playground, and what the faults do to it."""

    def __init__(self, home: Path, speed: int = DEFAULT_SPEED) -> None:
        self.home = home
        self.clock = ShiftedClock(home)
        self.env = merged_environment() | {
            **self.clock.environment,
            "PLAYGROUND_HOME": str(home),
            "PLAYGROUND_KAFKA_PORT": str(free_port()),
            "AIRFLOW_PORT": str(free_port()),
            "PLAYGROUND_SPEED": str(speed),
            "PLAYGROUND_HISTORY_DAYS": "0",
            "INGESTION_UI_PORT": "0",
            "ANALYTICS_UI_PORT": "0",
        }
        self.playground = Playground(playground_settings(self.env), self.env)
        jobs = self.playground.jobs
        self.roots = {"ingestion": Path(jobs.OUTPUT_BASE_PATH), "analytics": Path(jobs.ANALYTICS_OUTPUT_PATH)}
        self.checkpoints = {
            "ingestion": Path(jobs.CHECKPOINT_BASE_PATH),
            "analytics": Path(jobs.ANALYTICS_CHECKPOINT_PATH),
        }
        self.observer = Observer(self.playground.mark, self.roots)

    @property
    def airflow(self) -> AirflowUser:
        return AirflowUser(self.playground.airflow)

    def status(self, job: str) -> Status | None:
        return read_status(Layout(self.roots[job]))

    def open_incidents(self, job: str) -> list[str]:
        """Return the messages of the incidents that the watch has open; each is open for at least a minute."""
        return [incident.sentence for incident in watch_memory.read_memory(Layout(self.roots[job])).incidents.values()]

    def processes(self, job: str) -> dict[str, psutil.Process]:
        """Return role -> process of the driver that writes the heartbeat."""
        status = self.status(job)
        assert status is not None, f"{job} has no status"
        return {process.role: psutil.Process(process.pid) for process in status.driver.processes}

    def submitted(self, job: str) -> list[psutil.Process]:
        """Return spark-submit, JVM and Python driver of the job, while it starts too."""
        script = f"{job}_job.py"
        marked = marked_processes(self.playground.mark)
        return [process for process in marked if any(part.endswith(script) for part in command_line(process))]

    def launching_task(self, job: str) -> psutil.Process | None:
        """Return the Airflow task that has started the job's spark-submit and waits for its first heartbeat."""
        for process in self.submitted(job):
            with suppress(psutil.NoSuchProcess):
                parent = process.parent()
                if parent is not None and " ".join(command_line(parent)).startswith("airflow worker"):
                    return parent
        return None

    def parts_of(self, job: str) -> list[psutil.Process]:
        """Return all that can be killed of a job: the task that launches it, and what it submitted."""
        task = self.launching_task(job)
        return [*([] if task is None else [task]), *self.submitted(job)]

    def kill(self, job: str, role: str) -> None:
        """Send SIGKILL to the Python driver, its JVM, or (role `group`) the whole process group."""
        processes = self.processes(job)
        if role == "group":
            os.killpg(os.getpgid(processes["python"].pid), signal.SIGKILL)
        else:
            processes[role].kill()

    def python_workers(self, job: str) -> list[psutil.Process]:
        """Return the Python workers of the job's tasks, and the daemon that forks them."""
        below = self.processes(job)["jvm"].children(recursive=True)
        return [process for process in below if any("worker_daemon" in part for part in command_line(process))]

    def component(self, name: str) -> Service:
        return next(service for service in self.playground.services if service.name == f"airflow {name}")

    def kill_component(self, name: str) -> None:
        """Send SIGKILL to an Airflow component and its children, not to drivers, which have sessions of their own."""
        process = self.component(name).process
        children = psutil.Process(process.pid).children(recursive=True)
        session = os.getsid(process.pid)
        process.kill()
        process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                if os.getsid(child.pid) == session:
                    child.kill()

    def stop_component(self, name: str, timeout_s: float) -> float:
        """Send SIGTERM; return the seconds until it ended."""
        service, began = self.component(name), time.monotonic()
        end_service(service, timeout_s)
        return time.monotonic() - began

    def restart_component(self, name: str) -> None:
        services = self.playground.services
        services.remove(self.component(name))
        services.append(self.playground.airflow.start_component(name, self.playground.env))

    def set_variable(self, name: str, value: str) -> None:
        self.airflow.set_variables({name: value})

    @contextmanager
    def variables_unreadable(self) -> Iterator[None]:
        """Rename the table of the Variables until the end of the block."""
        self._in_airflows_database("ALTER TABLE variable RENAME TO variable_away")
        try:
            yield
        finally:
            self._in_airflows_database("ALTER TABLE variable_away RENAME TO variable")

    def _in_airflows_database(self, statement: str) -> None:
        with closing(sqlite3.connect(self.playground.airflow.database, timeout=60)) as database, database:
            database.execute(statement)

    def start_by_hand(self, job: str) -> None:
        """Start a second driver beside the running one, as a user may by mistake."""
        env = self.playground.env | job_environment(self.playground.settings) | {"PYTHONPATH": str(CHECKOUT)}
        python = str(CHECKOUT / ".venv" / "spark" / "bin" / "python")
        with (self.home / f"{job}-by-hand.log").open("ab") as output:
            subprocess.Popen(
                [python, "-m", f"spark_jobs.{job}_job", "--follow-switches"],
                cwd=CHECKOUT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop_feeds(self) -> None:
        generator = self.playground.generator
        assert generator is not None
        end_service(generator, 15)

    def start_feeds(self) -> None:
        self.playground.generator = self.playground.start_generator()

    def kill_everything(self) -> None:
        """Send SIGKILL to all processes at once, as in a power cut."""
        for process in marked_processes(self.playground.mark):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.playground.broker.kill()
        for service in self.playground.services:
            service.process.wait()

    def start_again(self) -> None:
        """Start the playground as `make run` does after a power cut."""
        end_processes(list(marked_processes(self.playground.mark)), patience_s=5)
        self.playground = Playground(playground_settings(self.env), self.env)
        self.playground.start()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Fill the disk of the data until the end of the block."""
        filler = self.home / "data" / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * 65536):
                pass
        try:
            yield
        finally:
            filler.unlink()


@contextmanager
def system_under_test(home: Path, speed: int = DEFAULT_SPEED) -> Iterator[SystemUnderTest]:
    """Run a playground with its data on a disk of their own until the end of the block. Needs root."""
    data = home / "data"
    data.mkdir(parents=True)
    (home / "jars").symlink_to(HOME / "jars")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(data)], check=True)
    try:
        system = SystemUnderTest(home, speed)
        try:
            system.playground.start()
            for job in JOBS:
                system.observer.wait_for(job, lambda sample: sample.batch > 0, "the first batch", 300)
            yield system
        finally:
            system.playground.stop()
            system.observer.close()
    finally:
        subprocess.run(["umount", str(data)], check=True)
