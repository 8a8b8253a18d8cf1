"""The real job as a process that tests start, watch, stop and kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from bench.publications import ingested
from playground.run.settings import CHECKOUT
from playground.setup.by_hand import JARS, ready_to_run
from spark_jobs.paths import Layout


@dataclass
class Place:
    """One set of paths and one broker: what two drivers of a test share."""

    folder: Path
    bootstrap_servers: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        return self.folder / "out"

    @property
    def layout(self) -> Layout:
        return Layout(self.output)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMS_", "KAFKA_"))}
        return {
            **ready_to_run(kept),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "OUTPUT_BASE_PATH": str(self.output),
            "CHECKPOINT_BASE_PATH": str(self.checkpoints),
            "BATCH_INTERVAL": "1 second",
            "HEARTBEAT_INTERVAL": "1 second",
            "HEARTBEAT_STALE_AFTER": "4 seconds",
            **self.settings,
        }


class Driver:
    """One started job. Its output goes to a file that failures quote."""

    def __init__(
        self,
        place: Place,
        pause_at: str | None = None,
        module: str = "spark_jobs.ingestion_job",
        is_submitted: bool = False,
        arguments: Sequence[str] = (),
    ) -> None:
        self.place = place
        place.folder.mkdir(parents=True, exist_ok=True)
        number = len(list(place.folder.glob("driver-*.log")))
        self.output = place.folder / f"driver-{number}.log"
        self.pause_file = place.folder / f"paused-{number}"
        env = place.environment()
        if pause_at:
            env |= {"STREAMS_PAUSE_AT": pause_at, "STREAMS_PAUSE_FILE": str(self.pause_file)}
        if is_submitted:
            env |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
        job = spark_submit(module) if is_submitted else [sys.executable, "-m", module]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*job, *arguments],
                cwd=CHECKOUT,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._jvm: psutil.Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float = 300) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if self.process.poll() is not None and not condition():
                raise AssertionError(f"the job ended with {self.process.returncode} before {what}:\n{self.said()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not happen within {timeout_s} s:\n{self.said()}\n{self.status()}")
            time.sleep(0.3)  # a look reads logs, and takes from the job what it costs

    def wait_until_paused(self) -> None:
        self.wait_until(self.pause_file.exists, "the driver pauses")

    def wait_until_all_is_read(self, ends: Mapping[str, Mapping[str, int]], timeout_s: float = 400) -> None:
        """`ends`: topic -> partition -> end offset, the position each feed's log must reach and have applied."""
        self.wait_until_it_runs()
        self.wait_until(lambda: ingested(self.place.layout) == ends, "everything is read", timeout_s)

    def wait_until_it_runs(self) -> None:
        """An earlier driver may have left nothing to do; one that has not begun yet cannot be asked to stop."""
        self.wait_until(self.is_running, "it runs")

    def is_running(self) -> bool:
        """Whether the status document is this driver's and says so."""
        status = self.status()
        pids = [process["pid"] for process in status.get("processes", [])]
        return status.get("state") == "running" and self.process.pid in pids

    def status(self) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads((self.place.output / "_control" / "status.json").read_text())
        except FileNotFoundError:
            return {}
        return document

    def stream(self, name: str) -> dict[str, Any]:
        """What the status document says of one stream; empty before it says anything."""
        streams: list[dict[str, Any]] = self.status().get("streams", [])
        return next((stream for stream in streams if stream["name"] == name), {})

    def processes(self) -> dict[str, psutil.Process]:
        """python and jvm, as the status document names them: with spark-submit, Python is the JVM's child."""
        return {process["role"]: psutil.Process(process["pid"]) for process in self.status()["processes"]}

    def jvm(self) -> psutil.Process:
        if self._jvm is None:
            children = psutil.Process(self.process.pid).children(recursive=True)
            self._jvm = next(child for child in children if child.name() == "java")
        return self._jvm

    def kill(self, what: str) -> None:
        """kill -9 of the Python driver, of its JVM, or of both."""
        jvm = self.jvm()
        if what in ("python", "both"):
            self.process.kill()
        if what in ("jvm", "both"):
            jvm.kill()
        self.process.wait(60)
        psutil.wait_procs([jvm], timeout=60)
        assert not jvm.is_running(), "the JVM outlived its driver"

    def pause_processes(self) -> None:
        for process in (self.jvm(), psutil.Process(self.process.pid)):
            process.send_signal(signal.SIGSTOP)

    def wake_processes(self) -> None:
        for process in (psutil.Process(self.process.pid), self.jvm()):
            process.send_signal(signal.SIGCONT)

    def stop(self, timeout_s: float = 180) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process.poll() is None:
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        with suppress(ProcessLookupError):  # one half of a job may have outlived the other
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)


def spark_submit(module: str) -> list[str]:
    """The same job as Airflow starts it."""
    jars = ",".join(str(jar) for jar in sorted(JARS.glob("*.jar")))
    job = CHECKOUT / f"{module.replace('.', '/')}.py"
    return [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[2]", "--jars", jars, str(job)]
