"""Where the jobs' outputs are, and what is to be on: read from the Variables, as the watch reads them."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import HTTPException

from boston_page.airflow_internals import read_variables
from boston_page.latest import Latest
from spark_jobs.documents.accepted_settings import (
    AcceptedSettings,
    read_settings_copy,
    settings_from_text,
    variable_of,
)
from spark_jobs.documents.desired_state import DesiredState, read_desired_state
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings, SettingsError, checked_together
from spark_jobs.stream_jobs import STREAM_JOBS, StreamJob


@dataclass(frozen=True)
class Place:
    """A job with what its Variables say now, and what its watch has told it."""

    job: StreamJob
    settings: Settings
    """with defaults in place of what is not allowed"""
    refused: Iterable[str] = ()
    """settings whose value is not allowed: it changes nothing"""
    published: DesiredState = field(default_factory=DesiredState)
    accepted: Mapping[str, str] = field(default_factory=dict)
    """the last allowed value of each setting: what holds in place of one that is not allowed"""

    @property
    def layout(self) -> Layout:
        """The names of what is below the job's output."""
        return self.job.layout(self.settings)

    @property
    def is_wanted(self) -> bool:
        """Whether the job is to run."""
        return self.published.job_enabled if self.job.flag in self.refused else self.job.is_enabled(self.settings)

    def wants(self, stream: str) -> bool:
        """Whether a stream that has a switch is to run."""
        flag = self.job.stream_flags[stream]
        return self.published.streams.get(stream, True) if flag in self.refused else bool(getattr(self.settings, flag))


def place_of(job: StreamJob, said: Mapping[str, str]) -> Place:
    """Check what is said of the settings that the page needs, and read what the watch has told the job."""
    settings, refused = _allowed(job, said)
    layout = job.layout(settings)
    return Place(job, settings, refused, _published(layout), _accepted(layout))


def _allowed(job: StreamJob, said: Mapping[str, str]) -> tuple[Settings, set[str]]:
    """Return the settings without what is not allowed, and which those are."""
    refused = set[str]()
    while True:  # each by itself first, then beside those that it is checked together with
        try:
            return job.settings({name: text for name, text in said.items() if name not in refused}), refused
        except SettingsError as wrong:
            refused.update(one for name in wrong.faults for one in checked_together(name))


def places() -> Mapping[str, Place]:
    """Return job -> Place, at most 2 s old; Variables are only read when somebody asks."""
    found = _latest()
    if found is None:
        raise HTTPException(503, "where the jobs' outputs are is being read for the first time")
    return found


def _read() -> dict[str, Place]:
    return {job.name: place_of(job, _said(job)) for job in STREAM_JOBS.values()}


_latest = Latest(_read, at_most_every_s=2.0)


def _said(job: StreamJob) -> dict[str, str]:
    """Read only what the page needs: flags, the output path, and when a heartbeat is stale.

    Where the job is, is what was accepted last, whatever its Variables say: there it is looked after. A flag whose
    Variable is not found is as the watch has it, until it counts as removed.
    """
    always = (job.root_setting, *checked_together("HEARTBEAT_STALE_AFTER"))
    names, ours = (job.flag, *job.stream_flags.values(), *always), variable_of(job.name)
    found = read_variables((*names, ours))
    accepted = settings_from_text(found.pop(ours, "")) or AcceptedSettings()
    held = {*always, *(accepted.variables.keys() - found.keys())}.intersection(names, accepted.values)
    said = {name: found.get(name, "").strip() or os.environ.get(name, "") for name in names}
    return {**said, **{name: accepted.values[name] for name in held}}


def _accepted(layout: Layout) -> Mapping[str, str]:
    with suppress(OSError):
        return (read_settings_copy(layout) or AcceptedSettings()).values
    return {}


def _published(layout: Layout) -> DesiredState:
    with suppress(OSError):
        return read_desired_state(layout) or DesiredState()
    return DesiredState()
