"""From what the Variables say to what holds for a job: which settings, and what is to be on. Pure.

What is not allowed, or cannot be read, changes nothing: the last accepted value holds, also at the next start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.accepted_settings import AcceptedSettings
from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.setting_values import quoted
from spark_jobs.settings import Settings, SettingsError, checked_together
from spark_jobs.stream_jobs import StreamJob

REMOVED_AFTER = timedelta(minutes=15)
"""Airflow says *not found* also of what it cannot read at the moment: so long a Variable has to be gone"""


@dataclass(frozen=True)
class EffectiveSettings:
    """What holds for a job at this moment."""

    desired_state: DesiredState
    settings: Settings
    fingerprint: str | None
    """of the settings that need a restart"""
    values: Mapping[str, str] = field(default_factory=dict)
    """every setting of the job as text: what a driver is started with"""
    accepted: AcceptedSettings = field(default_factory=AcceptedSettings)
    """what to remember"""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Variables that were seen and are not found now -> what holds meanwhile"""
    unsettled: frozenset[str] = frozenset()
    """settings that are not allowed and never were: a job that needs one cannot start"""

    def refusal(self, job: StreamJob) -> Diagnosis | None:
        """Say why the job cannot be started; None where it can. No default stands in for what somebody has set."""
        needed = [name for name in self.unsettled if job.needs_restart(name) or name == job.flag]
        if not needed:
            return None
        lines = "; ".join(self.desired_state.rejected.get(name, name) for name in sorted(needed))
        return Diagnosis(f"{job.name} cannot start: {lines}", "correct it (Admin, Variables)", retryable=False)


def effective_settings(
    job: StreamJob,
    variables: Mapping[str, str | None],
    fallbacks: Mapping[str, str],
    before: AcceptedSettings,
    now: datetime,
    store_is_readable: bool = True,
) -> EffectiveSettings:
    """Find what holds.

    `variables`: the text of each; None or absent: not found. `fallbacks`: what holds of a setting without one.
    `store_is_readable`: whether our own Variable could be read at this look and all looks since the last.
    """
    since = _missing_since(variables, before, now, store_is_readable)
    kept = {name for name, gone_since in since.items() if gone_since is not None}
    wanted = {
        name: before.values.get(name, fallback) if name in kept else (variables.get(name) or "").strip() or fallback
        for name, fallback in fallbacks.items()
        if job.reads(name)
    }
    settings, values, rejected, unsettled = _accepted(job, wanted, before.values)
    accepted = {name: text for name, text in values.items() if name not in unsettled}
    return EffectiveSettings(
        replace(job.desired_state(settings), rejected=rejected),
        settings,
        job.fingerprint(settings),
        values,
        replace(before, values=accepted, variables=since),
        {name: _what_holds(name, values[name]) for name in sorted(kept) if name in values},
        frozenset(unsettled),
    )


def _missing_since(
    variables: Mapping[str, str | None], before: AcceptedSettings, now: datetime, store_is_readable: bool
) -> dict[str, str | None]:
    """Find the Variables that are there or were, and since when they are not; one that was removed is left out."""
    there: dict[str, str | None] = {name: None for name, text in variables.items() if text is not None}
    gone = {name: since or iso(now) for name, since in before.variables.items() if name not in there}
    if not store_is_readable:
        return there | {name: iso(now) for name in gone}  # the time that counts begins anew
    # All of them at once, and more than one: nobody removes them like that, a store that fails does.
    if not there and len(gone) > 1:
        return dict(gone)
    return there | {n: since for n, since in gone.items() if now - datetime.fromisoformat(since) < REMOVED_AFTER}


def _accepted(
    job: StreamJob, wanted: Mapping[str, str], before: Mapping[str, str]
) -> tuple[Settings, dict[str, str], dict[str, str], set[str]]:
    """Check all values; where one is not allowed, that group's last accepted values hold, or else their defaults.

    Returns the settings, their texts, setting -> why its value changes nothing, and those that were never accepted.
    """
    values, why, unsettled = dict(wanted), dict[str, str](), set[str]()
    while True:  # what replaces a value may be at fault itself, beside another one or since an upgrade
        try:
            settings = job.settings(values)
            rejected = {name: line for name, line in why.items() if values[name] != wanted[name]}
            return settings, values, rejected, unsettled & rejected.keys()
        except SettingsError as wrong:
            if wrong.faults.keys() <= unsettled:
                raise
            lines = _lines(job, wrong, wanted)
            # Of values that do not go together, those that nothing has replaced yet are at fault.
            for name in [name for name in lines if name not in why] or list(lines):
                if name in why or name not in before:
                    unsettled.add(name)
                values[name] = job.defaults[name] if name in unsettled else before[name]
                why.setdefault(name, f"{lines[name]}; it changes nothing")


def _lines(job: StreamJob, wrong: SettingsError, wanted: Mapping[str, str]) -> dict[str, str]:
    """Find what is refused: setting -> why. Values that do not go together are refused together."""
    others = {
        one: f"{one} is {quoted(wanted[one])} and is checked together with others: {line}"
        for name, line in wrong.faults.items()
        for one in checked_together(name)
        if wrong.beside_others and job.reads(one)
    }
    return {**others, **wrong.faults}


def _what_holds(name: str, value: str) -> str:
    return f"the Variable {name} was set and is not found any more; its last value {quoted(value)} holds"
