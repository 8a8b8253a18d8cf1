"""`make memory`: memory of each part of a running playground, as PSS (shared pages counted once in all)."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import psutil
import typer
from rich.console import Console
from rich.table import Table

from playground.run.processes import command_line, marked_processes
from playground.run.settings import playground_settings

MIB = 1024 * 1024
# The first word found in a command line names the part; jobs before Airflow, whose tasks name them too.
PARTS = {
    "ingestion_job": "ingestion job",
    "analytics_job": "analytics job",
    "kafka.Kafka": "broker",
    "playground.generator": "generator",
    "playground.run": "launcher",
    "api-server": "airflow api-server",
    "api_server": "airflow api-server",
    "LocalExecutor": "airflow tasks",
    "supervisor": "airflow tasks",
    "scheduler": "airflow scheduler",
    "dag-processor": "airflow dag-processor",
    "dag_processor": "airflow dag-processor",
    "triggerer": "airflow triggerer",
}


def part_of(command: str) -> str | None:
    return next((part for word, part in PARTS.items() if word in command), None)


def part_of_process(process: psutil.Process) -> str:
    """Name the part by the process's command line, else by the nearest ancestor's (forked workers)."""
    try:
        family = [process, *process.parents()]
    except psutil.Error:
        family = [process]
    parts = (part_of(" ".join(command_line(member))) for member in family)
    return next((part for part in parts if part), "other")


def pss_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except (psutil.Error, OSError):
        return 0
    return int(getattr(memory, "pss", memory.uss))


def pss_by_part(processes: Iterable[psutil.Process]) -> Counter[str]:
    pss: Counter[str] = Counter()
    for process in processes:
        pss[part_of_process(process)] += pss_bytes(process)
    return pss


def running_processes(home: str) -> list[psutil.Process]:
    """Return all processes that `make run` started, and its own."""
    marked = {process.pid: process for process in marked_processes(home)}
    for process in list(marked.values()):
        with suppress(psutil.Error):  # it may end meanwhile
            for parent in process.parents():
                if part_of(" ".join(command_line(parent))) == "launcher" and "python" in parent.name():
                    marked[parent.pid] = parent
    return list(marked.values())


def main() -> None:
    """Print the memory (PSS) of each part of the running playground."""
    pss = pss_by_part(running_processes(str(playground_settings().PLAYGROUND_HOME)))
    table = Table("part", "MiB")
    for part, size in pss.most_common():
        table.add_row(part, f"{size / MIB:,.0f}")
    table.add_section()
    table.add_row("all", f"{pss.total() / MIB:,.0f}")
    Console().print(table if pss else "Nothing is running: start it with `make run`.")


if __name__ == "__main__":
    typer.run(main)
