"""Sends a notification because somebody wants to see one, in every way that a job's settings name."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from spark_jobs.documents.codec import iso
from spark_jobs.documents.watch_memory import Notification
from spark_jobs.stream_jobs import StreamJob
from spark_streams.alerts import Recipients, send
from spark_streams.settings_store import SettingsStore
from spark_streams.submit import fallback_settings

_TIMEOUT = timedelta(minutes=5)


class AlertTestOperator(BaseOperator):
    """Succeeds where everybody was reached; fails with the ways that did not work."""

    def __init__(self, *, job: StreamJob, env: Mapping[str, str], **options: Any) -> None:
        super().__init__(**{"retries": 0, "execution_timeout": _TIMEOUT, **options})
        self.job = job
        self.fallbacks = fallback_settings(job, env)

    def execute(self, context: Any) -> None:
        """Send one now."""
        now = datetime.now(UTC)
        settings = SettingsStore(self.job, self.fallbacks).read_all(now).settings
        recipients = Recipients(settings.ALERT_EMAIL, settings.ALERT_CONNECTION)
        if not recipients.ways:
            raise AirflowFailException(
                f"nobody would be told of {self.job.name}: set the Variable ALERT_EMAIL or ALERT_CONNECTION"
            )
        test = Notification("test", False, "this is a test: all is as it was", "none", iso(now))
        if failed := list(send(self.job.name, test, recipients.ways, recipients, context)):
            raise AirflowFailException(f"not sent by {', '.join(failed)}; the lines above say why")
        self.log.info("Sent by %s", ", ".join(recipients.ways))
