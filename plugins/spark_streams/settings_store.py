"""A job's settings as Airflow keeps them: its Variables, and one of ours with what was accepted of them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from airflow.sdk.exceptions import AirflowException

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.accepted_settings import (
    AcceptedSettings,
    read_settings_copy,
    settings_as_text,
    settings_from_text,
    variable_of,
    write_settings_copy,
)
from spark_jobs.documents.identity import claim, why_not_that_root
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.effective_settings import EffectiveSettings, effective_settings
from spark_streams.airflow_internals import read_variable, write_variable

log = logging.getLogger(__name__)

_DESCRIPTION = "What was accepted last of the settings of {}. Written by its tasks; delete it to have them forget."


class StoreUnreadable(AirflowException):
    """Nobody can tell which settings hold: the Variables cannot be read, and no default stands in for them."""


class SettingsStore:
    """Finds the effective settings of a job, for whoever asks: its operator, its requests, its watch.

    `fallbacks`: what holds of each setting without its Variable.
    """

    def __init__(
        self,
        job: StreamJob,
        fallbacks: Mapping[str, str],
        read: Callable[[str], str | None] = read_variable,
        write: Callable[[str, str, str], None] = write_variable,
    ) -> None:
        self.job = job
        self.fallbacks = fallbacks
        self._read = read
        self._write = write
        self._known: AcceptedSettings | None = None
        self._written: AcceptedSettings | None = None
        self._found_ours = False

    @property
    def variable(self) -> str:
        """Name our own Variable."""
        return variable_of(self.job.name)

    def read_all(self, now: datetime) -> EffectiveSettings:
        """Read every Variable and find what holds.

        Raises:
            StoreUnreadable: our own Variable cannot be read, and nothing is known from before.
        """
        try:
            return self._read_once(now)
        except StoreUnreadable:
            # At a first start another task of the job may just have written what this one did not find.
            return self._read_once(now)

    def _read_once(self, now: datetime) -> EffectiveSettings:
        return self.effective({name: self._read(name) for name in self.fallbacks}, now)

    def effective(self, variables: Mapping[str, str | None], now: datetime) -> EffectiveSettings:
        """Find what holds, from Variables that were read just now, and remember it."""
        known, is_readable = self._known_before(variables)
        effective = effective_settings(self.job, variables, self.fallbacks, known, now, is_readable)
        self._remember(effective.accepted, now)
        return effective

    def other_roots(self, layout: Layout) -> list[Layout]:
        """List the roots that the job has had, but for this one, as far as they are known."""
        text = self._read(self.variable)
        known = None if text is None else settings_from_text(text)
        return [Layout(Path(root)) for root in (known.roots if known else ()) if root != str(layout.root)]

    def forget_what_was_deleted(self) -> None:
        """Begin as at a first start where our own Variable is gone; a store that only fails gets nobody further."""
        if self._read(self.variable) is None:
            self._known = self._written = None

    def why_not_that_root(self, layout: Layout) -> Diagnosis | None:
        """Say why this cannot be the job's root; None where it can."""
        return why_not_that_root(layout.root, self.job.name, self._accepted.roots.get(str(layout.root)))

    def why_no_root(self, effective: EffectiveSettings) -> Diagnosis | None:
        """Say why there is no root to look at; None where there is one."""
        if self.job.root_setting in effective.unsettled:
            return effective.refusal(self.job)
        return self.why_not_that_root(self.job.layout(effective.settings))

    def take(self, layout: Layout, now: datetime) -> None:
        """Make the root the job's own, remember which it is, and write what holds where the job can read it.

        Raises:
            StreamFault: the root is another job's.
        """
        identity = claim(layout.root, self.job.name, now)
        known = self._accepted
        self._remember(replace(known, roots={**known.roots, str(layout.root): identity.id}), now)
        if read_settings_copy(layout) != self._known:
            write_settings_copy(layout, self._accepted, now)

    @property
    def _accepted(self) -> AcceptedSettings:
        assert self._known is not None, "settings are read first"
        return self._known

    def _known_before(self, variables: Mapping[str, str | None]) -> tuple[AcceptedSettings, bool]:
        """Return what was accepted before, and whether the store can be read, asked where it matters: it costs."""
        known = self._known
        if known is not None and all(variables.get(name) is not None for name in known.variables):
            return known, True
        text = self._read(self.variable)
        self._found_ours = text is not None
        if text is None:
            return known or self._copy(), False
        if known is None:
            self._written = settings_from_text(text)
        return known or self._written or AcceptedSettings(), True

    def _copy(self) -> AcceptedSettings:
        """Read the copy where the root is, as far as it is known without Variables; nothing before the first start."""
        try:
            root = self.job.root(self.job.settings(self.fallbacks))
            return read_settings_copy(Layout(root)) or AcceptedSettings()
        except (ValueError, OSError):
            return AcceptedSettings()

    def _remember(self, accepted: AcceptedSettings, now: datetime) -> None:
        is_first, self._known = self._known is None, accepted
        if accepted == self._written:
            return
        text = settings_as_text(accepted, now)
        try:
            is_kept = self._keep(text, is_first)
        except Exception as failure:
            log.warning("what was accepted of the settings could not be kept: %s", failure)
            is_kept = False
        if is_kept:
            self._written = accepted
        elif is_first:
            self._known = None
            raise StoreUnreadable(
                f"the settings of {self.job.name} cannot be read: Airflow's Variables, {self.variable} among them, do "
                "not answer. Next step: see whether Airflow's database and secrets backend answer; no default is used "
                "meanwhile, and it is tried again"
            )

    def _keep(self, text: str, is_first: bool) -> bool:
        """Write our own Variable; whether it is there now."""
        # A store that answers again by now has failed while the Variables were read: what it knows is not to be
        # replaced by defaults.
        if is_first and not self._found_ours and self._read(self.variable) is not None:
            return False
        self._write(self.variable, text, _DESCRIPTION.format(self.job.name))
        # Only what can be read back tells a first start from a store that fails. It may be another task's by now.
        return not is_first or self._read(self.variable) is not None
