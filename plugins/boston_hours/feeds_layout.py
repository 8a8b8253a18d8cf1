"""Where the feeds are, for tasks of Airflow."""

from collections.abc import Mapping
from datetime import UTC, datetime

from airflow.sdk.exceptions import AirflowFailException
from spark_streams.settings_store import SettingsStore
from spark_streams.submit import fallback_settings

from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import INGESTION


def feeds_layout(env: Mapping[str, str]) -> Layout:
    """Return where the feeds are, by the settings that hold for the ingestion job. To be called in a task.

    Raises:
        AirflowFailException: the folder is not there, or another job's.
    """
    store = SettingsStore(INGESTION, fallback_settings(INGESTION, env))
    effective = store.read_all(datetime.now(UTC))
    if why := store.why_no_root(effective):
        raise AirflowFailException(str(why))
    return INGESTION.layout(effective.settings)
