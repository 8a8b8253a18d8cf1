"""Starts a driver that outlives the task: in its own session, its output appended to a file of its own."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from spark_streams.driver_output import is_log_of

_NEEDED = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "JAVA_HOME", "LOG_LEVEL"} | {
    name for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for name in (proxy, proxy.lower())
}
_NEEDED_FAMILIES = ("LC_", "SPARK_", "PYSPARK_", "HADOOP_", "KAFKA_", "JAVA_TOOL_", "STREAMS_PAUSE_")
_NEVER = re.compile("_*(AIRFLOW|VAULT)")
_KEPT_LOGS = 10


@dataclass(frozen=True)
class StartedDriver:
    """The process that was started (spark-submit, which becomes the JVM) and where it and its children write."""

    process: subprocess.Popen[bytes]
    log: Path


def new_log(job: str, folder: Path, now: datetime) -> Path:
    """Name a log file for this start, and remove the job's oldest ones: the folder may have others' files in it."""
    folder.mkdir(parents=True, exist_ok=True)
    started = sorted(path for path in folder.glob(f"{job}-*.log") if is_log_of(job, path.name))
    for old in started[: -(_KEPT_LOGS - 1)]:
        for file in folder.glob(f"{old.name}*"):  # with what the driver moved aside
            file.unlink(missing_ok=True)
    return folder / f"{job}-{now:%Y%m%dT%H%M%S.%f}.log"


def start_driver(command: Sequence[str], env: Mapping[str, str], log: Path) -> StartedDriver:
    """Start the process, which finds its log's path in DRIVER_LOG."""
    # Appending, also after the driver has emptied the file (spark_jobs/runtime/driver_log.py).
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**env, "DRIVER_LOG": str(log)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return StartedDriver(process, log)


def driver_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Keep what a driver needs of Airflow's environment: what else is there, secrets above all, is not its business.

    DRIVER_ENVIRONMENT names more, separated by commas; what belongs to Airflow or to its secrets backend is never
    handed on.
    """
    more = {name.strip() for name in env.get("DRIVER_ENVIRONMENT", "").split(",")}
    return {
        name: value
        for name, value in env.items()
        if (name in _NEEDED or name.startswith(_NEEDED_FAMILIES) or name in more) and not _NEVER.match(name)
    }
