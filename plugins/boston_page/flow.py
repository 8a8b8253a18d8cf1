"""`/flow`: the two jobs and their streams, in the order of the data, each with its verdict and its figures."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, HTTPException

from boston_page.flow_rows import job_row, stream_row
from boston_page.health import Judgement
from boston_page.job_health import Supervision
from boston_page.job_view import JobView, look_at_job
from boston_page.latest import Latest
from boston_page.places import Place, places
from boston_page.stream_health import judge_stream
from boston_page.watches import supervision_of
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.documents.codec import iso
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION

UPSTREAM = {
    **{feed.name: () for feed in FEEDS},
    ROLLUP: tuple(feed.name for feed in FEEDS),
    **{analytic.name: (ROLLUP,) for analytic in ANALYTICS},
}
"""stream -> what it is made from; also the order of the rows"""

router = APIRouter()


@router.get("/flow")
def flow() -> dict[str, Any]:
    """Answer with the newest look, and how old it is: on a slow disk it is not of this moment."""
    found = _latest()
    if found is None:
        raise HTTPException(503, "the documents of the jobs are being read for the first time")
    return {**found, "age_s": (datetime.now(UTC) - datetime.fromisoformat(found["at"])).total_seconds()}


def look(now: datetime, found: Mapping[str, Place], supervision: Mapping[str, Supervision]) -> dict[str, Any]:
    """Read both jobs' documents and judge. Opens a handful of small files, however much data there are."""
    jobs = {name: look_at_job(place, supervision[name], now) for name, place in found.items()}
    job_rows = [job_row(job) for job in jobs.values()]
    streams = list(_streams(jobs))
    return {
        "at": iso(now),
        "needs_person": sum(row["needs_person"] for row in (*job_rows, *streams)),
        "jobs": job_rows,
        "streams": streams,
    }


def _look() -> dict[str, Any]:
    found, now = places(), datetime.now(UTC)
    return look(now, found, supervision_of(found, now))


_latest = Latest(_look, at_most_every_s=1.0)


def _streams(jobs: Mapping[str, JobView]) -> Iterator[dict[str, Any]]:
    judged: dict[str, Judgement] = {}
    for name, upstream in UPSTREAM.items():
        job = jobs[(INGESTION if name in INGESTION.streams else ANALYTICS_JOB).name]
        owed = {other: judged[other] for other in upstream}
        incidents = job.supervision.memory.incidents
        judged[name] = judge_stream(job.said_of(name), job.switch_of(name), job.judged, owed, incidents, name)
        yield stream_row(name, job, judged[name], upstream)
