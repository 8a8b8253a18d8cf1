"""What a watcher makes of what it observes of a job: a state and a diagnosis. Pure."""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.status import JobState, StreamState, StreamStatus
from spark_jobs.drivers.observation import DriverObservation
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.effective_settings import EffectiveSettings

START_TIMEOUT = timedelta(minutes=5)
"""from a driver's first heartbeat to its streams, as the watcher saw it; what is before that has no heartbeat yet"""
_FAILING = (StreamState.BROKEN, StreamState.RESTARTING)
"""the last error of a stream that is at something else is past"""
_STARTED_AGAIN = "none: it is started again"


class HealthState(StrEnum):
    HEALTHY = "healthy"
    IDLE = "idle"
    WAITING = "waiting"
    """nothing to do before somebody else has done something: another job, a broker"""
    STARTING = "starting"
    DEAD = "dead"
    STUCK = "stuck"
    OUT_OF_DATE = "out of date"
    SWITCHED_OFF = "switched off"


@dataclass(frozen=True)
class Health:
    """How a job is, and why."""

    state: HealthState
    diagnosis: Diagnosis


def judge(
    job: StreamJob,
    observation: DriverObservation,
    effective: EffectiveSettings,
    held_because: str | None,
    starting_for: timedelta = timedelta(0),
) -> Health:
    """Judge a job. A slow batch, an idle topic and a wait for somebody else call for no restart.

    `held_because`: why a person stopped the job by hand, None where nobody did. `starting_for`: for how long the
    watcher has seen this driver start.
    """
    status, is_live = observation.status, observation.is_live(effective.settings.HEARTBEAT_STALE_AFTER)
    if off := why_off(job, effective.desired_state.job_enabled, held_because):
        ends = "; it finishes its batches and stops" if is_live else ""
        return Health(HealthState.SWITCHED_OFF, replace(off, message=f"{job.name} is {off.message}{ends}"))
    if status is None or not is_live:
        return Health(HealthState.DEAD, _why_dead(job.name, observation, effective.fingerprint))
    if status.state == JobState.STOPPING:
        return Health(HealthState.STARTING, Diagnosis(f"{job.name} is stopping"))
    if effective.fingerprint is not None and status.settings_fingerprint != effective.fingerprint:
        diagnosis = Diagnosis(
            f"{job.name} runs with other settings than the Variables say now",
            "none: it is started again with the new ones",
        )
        return Health(HealthState.OUT_OF_DATE, diagnosis)
    if status.state == JobState.STARTING:
        return _starting(job.name, starting_for)
    return _running(job.name, [stream for stream in status.streams if stream.state != StreamState.OFF])


def why_off(job: StreamJob, is_enabled: bool, held_because: str | None) -> Diagnosis | None:
    """Say what a job that is not to run is; None where it is to run."""
    if not is_enabled:
        return Diagnosis(f"switched off by {job.flag}", f"set the Variable {job.flag} to true")
    if held_because is not None:
        return Diagnosis(f"stopped by hand ({held_because})", f"trigger the DAG {job.name} to start it")
    return None


def _why_dead(job: str, observation: DriverObservation, fingerprint: str | None) -> Diagnosis:
    status = observation.status
    if status is None:
        return Diagnosis(f"{job} has never run with this output path", "none: it is started")
    if status.state == JobState.STOPPED:
        return Diagnosis(f"{job} was stopped and is to run", _STARTED_AGAIN)
    if observation.has_ended():
        # With other settings it may well start.
        needs_person = status.needs_person and status.settings_fingerprint == fingerprint
        step = status.next_step or _STARTED_AGAIN
        return Diagnosis(f"{job} failed: {status.last_error}", step, retryable=not needs_person)
    if observation.is_gone:
        return Diagnosis(f"the processes of {job} are gone and it said nothing of an end", _STARTED_AGAIN)
    silent_s = observation.unchanged_for.total_seconds()
    return Diagnosis(f"{job} has given no sign of life for {silent_s:.0f} s", _STARTED_AGAIN)


def _starting(job: str, starting_for: timedelta) -> Health:
    if starting_for <= START_TIMEOUT:
        return Health(HealthState.STARTING, Diagnosis(f"{job} is starting"))
    diagnosis = Diagnosis(
        f"{job} has been starting for {starting_for.total_seconds():.0f} s",
        "none: it is ended and started again; if that does not help, see the driver's log",
    )
    return Health(HealthState.STUCK, diagnosis)


def _running(job: str, streams: list[StreamStatus]) -> Health:
    stuck = [stream for stream in streams if stream.state == StreamState.STUCK]
    if stuck:
        diagnosis = Diagnosis(
            f"{job} is stuck: {'; '.join(map(stuck_sentence, stuck))}",
            "none: it is ended and started again; if that does not help, see the driver's log and the broker",
        )
        return Health(HealthState.STUCK, diagnosis)
    failing = [f"{stream.name} {stream.state}: {stream.last_error}" for stream in streams if stream.state in _FAILING]
    waiting = _waiting(streams)
    ailing = (stream for stream in streams if stream.state in (*_FAILING, StreamState.WAITING))
    step = next((stream.next_step for stream in ailing if stream.next_step), "")
    moves = any(stream.state in (StreamState.HEALTHY, StreamState.CATCHING_UP) for stream in streams)
    if failing or (waiting and moves):
        message = f"{job} runs, but not all of it: {'; '.join([*failing, *waiting])}"
        return Health(HealthState.HEALTHY if moves else HealthState.WAITING, Diagnosis(message, step))
    starting = [stream.name for stream in streams if stream.state == StreamState.STARTING]
    if starting and not moves:
        return Health(HealthState.STARTING, Diagnosis(f"{job} is starting: {', '.join(starting)}"))
    if waiting:
        diagnosis = Diagnosis(f"{job} has nothing to do for now: {'; '.join(waiting)}", step, external=True)
        return Health(HealthState.WAITING, diagnosis)
    if streams and not moves:
        return Health(HealthState.IDLE, Diagnosis(f"{job} has read everything and waits for messages"))
    behind = [_behind(stream) for stream in streams if stream.state == StreamState.CATCHING_UP]
    catches_up = f" and catches up: {', '.join(behind)}" if behind else ""
    return Health(HealthState.HEALTHY, Diagnosis(f"{job} runs{catches_up}"))


def _waiting(streams: list[StreamStatus]) -> list[str]:
    """Who waits, and for what: nine analytics that wait for the same are one sentence."""
    names: dict[str, list[str]] = {}
    for stream in streams:
        if stream.state == StreamState.WAITING:
            names.setdefault(stream.waits_for or "waits", []).append(stream.name)
    return [f"{', '.join(who)}: {what}" for what, who in names.items()]


def stuck_sentence(stream: StreamStatus) -> str:
    """What a stream is stuck with, as far as it is known, and how long it may take."""
    allowed = "" if stream.stuck_after_s is None else f" ({stream.stuck_after_s:.0f} s are allowed)"
    unread = f"{stream.lag_records} unread" if stream.lag_records else "something to do"
    return f"{stream.name} has {unread} and finishes no batch{allowed}"


def _behind(stream: StreamStatus) -> str:
    hours = f"{stream.due_hours} hours to compute" if stream.due_hours else None
    return f"{stream.name} ({hours or f'{stream.lag_records} unread'})"
