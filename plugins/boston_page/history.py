"""`/history`: incidents, starts and requests of both jobs, newest first. Edits by people are in Airflow's audit log."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, HTTPException

from boston_page.latest import Latest
from boston_page.places import places
from spark_jobs.documents.history import History, read_history
from spark_jobs.documents.requests import answer_to
from spark_jobs.paths import Layout
from spark_jobs.supervision.incidents import kind_and_subject

_REQUESTS_AT_MOST = 100
"""of each job: hourly compaction alone makes 24 a day"""

router = APIRouter()


@router.get("/history")
def history() -> list[dict[str, Any]]:
    """Answer with all that the watches keep, and the newest requests; what cannot be read is not nothing."""
    found = _latest()
    if found is None:
        raise HTTPException(503, "what happened is being read for the first time")
    return found


def happened() -> list[dict[str, Any]]:
    """Read it. HTTPException where the documents of a job cannot be read."""
    found: list[dict[str, Any]] = []
    for name, place in places().items():
        try:
            found += ({**event, "job": name} for event in (*_noted(place.layout), *_requested(place.layout)))
        except OSError as failure:
            raise HTTPException(503, f"what happened to {name} cannot be read: {failure.strerror}") from failure
    return sorted(found, key=lambda event: str(event["at"]), reverse=True)


_latest = Latest(happened, at_most_every_s=5.0)


def _noted(layout: Layout) -> Iterator[dict[str, Any]]:
    events: History = read_history(layout)
    for event in events.events:
        kind, subject = kind_and_subject(event.key)
        what = subject or kind
        yield {"at": event.at, "kind": event.kind, "what": what, "said": event.sentence, "next_step": event.next_step}


def _requested(layout: Layout) -> Iterator[dict[str, Any]]:
    """The newest answers; their names sort by time."""
    if not layout.answers.is_dir():
        return
    for path in sorted(layout.answers.glob("*.json"), reverse=True)[:_REQUESTS_AT_MOST]:
        if answer := answer_to(layout, path.stem):
            said = f"{answer.state}: {answer.sentence}"
            yield {"at": answer.at, "kind": "request", "what": answer.kind, "said": said, "next_step": ""}
