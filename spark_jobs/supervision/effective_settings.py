"""From what the Variables say to what holds for a job: which settings, and what is to be on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.settings import Settings, SettingsError
from spark_jobs.stream_jobs import StreamJob


@dataclass(frozen=True)
class EffectiveSettings:
    """What holds for a job at this moment."""

    desired_state: DesiredState
    settings: Settings
    """with defaults where a value is rejected: right for what is not rejected"""
    fingerprint: str | None
    """None while a setting is rejected: a running job keeps what it has"""


def desired_state_of(job: StreamJob, settings: Settings) -> DesiredState:
    """Read the job's and its streams' flags."""
    return DesiredState(
        job.is_enabled(settings), {name: getattr(settings, flag) for name, flag in job.stream_flags.items()}
    )


def effective_settings(job: StreamJob, variables: Mapping[str, str], before: DesiredState | None) -> EffectiveSettings:
    """Check every setting of the job, given as text. A value that is not allowed changes nothing and is in `rejected`.

    `before`: the state that was published last; a flag that is not allowed keeps its value there.
    """
    settings, faults = _accepted(job, variables)
    rejected = {name: f"{line}; it changes nothing" for name, line in faults.items()}
    desired = replace(desired_state_of(job, settings), rejected=rejected)
    if before is not None:
        kept = {name: before.streams.get(name, True) for name, flag in job.stream_flags.items() if flag in rejected}
        job_enabled = before.job_enabled if job.flag in rejected else desired.job_enabled
        desired = replace(desired, job_enabled=job_enabled, streams={**desired.streams, **kept})
    needs_restart = any(job.needs_restart(name) for name in rejected)
    return EffectiveSettings(desired, settings, None if needs_restart else job.fingerprint(settings))


def _accepted(job: StreamJob, variables: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    faults: dict[str, str] = {}
    while True:  # a setting may be at fault only beside another one
        try:
            return job.settings({name: text for name, text in variables.items() if name not in faults}), faults
        except SettingsError as wrong:
            faults.update(wrong.faults)
