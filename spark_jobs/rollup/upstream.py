"""Whether ingestion, and the rollup after it, bring what the analytics wait for: from what both say of themselves."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from spark_jobs.documents.status import JobState, Status, StreamState, StreamStatus
from spark_jobs.drivers.observation import DriverObservation
from spark_jobs.runtime.stream_record import StreamRecord

_AILING = (StreamState.BROKEN, StreamState.RESTARTING, StreamState.STUCK)
_KEEPS_UP = (StreamState.HEALTHY, StreamState.IDLE)


@dataclass
class Upstream:
    """What the rollup waits for, feed by feed, and the rollup itself; read by the analytics that stand on it."""

    rollup: StreamRecord
    missing: dict[str, str] = field(default_factory=dict)
    """feed -> what is missing, and why"""
    complete_before: dict[str, datetime] = field(default_factory=dict)
    """feed -> the end of the last hour that was complete when the rollup had all that was ingested"""
    rollup_log: str | None = None
    """the id of the rollup's log, of which that is so"""

    def of(self, feeds: tuple[str, ...]) -> str | None:
        """In one sentence, for those feeds; None where nothing is missing."""
        told = dict.fromkeys(self.missing[feed] for feed in feeds if feed in self.missing)
        return "; ".join(told) or None

    def of_analytic(self, feeds: tuple[str, ...]) -> str | None:
        """The same for who reads these feeds from the rollup, which may itself owe what was ingested."""
        told = (self.of(feeds), rollup_missing(self.rollup.apart_from_upstream()))
        return "; ".join(filter(None, told)) or None

    def complete_to(self, feeds: Iterable[str]) -> datetime | None:
        """The end of the last hour that is complete of all those feeds; None where that is not known."""
        ends = [self.complete_before.get(feed) for feed in feeds]
        known = [end for end in ends if end is not None]
        return min(known) if known and len(known) == len(ends) else None


def ingestion_missing(seen: DriverObservation, stale_after: timedelta) -> str | None:
    """Why ingestion brings nothing at all; None where it runs, or where it has not been watched for long enough."""
    status = seen.status
    if status is None:
        return "ingestion, which has never run here"
    if status.state == JobState.STOPPED:
        return "ingestion, which is off"
    if status.state == JobState.FAILED:
        return f"ingestion, which failed: {status.last_error}"
    if seen.is_gone:
        return "ingestion, whose processes are gone"
    if seen.is_silent(stale_after):
        return f"ingestion, which has given no sign of life for {seen.unchanged_for.total_seconds():.0f} s"
    return "ingestion, which is starting" if status.state == JobState.STARTING else None


def feed_missing(status: Status | None, feed: str) -> str | None:
    """Why a running ingestion may not have all of this feed; None where it keeps up."""
    stream = next((one for one in status.streams if one.name == feed), None) if status else None
    return None if stream is None else _owes(f"{feed}, whose ingestion", stream)


def rollup_missing(rollup: StreamStatus) -> str | None:
    """Why the rollup may not have all that was ingested; None where it takes it as it comes.

    `rollup`: apart from what it waits for itself.
    """
    return _owes("the rollup, which", rollup)


def _owes(who: str, stream: StreamStatus) -> str | None:
    # No number: analytics that wait for the same are one sentence.
    if stream.state in _AILING:
        return f"{who} is {_ailment(stream)}"
    if stream.state == StreamState.WAITING:
        return f"{who} waits for {stream.waits_for}"
    return None if stream.state in _KEEPS_UP else f"{who} is {stream.state}"


def _ailment(stream: StreamStatus) -> str:
    """The last error of a stream that is stuck is past."""
    error = None if stream.state == StreamState.STUCK else stream.last_error
    return f"{stream.state}: {error or 'it finishes no batch'}"
