"""`/flow`: the two jobs and their streams, in the order of the data, each with its verdict and its figures."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, HTTPException

from boston_page.airflow_internals import paused_dags, unhealthy_components
from boston_page.heartbeat import Heartbeat, look_at_heartbeat
from boston_page.job_verdict import Supervision, judge_job
from boston_page.latest import Latest
from boston_page.places import Place, places
from boston_page.stream_verdict import StreamSwitch, judge_stream
from boston_page.verdict import Judgement
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import held_because
from spark_jobs.documents.status import StreamState, StreamStatus
from spark_jobs.documents.watch_memory import WatchMemory, read_memory
from spark_jobs.paths import Layout
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
    heartbeats = {
        name: look_at_heartbeat(place.layout, now, place.settings.HEARTBEAT_STALE_AFTER)
        for name, place in found.items()
    }
    jobs = {
        name: judge_job(place.job, place.is_wanted, heartbeats[name], supervision[name])
        for name, place in found.items()
    }
    streams = dict(_streams(found, heartbeats, jobs, supervision))
    return {
        "at": iso(now),
        "needs_person": sum(
            row["needs_person"] for row in (*(asdict(job) for job in jobs.values()), *streams.values())
        ),
        "jobs": [_job_row(found[name], heartbeats[name], jobs[name], supervision[name]) for name in found],
        "streams": list(streams.values()),
    }


def supervision_of(found: Mapping[str, Place]) -> dict[str, Supervision]:
    """Look at both watches: whether they look, and what they remember."""
    unhealthy = unhealthy_components()
    paused = paused_dags(f"watch_{name}" for name in found)
    why_not = {name: _why_unwatched(f"watch_{name}", paused, unhealthy) for name in found}
    return {name: _supervision(why_not[name], place.layout) for name, place in found.items()}


def _look() -> dict[str, Any]:
    found = places()
    return look(datetime.now(UTC), found, supervision_of(found))


_latest = Latest(_look, at_most_every_s=1.0)


def _supervision(why_unwatched: str, layout: Layout) -> Supervision:
    try:
        return Supervision(why_unwatched, read_memory(layout), held_because(layout))
    except OSError:  # the heartbeat beside it says that nothing can be read here
        return Supervision(why_unwatched, WatchMemory())


def _why_unwatched(dag_id: str, paused: Mapping[str, bool], unhealthy: list[str]) -> str:
    if dag_id not in paused:
        return f"Airflow knows no DAG {dag_id}"
    if paused[dag_id]:
        return f"{dag_id} is paused"
    return f"Airflow's {' and '.join(unhealthy)} does not run" if unhealthy else ""


def _streams(
    found: Mapping[str, Place],
    heartbeats: Mapping[str, Heartbeat],
    jobs: Mapping[str, Judgement],
    supervision: Mapping[str, Supervision],
) -> Iterator[tuple[str, dict[str, Any]]]:
    judged: dict[str, Judgement] = {}
    for name, upstream in UPSTREAM.items():
        job = (INGESTION if name in INGESTION.streams else ANALYTICS_JOB).name
        said, switch = _said(heartbeats[job], name), _switch(found[job], name)
        owed = {other: judged[other] for other in upstream}
        judged[name] = judge_stream(said, switch, jobs[job], owed, supervision[job].memory.incidents, name)
        yield name, _stream_row(name, job, said, switch, judged[name], heartbeats[job].is_live)


def _said(heartbeat: Heartbeat, name: str) -> StreamStatus | None:
    streams = heartbeat.status.streams if heartbeat.status else ()
    return next((stream for stream in streams if stream.name == name), None)


def _switch(place: Place, name: str) -> StreamSwitch | None:
    flag = place.job.stream_flags.get(name)
    return StreamSwitch(flag, place.wants(name)) if flag else None


def _stream_row(
    name: str, job: str, said: StreamStatus | None, switch: StreamSwitch | None, judged: Judgement, is_live: bool
) -> dict[str, Any]:
    return {
        **(asdict(said) if said else {}),
        **asdict(judged),
        "name": name,
        "job": job,
        "from": list(UPSTREAM[name]),
        "flag": switch.flag if switch else None,
        "wanted": switch.wanted if switch else None,
        "is_on": is_live and said is not None and said.state != StreamState.OFF,
    }


def _job_row(place: Place, heartbeat: Heartbeat, judged: Judgement, supervision: Supervision) -> dict[str, Any]:
    status = heartbeat.status
    return {
        **asdict(judged),
        "name": place.job.name,
        "flag": place.job.flag,
        "wanted": place.is_wanted,
        "is_on": heartbeat.is_live,
        "is_held": supervision.held_because is not None,
        "state": status.state if status else None,
        "age_s": heartbeat.age_s if status else None,
        "started_at": status.started_at if status else None,
        "log": status.log if status else None,
        "rejected": dict(place.published.rejected),
        "watch": {"why_not": supervision.why_unwatched, "restarts_in_a_row": supervision.memory.restarts.in_a_row},
    }
