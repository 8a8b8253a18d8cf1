"""What the upkeep runs request of a job, from their parameters. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from spark_jobs.documents.requests import CLEANUP, COMPACTION, REBUILD, RESET, START_OVER
from spark_jobs.stream_jobs import StreamJob


class RequestedWork(NamedTuple):
    """A kind of request, and its arguments."""

    kind: str
    arguments: Mapping[str, Any]


def upkeep(job: StreamJob, params: Mapping[str, Any], is_manual: bool) -> RequestedWork | None:
    """Request a clean-up, or what a manual run names instead; None where that is a stream of another job.

    A scheduled run always removes: the parameters are those of a person.

    Raises:
        ValueError: the parameters contradict each other.
    """
    if not is_manual:
        return RequestedWork(CLEANUP, {"dry_run": False})
    dry_run, reset, start_over = bool(params["dry_run"]), params["reset"], params["start_over"]
    if start_over and reset:
        raise ValueError("choose one of 'reset' and 'start_over'")
    if not start_over and not reset:
        return RequestedWork(CLEANUP, {"dry_run": dry_run})
    if (start_over or reset) not in job.streams:
        return None
    if reset:
        return RequestedWork(RESET, {"stream": reset, "dry_run": dry_run})
    return RequestedWork(START_OVER, {"stream": start_over, "confirm": params["confirm"], "dry_run": dry_run})


def compaction(_job: StreamJob, params: Mapping[str, Any], _is_manual: bool) -> RequestedWork:
    """Request a compaction, of one feed where the run names one."""
    return RequestedWork(COMPACTION, {"feed": params["feed"]} if params["feed"] else {})


def rebuild(_job: StreamJob, params: Mapping[str, Any], _is_manual: bool) -> RequestedWork:
    """Request a rebuild of the days from `from` to `to`, both included."""
    return RequestedWork(REBUILD, {"from": params["from"], "to": params["to"]})
