"""A real standalone cluster on 127.0.0.1: a master and workers of the installed PySpark, each a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyspark

from playground.run.ports import HOST, free_port
from playground.run.settings import CHECKOUT
from playground.run.waiting import wait_until

_DEPLOY = "org.apache.spark.deploy"
_START_TIMEOUT_S = 120
# Daemons that do nothing but keep count.
_DAEMON_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


class Cluster:
    """The processes, and what the master knows. `workers`: each leads a process group with its executors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port, self._ui_port = free_port(), free_port()
        listen = ["--host", HOST, "--port", str(self._port), "--webui-port", str(self._ui_port)]
        self._master = self._start("master", f"{_DEPLOY}.master.Master", *listen)
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"spark://{HOST}:{self._port}"

    def add_worker(self) -> None:
        """Start one more, with room for an executor of each job."""
        name = f"worker-{len(self.workers)}"
        size = ["--cores", "2", "--memory", "2g", "--work-dir", str(self.folder / name)]
        listen = ["--host", HOST, "--webui-port", "0"]
        self.workers.append(self._start(name, f"{_DEPLOY}.worker.Worker", *listen, *size, self.url))

    def state(self) -> Mapping[str, Any]:
        """Return the master's own JSON; empty before it answers."""
        try:
            with urlopen(f"http://{HOST}:{self._ui_port}/json/", timeout=30) as answer:
                return dict(json.load(answer))
        except OSError:
            return {}

    def living_workers(self) -> int:
        """Count those that the master can use."""
        return int(self.state().get("aliveworkers", 0))

    def cores_by_job(self) -> dict[str, int]:
        """Return job -> cores that it has, of every application that runs."""
        return {app["name"].rpartition(" - ")[2]: app["cores"] for app in self.state().get("activeapps", ())}

    def end(self) -> None:
        for process in (*self.workers, self._master):
            kill_with_executors(process)

    def _start(self, name: str, main: str, *arguments: str) -> subprocess.Popen[bytes]:
        spark_home = Path(pyspark.__file__).parent
        env = {
            **os.environ,
            "SPARK_HOME": str(spark_home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": _DAEMON_OPTIONS,
            "PYSPARK_PYTHON": sys.executable,
        }
        with (self.folder / f"{name}.log").open("wb") as output:
            return subprocess.Popen(
                [str(spark_home / "bin" / "spark-class"), main, *arguments],
                cwd=CHECKOUT,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def kill_with_executors(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a worker and of all that it started, as when its machine goes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


@contextmanager
def standalone_cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Its workers have registered; nothing is left afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder)
    try:
        wait_until(cluster.state, "the master answers", _START_TIMEOUT_S)
        for _ in range(workers):
            cluster.add_worker()
        wait_until(lambda: cluster.living_workers() == workers, "the workers register", _START_TIMEOUT_S)
        yield cluster
    finally:
        cluster.end()
