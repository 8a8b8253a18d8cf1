"""The tasks that announce complete hours: look, make the events, and only then remember.

Airflow stores the events of a task together with its success. What comes after them may be lost with a crash, and then
hours are announced once more; none is ever left out. The events themselves are no memory: `airflow db clean` removes
them, and Airflow 3.3 fails to list an asset's events while a run of one of them is queued.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import BaseBranchOperator, BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from pydantic import TypeAdapter

from boston_hours.assets import HOURS_OF, extra_of, key_of
from boston_hours.feeds_layout import feeds_layout
from boston_hours.looking import OlderPeriod, announcements
from spark_jobs.documents.announced_hours import remember_announced
from spark_jobs.paths import Layout
from spark_jobs.supervision.announcing_hours import Announcement

_ROOT = "root"
_OPTIONS: Mapping[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "execution_timeout": timedelta(minutes=5),
}
_ANNOUNCEMENT = TypeAdapter(Announcement)


class LookForHours(BaseBranchOperator):
    """Goes on with the feeds that have hours to announce: one process where there are none."""

    def __init__(self, *, env: Mapping[str, str], **options: Any) -> None:
        super().__init__(**{**_OPTIONS, **options})
        self.env = dict(env)

    def choose_branch(self, context: Any) -> list[str]:
        """Hand each feed's announcement to its task."""
        try:
            period = OlderPeriod.of(context["params"])
        except ValueError as wrong:
            raise AirflowFailException(str(wrong)) from None
        layout, ti = feeds_layout(self.env), context["ti"]
        found = dict(announcements(layout, period))
        ti.xcom_push(_ROOT, str(layout.root))
        for feed, announcement in found.items():
            ti.xcom_push(feed, asdict(announcement))
            self.log.info("%s: %s", feed, ", ".join(announcement.revisions))
        return [AnnounceHours.id_of(feed) for feed in found]


class AnnounceHours(BaseOperator):
    """Makes one event of the feed's asset for each hour."""

    def __init__(self, *, feed: str, looked_by: str, **options: Any) -> None:
        super().__init__(task_id=self.id_of(feed), outlets=[HOURS_OF[feed]], **{**_OPTIONS, **options})
        self.feed = feed
        self.looked_by = looked_by

    @staticmethod
    def id_of(feed: str) -> str:
        """Name the feed's task."""
        return f"announce_{feed}"

    def execute(self, context: Any) -> None:
        """Airflow stores them with the success of this task."""
        found = _ANNOUNCEMENT.validate_python(context["ti"].xcom_pull(task_ids=self.looked_by, key=self.feed))
        revisions = [(key_of(datetime.fromisoformat(hour)), number) for hour, number in found.revisions.items()]
        events = context["outlet_events"][HOURS_OF[self.feed]]
        events.extra = extra_of(revisions)
        events.add_partitions([key for key, _ in revisions])


class RememberHours(BaseOperator):
    """Notes how far the feed is announced, once its events are stored: what fails of another one has no part in it."""

    def __init__(self, *, feed: str, looked_by: str, **options: Any) -> None:
        super().__init__(task_id=f"remember_{feed}", **{**_OPTIONS, **options})
        self.feed = feed
        self.looked_by = looked_by

    def execute(self, context: Any) -> None:
        """Below the root that was looked at: the setting may be another one by now."""
        ti, looked = context["ti"], self.looked_by
        found = _ANNOUNCEMENT.validate_python(ti.xcom_pull(task_ids=looked, key=self.feed))
        layout = Layout(Path(ti.xcom_pull(task_ids=looked, key=_ROOT)))
        remember_announced(layout, self.feed, found.reached, datetime.now(UTC))
