"""What a driver prints, as Airflow's side reads it: its last lines, and what is new while it runs.

The path stands in a document that whoever can write the outputs may change. So it is only believed where it names a log
as `new_log` makes them, in the folder that Airflow's side has chosen.
"""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

_TAIL_BYTES = 16 * 1024
_MOST_LINES = 200
"""of one poll: a driver that prints more is quoted by the end of it"""
_NAME = re.compile(r"-\d{8}T\d{6}\.\d+\.log")


def driver_log(said: str | None, job: str, folder: Path) -> Path | None:
    """Return the driver's log, where the path that was said can be one."""
    path = Path(said or "")
    return path if path.parent == folder and is_log_of(job, path.name) else None


def is_log_of(job: str, name: str) -> bool:
    """Return whether a file has the name of one of this job's logs, as `new_log` makes them."""
    return name.startswith(job) and _NAME.fullmatch(name.removeprefix(job)) is not None


def last_lines(log: Path | None, lines: int = 40) -> str:
    """Read the end of what a driver printed; empty where it cannot be read from here."""
    printed, _ = _read(log, None)
    return "\n".join(printed.decode(errors="replace").splitlines()[-lines:])


class DriverTail:
    """Reads what is new in a driver's log, from its last lines on."""

    def __init__(self) -> None:
        self._log: Path | None = None
        self._at: int | None = None

    def new_lines(self, log: Path | None) -> list[str]:
        """Return what has been printed since the last call, in whole lines."""
        if log != self._log:
            self._log, self._at = log, None
        printed, begins_at = _read(log, self._at)
        whole = printed[: printed.rfind(b"\n") + 1]
        self._at = begins_at + len(whole)
        return whole.decode(errors="replace").splitlines()[-_MOST_LINES:]


def _read(log: Path | None, since: int | None) -> tuple[bytes, int]:
    """Read a log from a place on, or its end; and where that begins. A log that was emptied begins anew."""
    if log is not None:
        with suppress(OSError):
            # A link, a pipe or somebody else's file may stand where the log was.
            descriptor = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                seen = os.fstat(descriptor)
                if stat.S_ISREG(seen.st_mode) and seen.st_uid == os.geteuid():
                    begin = max(0, seen.st_size - _TAIL_BYTES) if since is None or since > seen.st_size else since
                    file.seek(begin)
                    return file.read(), begin
    return b"", since or 0
