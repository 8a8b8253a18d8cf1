"""`_control/failed_start.json`: why the last start never came to a heartbeat."""

from dataclasses import dataclass
from datetime import datetime

from spark_jobs.documents.codec import read_document, write_document
from spark_jobs.paths import Layout


@dataclass(frozen=True)
class FailedStart:
    """The reason, the next step, and for which settings."""

    sentence: str
    next_step: str
    retry_helps: bool
    settings_fingerprint: str


def write_failed_start(layout: Layout, failed: FailedStart | None, now: datetime) -> None:
    """Note why a start failed; None forgets the last one."""
    if failed is None:
        layout.failed_start.unlink(missing_ok=True)
    else:
        write_document(layout.failed_start, failed, now)


def read_failed_start(layout: Layout) -> FailedStart | None:
    """Read why the last start failed; None where it did not."""
    return read_document(layout.failed_start, FailedStart)
