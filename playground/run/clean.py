"""`make clean`: end a running playground and remove what it wrote; the jars are kept, as they never change."""

import shutil
import sys
from pathlib import Path

import psutil
import typer

from playground import PlaygroundError
from playground.run.processes import command_line, end_processes, marked_processes
from playground.run.settings import playground_settings

# Only what the playground makes: PLAYGROUND_HOME may be any folder.
WRITTEN = ("airflow", "broker", "data", "generator", "spark")
LAUNCHER_STOP_TIMEOUT_S = 120


def main() -> None:
    """End a running playground and remove its data, Airflow and logs."""
    try:
        home = playground_settings().PLAYGROUND_HOME
    except PlaygroundError as wrong:
        sys.exit(str(wrong))
    end_launcher(home / "run.lock")
    end_processes(list(marked_processes(str(home))), patience_s=10)
    for name in WRITTEN:
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "run.lock").unlink(missing_ok=True)
    for folder in (home / "jars", home):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def end_launcher(lock: Path) -> None:
    """Send SIGTERM to a running `make run`, which stops its parts in order."""
    text = lock.read_text().strip() if lock.is_file() else ""
    if not text.isdigit() or not psutil.pid_exists(int(text)):
        return
    launcher = psutil.Process(int(text))
    # Pids are reused: end it only if it is a launcher.
    if "playground.run" in command_line(launcher):
        print("Ending the running playground first ...", flush=True)
        end_processes([launcher], LAUNCHER_STOP_TIMEOUT_S)


if __name__ == "__main__":
    typer.run(main)
