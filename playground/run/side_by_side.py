"""One run in a folder, on ports that nobody else has, without what an earlier one left behind."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playground import PlaygroundError
from playground.run.console import say
from playground.run.ports import HOST, is_taken, next_free_port, port_owner
from playground.run.processes import end_processes, marked_processes
from playground.run.settings import PlaygroundSettings, PlaygroundSettingsError, playground_settings


class AlreadyRunning(PlaygroundError):
    """Another `make run` uses this folder."""


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
