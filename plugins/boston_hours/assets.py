"""One asset for each feed; its partitions are the feed's complete hours. Import them in a DAG that waits for hours."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Asset

from spark_jobs.catalog import FEEDS

HOURS_OF = {feed.name: Asset(name=f"{feed.name}_hours", uri=f"boston://hours/{feed.name}") for feed in FEEDS}
_KEY = "%Y-%m-%dT%H:%M:%S"
"""what Airflow's mappers of hours and days read unless they are told otherwise"""


def key_of(hour: datetime) -> str:
    """Return the partition key of an hour: its start in UTC."""
    return hour.astimezone(UTC).strftime(_KEY)


def hour_of_key(key: str) -> datetime:
    """Return the hour (UTC) of a partition key. ValueError where it is none."""
    return datetime.strptime(key, _KEY).replace(tzinfo=UTC)


def extra_of(revisions: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """What the events of one announcement say beside their keys: the revisions of hours that were revised."""
    return {"revisions": {key: revision for key, revision in revisions if revision > 1}}


def revision_of(events: Iterable[Any], key: str) -> int | None:
    """Return the newest revision of an hour that these events tell; None where none does, as of a run by hand."""
    told = [(event.extra or {}).get("revisions") for event in events if event.partition_key == key]
    return max((int(revisions.get(key, 1)) for revisions in told if revisions is not None), default=None)
