"""The two jobs as both sides know them: which settings are whose, and what a change of one of them asks for."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.catalog import ANALYTICS

# Read by Airflow alone, or followed by a running job through its switches: a change needs no restart.
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings

# Read by Airflow alone, or followed by a running job through its switches: a change needs no restart.
_NO_RESTART = frozenset(
    {
        *(analytic.flag for analytic in ANALYTICS),
        "ENABLE_INGESTION",
        "ENABLE_ANALYTICS",
        "DRIVER_LOG_PATH",
        "RESTART_LIMIT",
        "LAG_ALERT_AFTER",
        "DEAD_LETTER_ALERT_PERCENT",
        "ALERT_EMAIL",
        "ALERT_CONNECTION",
    }
)


@dataclass(frozen=True)
class StreamJob:
    """One job: `spark_jobs/<name>_job.py`, launched by the DAG of the same name."""

    name: str
    root_setting: str
    checkpoints_setting: str
    ui_port_setting: str
    flag: str
    others: tuple[str, ...]
    """beginnings of the settings that only the other job reads"""

    def reads(self, setting: str) -> bool:
        return not setting.startswith(self.others)

    def root(self, settings: Settings) -> Path:
        """Where the job's outputs are."""
        return Path(getattr(settings, self.root_setting))

    def layout(self, settings: Settings) -> Layout:
        """What is where below the root."""
        return Layout(self.root(settings))

    def checkpoints(self, settings: Settings) -> Path:
        """Where Spark's checkpoints are."""
        return Path(getattr(settings, self.checkpoints_setting))

    def ui_port(self, settings: Settings) -> int:
        """The port of the Spark UI."""
        return int(getattr(settings, self.ui_port_setting))

    def is_enabled(self, settings: Settings) -> bool:
        return bool(getattr(settings, self.flag))

    def needs_restart(self, setting: str) -> bool:
        """Whether a running job has to be started again to take up a change of this setting."""
        return setting not in _NO_RESTART and self.reads(setting)

    def fingerprint(self, settings: Settings) -> str:
        """Changes exactly when a setting does that this job reads once, at its start."""
        ignored = {name for name in type(settings).model_fields if not self.needs_restart(name)}
        told = settings.model_dump(mode="json", exclude=ignored)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


INGESTION = StreamJob(
    "ingestion",
    root_setting="OUTPUT_BASE_PATH",
    checkpoints_setting="CHECKPOINT_BASE_PATH",
    ui_port_setting="INGESTION_UI_PORT",
    flag="ENABLE_INGESTION",
    others=("ANALYTICS_", "WINDOW_", "SLIDE_", "ENABLE_ANALYTICS", *(analytic.flag for analytic in ANALYTICS)),
)
ANALYTICS_JOB = StreamJob(
    "analytics",
    root_setting="ANALYTICS_OUTPUT_PATH",
    checkpoints_setting="ANALYTICS_CHECKPOINT_PATH",
    ui_port_setting="ANALYTICS_UI_PORT",
    flag="ENABLE_ANALYTICS",
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
)
STREAM_JOBS = {job.name: job for job in (INGESTION, ANALYTICS_JOB)}
