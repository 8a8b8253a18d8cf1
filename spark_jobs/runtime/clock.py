"""The one place of spark_jobs that asks what time it is; everything else is told."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
