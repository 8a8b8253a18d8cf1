"""From what the settings say to what a job is wanted to be. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from spark_jobs.catalog import ANALYTICS
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.settings import Settings, SettingsError, settings_from
from spark_jobs.stream_jobs import ANALYTICS_JOB, StreamJob


@dataclass(frozen=True)
class Resolved:
    """What is wanted of a job at this moment."""

    switches: DesiredState
    settings: Settings
    """with defaults where a value is rejected: right for what is not rejected"""
    fingerprint: str | None
    """None while a setting is rejected: a running job keeps what it has"""


def desired_state_of(job: StreamJob, settings: Settings) -> DesiredState:
    streams = {analytic.name: settings.enabled(analytic) for analytic in ANALYTICS} if job is ANALYTICS_JOB else {}
    return DesiredState(job.is_enabled(settings), streams)


def resolve(job: StreamJob, given: Mapping[str, str], before: DesiredState | None) -> Resolved:
    """`given`: every setting as text. A value that is not allowed changes nothing and is told in `rejected`."""
    settings, faults = _accepted(given)
    rejected = {name: f"{line}; it changes nothing" for name, line in faults.items() if job.reads(name)}
    switches = desired_state_of(job, settings)
    if before is not None:
        streams = {
            a.name: before.streams.get(a.name, True) if a.flag in rejected else switches.streams[a.name]
            for a in ANALYTICS
            if a.name in switches.streams
        }
        switches = DesiredState(before.job_enabled if job.flag in rejected else switches.job_enabled, streams)
    restarting = [name for name in rejected if job.needs_restart(name)]
    return Resolved(
        DesiredState(switches.job_enabled, switches.streams, rejected),
        settings,
        None if restarting else job.fingerprint(settings),
    )


def _accepted(given: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    faults: dict[str, str] = {}
    while True:  # a setting may be at fault only beside another one
        try:
            return settings_from({name: value for name, value in given.items() if name not in faults}), faults
        except SettingsError as wrong:
            faults.update(wrong.faults)
