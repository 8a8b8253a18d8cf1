"""`_control/status.json`: a job's heartbeat, with one line for each of its streams."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from spark_jobs.documents.codec import SCHEMA_VERSION, Instant, ProcessId, fields_of, made_of
from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files


class StreamState(StrEnum):
    """What a stream is at: the first that applies, in this order. docs/operate.md says when each is true."""

    OFF = "off"
    ENDED = "ended"
    """its job has stopped or failed, or gives no sign of life"""
    BROKEN = "broken"
    RESTARTING = "restarting"
    STUCK = "stuck"
    WAITING = "waiting"
    """something may be missing that its upstream has to bring"""
    STARTING = "starting"
    CATCHING_UP = "catching up"
    HEALTHY = "healthy"
    IDLE = "idle"
    """the output is the function of all there is"""


class JobState(StrEnum):
    """What a job is at."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


ENDED_JOB_STATES = (JobState.STOPPED, JobState.FAILED)
STALE_AFTER = timedelta(seconds=10)
"""without a heartbeat for so long a job counts as ended; the default of HEARTBEAT_STALE_AFTER"""


@dataclass(frozen=True)
class Process:
    """One process of a driver; pid and start time together name it, since pids come round again."""

    role: str
    pid: ProcessId
    started_at: float
    """seconds after the machine's boot"""


@dataclass(frozen=True)
class Driver:
    """Who writes: one started job."""

    instance: str
    host: str
    processes: tuple[Process, ...] = ()


@dataclass(frozen=True)
class StreamStatus:
    """One stream as the heartbeat tells it. A number that is None is not known, which is not zero."""

    name: str
    state: StreamState = StreamState.STARTING
    batch: int | None = None
    last_progress_at: Instant | None = None
    last_batch_s: float | None = None
    rows_per_s: float | None = None
    """of the last minute"""
    rows_today: int | None = None
    refused_today: int | None = None
    """None too where nothing can be refused: what is not a feed has no dead letters"""
    lag_records: int | None = None
    lag_s: float | None = None
    """for how long the oldest of them has been seen unread"""
    due_hours: int | None = None
    """analytics: output hours that are still to compute"""
    unread_since: Instant | None = None
    """the same as a time, as it was last known: the next driver counts on from there"""
    caught_up_to: Instant | None = None
    """the start of the newest event hour that is complete in this output"""
    restarts: int = 0
    consecutive_failures: int = 0
    next_retry_at: Instant | None = None
    last_error: str | None = None
    next_step: str | None = None
    stuck_after_s: float | None = None
    """how long it may go without a finished batch while something is due"""
    waits_for: str | None = None
    """whose rows it waits for, and why"""
    lost_messages: str | None = None
    """messages that Kafka no longer had when they were to be read, within the last day: how many, of which offsets"""
    lost_at: Instant | None = None
    """when the last of them were missed: another loss is another alert"""
    new_layout: str | None = None
    """how many of the day's messages have a layout not seen before, and its name in `_quality`"""


@dataclass(frozen=True)
class Status:
    """The whole document. On disk the driver's fields stand beside the others."""

    app: str
    driver: Driver
    token: int
    at: Instant
    started_at: Instant
    state: JobState
    settings_fingerprint: str
    spark_ui: str | None = None
    log: str | None = None
    streams: tuple[StreamStatus, ...] = field(default_factory=tuple)
    warnings: tuple[str, ...] = ()
    """what is wrong with the job apart from its streams"""
    last_error: str | None = None
    """why the job failed, once it has"""
    next_step: str | None = None
    needs_person: bool = False
    """starting it again cannot help until somebody acts"""

    def age(self, now: datetime) -> timedelta:
        return now - datetime.fromisoformat(self.at)

    def is_live(self, now: datetime, stale_after: timedelta) -> bool:
        """Whether the driver says it runs, and said so lately. A time ahead is from before the clock was set back."""
        return self.state not in ENDED_JOB_STATES and abs(self.age(now)) <= stale_after


def as_read(status: Status, now: datetime, stale_after: timedelta) -> Status:
    """The status as a reader may believe it: a job that has ended, or is silent, has no running streams."""
    return status if status.is_live(now, stale_after) else as_ended(status, now)


def as_ended(status: Status, now: datetime) -> Status:
    """The status once its job has ended. Its counts of the day are of its own last day (UTC), perhaps another one."""
    streams = tuple(map(ended, status.streams))
    if datetime.fromisoformat(status.at).astimezone(UTC).date() != now.astimezone(UTC).date():
        streams = tuple(replace(stream, rows_today=None, refused_today=None) for stream in streams)
    return replace(status, streams=streams)


def ended(stream: StreamStatus) -> StreamStatus:
    """The stream once its job has ended: what was read stays so, but nobody looks what is due any more."""
    return replace(
        stream,
        state=stream.state if stream.state == StreamState.OFF else StreamState.ENDED,
        rows_per_s=None,
        lag_records=None,
        lag_s=None,
        due_hours=None,
        next_retry_at=None,
        waits_for=None,
    )


def unread_for_s(status: Status | None) -> dict[str, float]:
    """Stream -> for how long, when the driver last said so, its oldest message had been seen unread."""
    if status is None:
        return {}
    at = datetime.fromisoformat(status.at)
    since = {one.name: datetime.fromisoformat(one.unread_since) for one in status.streams if one.unread_since}
    return {name: max(0.0, (at - began).total_seconds()) for name, began in since.items()}


def write_status(layout: Layout, status: Status) -> None:
    """Replace the document. It is written every 2 s and worthless after a power cut: not synced to disk."""
    fields = {"schema_version": SCHEMA_VERSION, **asdict(status)}
    fields.update(fields.pop("driver"))
    durable_files.replace(layout.status, json.dumps(fields).encode(), durable=False)


def read_status(layout: Layout) -> Status | None:
    """Read the document; None where it is absent, damaged or of another version."""
    try:
        fields = fields_of(layout.status.read_bytes())
    except FileNotFoundError:
        return None
    return None if fields is None else made_of({**fields, "driver": fields}, Status)


def show_life(layout: Layout) -> None:
    """Touch the document, where it cannot be written: a new time needs no room on a full disk."""
    with suppress(OSError):
        os.utime(layout.status)


def life_shown_at(layout: Layout) -> int | None:
    """When the driver last wrote or touched its status, by the file system's clock: it tells two looks apart."""
    try:
        return layout.status.stat().st_mtime_ns
    except FileNotFoundError:
        return None
