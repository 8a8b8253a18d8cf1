"""What a watcher makes of what it sees of a job: one of seven states, a sentence, and the next step. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from spark_jobs.documents.status import Status, StreamState, StreamStatus
from spark_jobs.supervision.driver_observation import DriverObservation

START_AT_MOST = timedelta(minutes=5)
"""from a driver's first heartbeat to its streams; the rest of a slow start has no heartbeat yet"""


class HealthState(StrEnum):
    HEALTHY = "healthy"
    IDLE = "idle"
    STARTING = "starting"
    DEAD = "dead"
    STUCK = "stuck"
    OUT_OF_DATE = "out of date"
    SWITCHED_OFF = "switched off"


@dataclass(frozen=True)
class DesiredRun:
    """What the job is to be: on or off (and why), with which settings, seen as dead after which silence."""

    is_on: bool
    fingerprint: str | None
    stale_after: timedelta
    why_off: str = ""
    turn_on: str = ""


@dataclass(frozen=True)
class Health:
    health: HealthState
    sentence: str
    next_step: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}. Next step: {self.next_step}." if self.next_step else f"{self.sentence}."


def judge(job: str, sight: DriverObservation, wanted: DesiredRun, now: datetime) -> Health:
    """Dead and stuck are for the watch to remedy; a slow batch, an idle topic and an absent broker are neither."""
    status = sight.status
    if status is None or not sight.is_live(now, wanted.stale_after):
        return _absent(job, sight, wanted, now)
    if not wanted.is_on:
        return Health(
            HealthState.SWITCHED_OFF, f"{job} {wanted.why_off}; it finishes its batches and stops", wanted.turn_on
        )
    if status.state == "stopping":
        return Health(HealthState.STARTING, f"{job} is stopping")
    if wanted.fingerprint is not None and status.settings_fingerprint != wanted.fingerprint:
        return Health(
            HealthState.OUT_OF_DATE,
            f"{job} runs with other settings than the Variables say now",
            "none: it finishes its batches and is started again with the new ones",
        )
    return _running(job, status, now)


def _absent(job: str, sight: DriverObservation, wanted: DesiredRun, now: datetime) -> Health:
    status = sight.status
    if not wanted.is_on:
        return Health(HealthState.SWITCHED_OFF, f"{job} {wanted.why_off}", wanted.turn_on)
    again = "none: it is started again"
    if status is None:
        return Health(HealthState.DEAD, f"{job} has never run with this output path", "none: it is started")
    if status.state == "stopped":
        return Health(HealthState.DEAD, f"{job} was stopped and is wanted", again)
    if sight.has_ended():
        return Health(HealthState.DEAD, f"{job} failed: {status.last_error}", status.next_step or again)
    if sight.is_gone:
        return Health(HealthState.DEAD, f"the processes of {job} are gone and it said nothing of an end", again)
    age = status.age(now).total_seconds()
    return Health(HealthState.DEAD, f"{job} has given no sign of life for {age:.0f} s", again)


def _running(job: str, status: Status, now: datetime) -> Health:
    if status.state == "starting":
        since = now - datetime.fromisoformat(status.started_at)
        if since > START_AT_MOST:
            return Health(
                HealthState.STUCK,
                f"{job} has been starting for {since.total_seconds():.0f} s",
                "none: it is ended and started again; if that does not help, see the driver's log",
            )
        return Health(HealthState.STARTING, f"{job} is starting")
    on = [stream for stream in status.streams if stream.state != StreamState.OFF]
    stuck = [stream for stream in on if stream.state == StreamState.STUCK]
    if stuck:
        return Health(
            HealthState.STUCK,
            f"{job} is stuck: {'; '.join(map(_waiting, stuck))}",
            "none: it is ended and started again; if that does not help, see the driver's log and the broker",
        )
    ailing = [f"{stream.name} {stream.state}: {stream.last_error}" for stream in on if stream.last_error]
    if ailing:
        return Health(HealthState.HEALTHY, f"{job} runs, but not all of it: {'; '.join(ailing)}", _first_step(on))
    if on and all(stream.state == StreamState.IDLE for stream in on):
        return Health(HealthState.IDLE, f"{job} has read everything and waits for messages")
    return Health(HealthState.HEALTHY, f"{job} runs")


def _waiting(stream: StreamStatus) -> str:
    allowed = "" if stream.stuck_after_s is None else f" ({stream.stuck_after_s:.0f} s are allowed)"
    return f"{stream.name} has {stream.lag_records} unread and finishes no batch{allowed}"


def _first_step(streams: list[StreamStatus]) -> str:
    return next((stream.next_step for stream in streams if stream.next_step), "")
