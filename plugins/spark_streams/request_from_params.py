"""What the upkeep DAGs ask of a job, from the run's parameters. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.documents.requests import CLEANUP, COMPACTION, REBUILD, RESET, START_OVER

STREAMS = {
    "ingestion": tuple(feed.name for feed in FEEDS),
    "analytics": (ROLLUP, *(analytic.name for analytic in ANALYTICS)),
}
ALL_STREAMS = tuple(name for names in STREAMS.values() for name in names)


class RequestedWork(NamedTuple):
    kind: str
    arguments: Mapping[str, Any]


def upkeep(job: str, params: Mapping[str, Any], is_manual: bool) -> RequestedWork | None:
    """Clean-up, or what a manual run names instead; None where that is a stream of the other job.

    A scheduled run always removes: the parameters are those of a person.
    """
    if not is_manual:
        return RequestedWork(CLEANUP, {"dry_run": False})
    dry_run = bool(params["dry_run"])
    if params["start_over"] and params["reset"]:
        raise ValueError("choose one of 'reset' and 'start_over'")
    if params["start_over"]:
        arguments = {"stream": params["start_over"], "confirm": params["confirm"], "dry_run": dry_run}
        return RequestedWork(START_OVER, arguments) if params["start_over"] in STREAMS[job] else None
    if params["reset"]:
        return (
            RequestedWork(RESET, {"stream": params["reset"], "dry_run": dry_run})
            if params["reset"] in STREAMS[job]
            else None
        )
    return RequestedWork(CLEANUP, {"dry_run": dry_run})


def compaction(_job: str, params: Mapping[str, Any], _is_manual: bool) -> RequestedWork:
    return RequestedWork(COMPACTION, {"feed": params["feed"]} if params["feed"] else {})


def rebuild(_job: str, params: Mapping[str, Any], _is_manual: bool) -> RequestedWork:
    return RequestedWork(REBUILD, {"from": params["from"], "to": params["to"]})
