"""`/history`: incidents, starts and requests of both jobs, newest first. Edits by people are in Airflow's audit log."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from fastapi import APIRouter

from boston_page.latest import Latest
from boston_page.places import places
from spark_jobs.documents.history import History, read_history
from spark_jobs.documents.requests import answer_to
from spark_jobs.paths import Layout

AT_MOST = 500
_REQUESTS_AT_MOST = 100
"""of each job: hourly compaction alone makes 24 a day"""

router = APIRouter()


@router.get("/history")
def history() -> list[dict[str, Any]]:
    """Answer with what the watches and the jobs noted."""
    return _latest() or []


def happened() -> list[dict[str, Any]]:
    """Read it; a document that cannot be read has nothing to say here."""
    found: list[dict[str, Any]] = []
    for name, place in places().items():
        with suppress(OSError):
            found += ({**event, "job": name} for event in (*_noted(place.layout), *_requested(place.layout)))
    return sorted(found, key=lambda event: str(event["at"]), reverse=True)[:AT_MOST]


_latest = Latest(happened, at_most_every_s=5.0)


def _noted(layout: Layout) -> Iterator[dict[str, Any]]:
    events: History = read_history(layout)
    for event in events.events:
        what = event.key.partition(":")[2] or event.key
        yield {"at": event.at, "kind": event.kind, "what": what, "said": event.sentence, "next_step": event.next_step}


def _requested(layout: Layout) -> Iterator[dict[str, Any]]:
    """The newest answers; their names sort by time."""
    if not layout.answers.is_dir():
        return
    for path in sorted(layout.answers.glob("*.json"), reverse=True)[:_REQUESTS_AT_MOST]:
        if answer := answer_to(layout, path.stem):
            said = f"{answer.state}: {answer.sentence}"
            yield {"at": answer.at, "kind": "request", "what": answer.kind, "said": said, "next_step": ""}
