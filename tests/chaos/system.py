"""A whole playground to be mistreated: its own folder on a small disk, real broker, real Airflow, both real jobs."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from playground.run.__main__ import Playground
from playground.run.ports import free_port
from playground.run.processes import Service, command_line, end_processes, end_service, marked_processes
from playground.run.settings import CHECKOUT, job_environment, merged_environment, playground_settings
from playground.setup.by_hand import HOME
from spark_jobs.documents import watch_memory
from spark_jobs.documents.status import Status, read_status
from spark_jobs.paths import Layout
from tests.chaos.watching import JOBS, Watching
from tests.flow.airflow_place import AirflowUser

DISK = "1g"
"""of the data: small enough to be filled in a second"""
ORDINARY_SPEED = 60


class SystemUnderTest:
    """One playground and what faults do to it."""

    def __init__(self, home: Path, speed: int = ORDINARY_SPEED) -> None:
        self.home = home
        self.env = merged_environment() | {
            "PLAYGROUND_HOME": str(home),
            "PLAYGROUND_KAFKA_PORT": str(free_port()),
            "AIRFLOW_PORT": str(free_port()),
            "PLAYGROUND_SPEED": str(speed),
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
        self.watching = Watching(self.playground.mark, self.roots)

    @property
    def airflow(self) -> AirflowUser:
        return AirflowUser(self.playground.airflow)

    def status(self, job: str) -> Status | None:
        return read_status(Layout(self.roots[job]))

    def open_incidents(self, job: str) -> list[str]:
        """What the watch has told people of and not yet called over; each stays for a minute at least."""
        return [incident.sentence for incident in watch_memory.read_memory(Layout(self.roots[job])).incidents.values()]

    def processes(self, job: str) -> dict[str, psutil.Process]:
        """role -> process, of the driver that writes the heartbeat."""
        status = self.status(job)
        assert status is not None, f"{job} has no status"
        return {process.role: psutil.Process(process.pid) for process in status.driver.processes}

    def submitted(self, job: str) -> list[psutil.Process]:
        """spark-submit's own processes, JVM and driver of the job, its start included."""
        script = f"{job}_job.py"
        marked = marked_processes(self.playground.mark)
        return [process for process in marked if any(part.endswith(script) for part in command_line(process))]

    def launching_task(self, job: str) -> psutil.Process | None:
        """The task's process that has just started the job's spark-submit, while it waits for a sign of life."""
        for process in self.submitted(job):
            with suppress(psutil.NoSuchProcess):
                parent = process.parent()
                if parent is not None and " ".join(command_line(parent)).startswith("airflow worker"):
                    return parent
        return None

    def parts_of(self, job: str) -> list[psutil.Process]:
        """What there is to kill of a job at any moment: the task that launches it, and all that it submitted."""
        task = self.launching_task(job)
        return [*([] if task is None else [task]), *self.submitted(job)]

    def kill(self, job: str, role: str) -> None:
        """kill -9 of the Python driver, its JVM, or (role `group`) of the whole process group."""
        processes = self.processes(job)
        if role == "group":
            os.killpg(os.getpgid(processes["python"].pid), signal.SIGKILL)
        else:
            processes[role].kill()

    def signal_driver(self, job: str, number: signal.Signals) -> list[psutil.Process]:
        """The signal to both halves; the processes that got it."""
        processes = list(self.processes(job).values())
        for process in processes:
            process.send_signal(number)
        return processes

    def component(self, name: str) -> Service:
        return next(service for service in self.playground.services if service.name == f"airflow {name}")

    def kill_component(self, name: str) -> None:
        """kill -9 of an Airflow component and of its own children; drivers live in sessions of their own."""
        process = self.component(name).process
        children = psutil.Process(process.pid).children(recursive=True)
        session = os.getsid(process.pid)
        process.kill()
        process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                if os.getsid(child.pid) == session:
                    child.kill()

    def stop_component(self, name: str, at_most_s: float) -> float:
        """SIGTERM, and how long it took to end."""
        service, began = self.component(name), time.monotonic()
        end_service(service, at_most_s)
        return time.monotonic() - began

    def restart_component(self, name: str) -> None:
        services = self.playground.services
        services.remove(self.component(name))
        services.append(self.playground.airflow.start_component(name, self.playground.env))

    def set_variable(self, name: str, value: str) -> None:
        self.airflow.set_variables({name: value})

    def start_by_hand(self, job: str) -> None:
        """A second driver beside the one that runs, as a mistaken person starts it."""
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

    def die(self) -> None:
        """As a power cut does it: everything at once."""
        for process in marked_processes(self.playground.mark):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.playground.broker.kill()
        for service in self.playground.services:
            service.process.wait()

    def come_back(self) -> None:
        """As `make run` does it after such a night."""
        end_processes(list(marked_processes(self.playground.mark)), patience_s=5)
        self.playground = Playground(playground_settings(self.env), self.env)
        self.playground.start()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Not a byte is free below the data while the block runs."""
        filler = self.home / "data" / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * 65536):
                pass
        try:
            yield
        finally:
            filler.unlink()


@contextmanager
def town(home: Path, speed: int = ORDINARY_SPEED) -> Iterator[SystemUnderTest]:
    """A running playground whose data lie on a disk of their own, ended and unmounted afterwards. Needs root."""
    data = home / "data"
    data.mkdir(parents=True)
    (home / "jars").symlink_to(HOME / "jars")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(data)], check=True)
    try:
        made = SystemUnderTest(home, speed)
        try:
            made.playground.start()
            for job in JOBS:
                made.watching.wait_for(job, lambda seen: seen.batch > 0, "the first batch", 300)
            yield made
        finally:
            made.playground.stop()
            made.watching.close()
    finally:
        subprocess.run(["umount", str(data)], check=True)
