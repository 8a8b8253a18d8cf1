"""What the upkeep runs request of a job, from their parameters. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pendulum

from spark_jobs.documents.requests import CLEANUP, COMPACTION, REBUILD, REDRIVE, RESET, START_OVER
from spark_jobs.stream_jobs import StreamJob


class RequestedWork(NamedTuple):
    """A kind of request, and its arguments."""

    kind: str
    arguments: Mapping[str, Any]


def upkeep(job: StreamJob, params: Mapping[str, Any], is_scheduled: bool) -> RequestedWork | None:
    """Request a clean-up, or what the run names instead; None where that is a stream of another job.

    A scheduled run always removes. Any other one does what its parameters say, whoever started it: by default nothing.

    Raises:
        ValueError: the parameters contradict each other.
    """
    if is_scheduled:
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


def compaction(_job: StreamJob, params: Mapping[str, Any], _is_scheduled: bool) -> RequestedWork:
    """Request a compaction, of one feed where the run names one."""
    return RequestedWork(COMPACTION, {"feed": params["feed"]} if params["feed"] else {})


def redrive(_job: StreamJob, params: Mapping[str, Any], _is_scheduled: bool) -> RequestedWork:
    """Request that refused messages of a feed are looked at once more, and sent again unless it is a dry run.

    Raises:
        ValueError: no feed is chosen.
    """
    if not params["stream"]:
        raise ValueError("choose a 'stream'")
    names = ("stream", "dry_run", "reason", "from", "to", "originals", "at_most")
    return RequestedWork(REDRIVE, {name: params[name] for name in names})


def rebuild(_job: StreamJob, params: Mapping[str, Any], _is_scheduled: bool) -> RequestedWork:
    """Request a rebuild of the UTC days from `from` to `to`, both included; `confirm`: events that are gone are lost.

    Raises:
        ValueError: one of them is no day, or they are the wrong way round.
    """
    first, last = _day(params, "from"), _day(params, "to")
    if last < first:
        raise ValueError(f"'from' ({first}) is after 'to' ({last})")
    days = {"from": first.to_date_string(), "to": last.to_date_string()}
    return RequestedWork(REBUILD, {**days, "confirm": bool(params["confirm"])})


def last_days(count: int) -> tuple[str, str]:
    """Return the first and the last of the newest UTC days, today included, as a form takes them."""
    today = pendulum.today("UTC")
    return today.subtract(days=count - 1).to_date_string(), today.to_date_string()


def _day(params: Mapping[str, Any], name: str) -> pendulum.Date:
    try:
        return pendulum.from_format(params[name], "YYYY-MM-DD").date()
    except ValueError as wrong:
        raise ValueError(f"'{name}' is {params[name]!r}; allowed: a day such as 2018-12-01 ({wrong})") from None
