"""The two jobs as both sides know them: which settings are whose, and what a change of one of them asks for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.paths import Layout
from spark_jobs.settings import DEFAULTS, Settings, settings_from

_READ_BY_AIRFLOW_ALONE = {
    "DRIVER_LOG_PATH",
    "RESTART_LIMIT",
    "LAG_ALERT_AFTER",
    "DEAD_LETTER_ALERT_PERCENT",
    "ALERT_EMAIL",
    "ALERT_CONNECTION",
}


@dataclass(frozen=True)
class StreamJob:
    """One job: `spark_jobs/<name>_job.py`, launched by the DAG of the same name."""

    name: str
    import_path: str
    """where this object is found again by its name (`pkgutil.resolve_name`): a trigger keeps nothing but text"""
    root_setting: str
    checkpoints_setting: str
    ui_port_setting: str
    flag: str
    others: tuple[str, ...]
    """beginnings of the settings that only another job reads"""
    streams: tuple[str, ...]
    stream_flags: Mapping[str, str] = field(default_factory=dict)
    """stream -> the setting that switches it; one that is not here is on while the job is"""

    def reads(self, setting: str) -> bool:
        """Return whether the setting is this job's."""
        return not setting.startswith(self.others)

    def root(self, settings: Settings) -> Path:
        """Return the folder of the job's outputs."""
        return Path(getattr(settings, self.root_setting))

    def layout(self, settings: Settings) -> Layout:
        """Return the names of what is below that folder."""
        return Layout(self.root(settings))

    def checkpoints(self, settings: Settings) -> Path:
        """Return the folder of Spark's checkpoints."""
        return Path(getattr(settings, self.checkpoints_setting))

    def ui_port(self, settings: Settings) -> int:
        """Return the first port to try for the Spark UI."""
        return int(getattr(settings, self.ui_port_setting))

    @property
    def defaults(self) -> dict[str, str]:
        """Every setting of this job with its default, as people write it."""
        return {name: text for name, text in DEFAULTS.items() if self.reads(name)}

    def settings(self, env: Mapping[str, str]) -> Settings:
        """Read this job's settings; what only another job reads stays at its default.

        Raises:
            SettingsError: a ValueError with a line for every value that is not allowed.
        """
        return settings_from(env, self.reads)

    def is_enabled(self, settings: Settings) -> bool:
        """Return whether the job is to run at all."""
        return bool(getattr(settings, self.flag))

    def desired_state(self, settings: Settings) -> DesiredState:
        """Return what the flags of the job and of its streams say."""
        streams = {name: getattr(settings, flag) for name, flag in self.stream_flags.items()}
        return DesiredState(self.is_enabled(settings), streams)

    def needs_restart(self, setting: str) -> bool:
        """Return whether a running job has to be started again to take up a change of this setting."""
        followed = {self.flag, *self.stream_flags.values()}
        return self.reads(setting) and setting not in _READ_BY_AIRFLOW_ALONE | followed

    def fingerprint(self, settings: Settings) -> str:
        """Hash the settings that this job reads once, at its start: it changes exactly when one of them does."""
        ignored = {name for name in type(settings).model_fields if not self.needs_restart(name)}
        read = settings.model_dump(mode="json", exclude=ignored)
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:16]


INGESTION = StreamJob(
    "ingestion",
    import_path="spark_jobs.stream_jobs:INGESTION",
    root_setting="OUTPUT_BASE_PATH",
    checkpoints_setting="CHECKPOINT_BASE_PATH",
    ui_port_setting="INGESTION_UI_PORT",
    flag="ENABLE_INGESTION",
    others=(
        "ANALYTICS_",
        "WINDOW_",
        "SLIDE_",
        "WEATHER_STATIONS",
        "ENABLE_ANALYTICS",
        *(analytic.flag for analytic in ANALYTICS),
    ),
    streams=tuple(feed.name for feed in FEEDS),
)
ANALYTICS_JOB = StreamJob(
    "analytics",
    import_path="spark_jobs.stream_jobs:ANALYTICS_JOB",
    root_setting="ANALYTICS_OUTPUT_PATH",
    checkpoints_setting="ANALYTICS_CHECKPOINT_PATH",
    ui_port_setting="ANALYTICS_UI_PORT",
    flag="ENABLE_ANALYTICS",
    # It follows what ingestion wrote, so of ingestion's settings it needs the output path alone.
    others=(
        "INGESTION_",
        "ENABLE_INGESTION",
        "COMPACTION_",
        "CHECKPOINT_BASE_PATH",
        "KAFKA_",
        "MAX_OFFSETS_PER_TRIGGER",
        "ON_LOST_MESSAGES",
        "ACCIDENT_TIME_ZONE",
    ),
    streams=(ROLLUP, *(analytic.name for analytic in ANALYTICS)),
    stream_flags={analytic.name: analytic.flag for analytic in ANALYTICS},
)
STREAM_JOBS = {job.name: job for job in (INGESTION, ANALYTICS_JOB)}
