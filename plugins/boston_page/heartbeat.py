"""What can be read of a job's status document: the status, or why there is none."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from spark_jobs.documents.codec import SCHEMA_VERSION
from spark_jobs.documents.status import Status, as_read, read_status
from spark_jobs.paths import Layout


@dataclass(frozen=True)
class Heartbeat:
    """One look at the document. `status`: what a reader may believe of it; None where `why_unknown` says why."""

    status: Status | None
    age_s: float = 0.0
    is_live: bool = False
    why_unknown: str = ""
    next_step: str = ""
    is_absent: bool = False


def look_at_heartbeat(layout: Layout, now: datetime, stale_after: timedelta) -> Heartbeat:
    """Read the document, and say in words what is wrong with one that cannot be read."""
    try:
        status = read_status(layout)
        if status is not None:
            believed = as_read(status, now, stale_after)
            return Heartbeat(believed, status.age(now).total_seconds(), status.is_live(now, stale_after))
        return _why_unknown(layout.status.read_bytes())
    except FileNotFoundError:
        step = "none where it has just been switched on: its watch starts it; else unpause that"
        return Heartbeat(None, why_unknown="it has never run with this output path", next_step=step, is_absent=True)
    except OSError as failure:
        step = "let Airflow's user read the output path, and see whether its disk is there"
        return Heartbeat(None, why_unknown=f"its status document cannot be read: {failure.strerror}", next_step=step)


def _why_unknown(content: bytes) -> Heartbeat:
    try:
        document = json.loads(content)
        version = document.get("schema_version") if isinstance(document, dict) else None
    except (ValueError, RecursionError):
        version = None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        why = f"its status document has version {version}, and this page reads version {SCHEMA_VERSION}"
        return Heartbeat(None, why_unknown=why, next_step="update this Airflow's checkout to that of the job")
    why = "its status document is damaged or half written"
    return Heartbeat(None, why_unknown=why, next_step="see the driver's log; a running job writes it again within 2 s")
