"""The rows of `/flow`: what a job and a stream say of themselves, with their verdicts."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from boston_page.health import Judgement
from boston_page.job_view import JobView
from spark_jobs.documents.status import StreamState

_FIGURES = (
    "batch",
    "last_progress_at",
    "last_batch_s",
    "rows_per_s",
    "rows_today",
    "refused_today",
    "lag_records",
    "lag_s",
    "due_hours",
    "caught_up_to",
    "restarts",
    "consecutive_failures",
    "next_retry_at",
    "last_error",
    "stuck_after_s",
    "lost_messages",
)
"""what everybody who is logged in may see of a stream; a field that a status has more is not shown by itself"""


def stream_row(name: str, job: JobView, judged: Judgement, upstream: Iterable[str]) -> dict[str, Any]:
    """Return a stream's figures as its job tells them, and what the page makes of them."""
    said, switch = job.said_of(name), job.switch_of(name)
    return {
        **{figure: getattr(said, figure, None) for figure in _FIGURES},
        **asdict(judged),
        "name": name,
        "job": job.name,
        "from": list(upstream),
        "flag": switch.flag if switch else None,
        "wanted": switch.wanted if switch else None,
        "is_on": job.heartbeat.is_live and said is not None and said.state != StreamState.OFF,
    }


def job_row(job: JobView) -> dict[str, Any]:
    """Return how a job is: its heartbeat, its switch, its watch, and the settings that changed nothing."""
    place, heartbeat, supervision = job.place, job.heartbeat, job.supervision
    status = heartbeat.status
    return {
        **asdict(job.judged),
        "name": job.name,
        "flag": place.job.flag,
        "wanted": place.is_wanted,
        "is_on": heartbeat.is_live,
        "is_held": supervision.held_because is not None,
        "state": status.state if status else None,
        "age_s": heartbeat.age_s if status else None,
        "started_at": status.started_at if status else None,
        "log": status.log if status else None,
        "rejected": [
            {"setting": name, "why": why, "holds": place.accepted.get(name)}
            for name, why in place.published.rejected.items()
        ],
        "watch": {"why_not": supervision.why_unwatched, "restarts_in_a_row": supervision.memory.restarts.in_a_row},
    }
