"""The control documents beside the data: status, switches, tokens. Drivers and Airflow talk through these alone.

Times are UTC ISO 8601; `now` is always an argument. A document that cannot be read counts as absent.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from spark_jobs.contracts import local_files
from spark_jobs.contracts.streams import Layout

SCHEMA_VERSION = 1

# Stream states; job states are starting, running, stopping, stopped, failed.
STARTING, HEALTHY, IDLE, RESTARTING, BROKEN, STUCK, OFF = (
    "starting",
    "healthy",
    "idle",
    "restarting",
    "broken",
    "stuck",
    "off",
)
ENDED_JOB_STATES = ("stopped", "failed")


@dataclass(frozen=True)
class Process:
    """One process of a driver; pid and start time together name it, since pids come round again."""

    role: str
    pid: int
    started_at: float


@dataclass(frozen=True)
class Driver:
    """Who writes: one started job."""

    instance: str
    host: str
    processes: tuple[Process, ...] = ()


@dataclass(frozen=True)
class StreamStatus:
    """One stream as the heartbeat tells it."""

    name: str
    state: str = STARTING
    batch: int | None = None
    last_progress_at: str | None = None
    last_batch_s: float | None = None
    rows_per_s: float = 0.0
    rows_today: int = 0
    refused_today: int = 0
    lag_records: int | None = None
    lag_s: float | None = None
    restarts: int = 0
    consecutive_failures: int = 0
    next_retry_at: str | None = None
    last_error: str | None = None
    next_step: str | None = None
    stuck_after_s: float | None = None
    """how long it may go without a finished batch while something is unread"""


@dataclass(frozen=True)
class Status:
    """`_control/status.json`: the job's heartbeat."""

    app: str
    driver: Driver
    token: int
    at: str
    started_at: str
    state: str
    settings_fingerprint: str
    spark_ui: str | None = None
    log: str | None = None
    streams: tuple[StreamStatus, ...] = field(default_factory=tuple)
    last_error: str | None = None
    """why the job failed, once it has"""
    next_step: str | None = None
    needs_person: bool = False
    """starting it again cannot help until somebody acts"""

    def age(self, now: datetime) -> timedelta:
        return now - datetime.fromisoformat(self.at)

    def is_live(self, now: datetime, stale_after: timedelta) -> bool:
        """Whether the driver says it runs and said so lately."""
        return self.state not in ENDED_JOB_STATES and self.age(now) <= stale_after


def write_status(layout: Layout, status: Status) -> None:
    document = {"schema_version": SCHEMA_VERSION, **asdict(status)}
    document.update(document.pop("driver"))
    # Written every 2 s and worthless after a power cut: not synced to disk.
    local_files.replace(layout.status, json.dumps(document).encode(), durable=False)


def show_life(layout: Layout) -> None:
    """A sign of life where the status cannot be written: a new time needs no room on a full disk."""
    with suppress(OSError):
        os.utime(layout.status)


def life_shown_at(layout: Layout) -> int | None:
    """When the driver last wrote or touched its status, by the file system's clock: it tells two looks apart."""
    try:
        return layout.status.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def read_status(layout: Layout) -> Status | None:
    document = _read(layout.status)
    if document is None:
        return None
    try:
        driver = _driver({name: document.pop(name) for name in Driver.__dataclass_fields__})
        streams = tuple(StreamStatus(**stream) for stream in document.pop("streams"))
        return Status(driver=driver, streams=streams, **document)
    except (KeyError, TypeError):
        return None  # written by another version


def take_token(layout: Layout, driver: Driver, now: datetime) -> int:
    """Create the next token: from now on every driver with a smaller one stops."""
    number = newest_token(layout) + 1
    while not take_token_numbered(layout, driver, number, now):
        number += 1
    return number


def take_token_numbered(layout: Layout, driver: Driver, number: int, now: datetime) -> bool:
    """Create just this token; False where another driver has it."""
    document = {"schema_version": SCHEMA_VERSION, "token": number, "at": iso(now), **asdict(driver)}
    return local_files.create_if_absent(token_path(layout, number), json.dumps(document).encode())


def newest_token(layout: Layout) -> int:
    """The newest token's number, 0 before the first."""
    if not layout.tokens.is_dir():
        return 0
    return max((int(path.stem) for path in layout.tokens.glob("[0-9]*.json")), default=0)


def token_after_exists(layout: Layout, number: int) -> bool:
    """Whether a newer driver has started. Two look-ups: tokens are taken without gaps, and only the newest are kept."""
    if token_path(layout, number + 1).exists():
        return True
    return not token_path(layout, number).exists() and newest_token(layout) > number


def token_driver(layout: Layout, number: int) -> Driver | None:
    document = _read(token_path(layout, number))
    return None if document is None else _driver(document)


@dataclass(frozen=True)
class Switches:
    """`_control/switches.json`: what is to be on."""

    job_enabled: bool
    streams: Mapping[str, bool]
    rejected: Mapping[str, str] = field(default_factory=dict)


def write_switches(layout: Layout, switches: Switches, now: datetime) -> None:
    document = {"schema_version": SCHEMA_VERSION, "at": iso(now), **asdict(switches)}
    local_files.replace(layout.switches, json.dumps(document).encode())


def read_switches(layout: Layout) -> Switches | None:
    document = _read(layout.switches)
    if document is None:
        return None
    return Switches(document["job_enabled"], document["streams"], document.get("rejected", {}))


def hold(layout: Layout, why: str, now: datetime) -> None:
    """Note that a person stopped the job: nobody starts it again but a person."""
    document = {"schema_version": SCHEMA_VERSION, "at": iso(now), "why": why}
    local_files.replace(layout.hold, json.dumps(document).encode())


def held_because(layout: Layout) -> str | None:
    document = _read(layout.hold)
    return None if document is None else str(document["why"])


def release_hold(layout: Layout) -> None:
    layout.hold.unlink(missing_ok=True)


@dataclass(frozen=True)
class FailedStart:
    """`_control/failed_start.json`: why the last start never came to a heartbeat."""

    sentence: str
    next_step: str
    retry_helps: bool
    settings_fingerprint: str


def write_failed_start(layout: Layout, failed: FailedStart | None, now: datetime) -> None:
    if failed is None:
        layout.failed_start.unlink(missing_ok=True)
    else:
        document = {"schema_version": SCHEMA_VERSION, "at": iso(now), **asdict(failed)}
        local_files.replace(layout.failed_start, json.dumps(document).encode())


def read_failed_start(layout: Layout) -> FailedStart | None:
    document = _read(layout.failed_start)
    if document is None:
        return None
    return FailedStart(**{name: document[name] for name in FailedStart.__dataclass_fields__})


def iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()


def _driver(document: Mapping[str, Any]) -> Driver:
    return Driver(
        document["instance"], document["host"], tuple(Process(**process) for process in document["processes"])
    )


def token_path(layout: Layout, number: int) -> Path:
    return layout.tokens / f"{number:010}.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if not isinstance(document, dict) or document.pop("schema_version", None) != SCHEMA_VERSION:
        return None
    return document
