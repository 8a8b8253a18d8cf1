"""What `make run` prints while it runs: rows per feed, as its log counts them, and job states."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from spark_jobs.catalog import FEEDS
from spark_jobs.documents.status import ENDED_JOB_STATES, StreamState, StreamStatus, as_read, read_status
from spark_jobs.paths import Layout
from spark_jobs.publication.log import LogDamaged, LogReader


class Progress:
    """Rows and job states of one playground."""

    def __init__(self, output: Layout, analytics: Layout) -> None:
        self._layouts = {"ingestion": output, "analytics": analytics}
        self._logs = {feed.name: LogReader(output, feed.name) for feed in FEEDS}

    def rows(self) -> dict[str, int]:
        return {feed: _rows_in(log) for feed, log in self._logs.items()}

    def refused_today(self, now: datetime, stale_after: timedelta) -> int | None:
        """Return how many messages were refused since midnight UTC; None where the job has not said it."""
        status = read_status(self._layouts["ingestion"])
        streams = as_read(status, now, stale_after).streams if status else ()
        told = [stream.refused_today for stream in streams if stream.refused_today is not None]
        return sum(told) if told else None

    def job(self, name: str, now: datetime, stale_after: timedelta) -> str:
        """Return how many streams are at what, and of those that are not well what is the matter."""
        status = read_status(self._layouts[name])
        if status is None:
            return f"{name} not started yet"
        if not status.is_live(now, stale_after):
            silent = "" if status.state in ENDED_JOB_STATES else f", silent for {status.age(now).total_seconds():.0f} s"
            return f"{name} {status.state}{silent}" + (f" ({status.last_error})" if status.last_error else "")
        if not status.streams:
            return f"{name} {status.state}"
        told = [*status.warnings, *(one for stream in status.streams if (one := _trouble(stream)))]
        counted = Counter(stream.state.value for stream in status.streams)
        states = ", ".join(f"{counted[state]} {state}" for state in sorted(counted))
        return f"{name}: {states}{_complete_to(status.streams)}" + "".join(f" ({one})" for one in told[:1])


def _rows_in(log: LogReader) -> int:
    """The rows of a feed; 0 where its log cannot be read: what is wrong with it, its job says."""
    try:
        head = log.head()
    except (LogDamaged, OSError):
        return 0
    return head.rows.get("total", 0) if head else 0


def _trouble(stream: StreamStatus) -> str | None:
    if stream.state in (StreamState.BROKEN, StreamState.RESTARTING):
        return f"{stream.name}: {stream.last_error}"
    if stream.state == StreamState.WAITING:
        return f"{stream.name} waits for {stream.waits_for}"
    if stream.state in (StreamState.CATCHING_UP, StreamState.STUCK):
        hours = f"{stream.due_hours:,} hours due" if stream.due_hours else None
        unread = f"{stream.lag_records:,} unread" if stream.lag_records else None
        return f"{stream.name} {stream.state}: {hours or unread or 'nobody knows how much is due'}"
    return None


def _complete_to(streams: Iterable[StreamStatus]) -> str:
    """The event hour that all streams have, where each says one."""
    hours = [stream.caught_up_to for stream in streams if stream.state != StreamState.OFF]
    known = [hour for hour in hours if hour is not None]
    return f", to {min(known)[:13].replace('T', ' ')}h" if known and len(known) == len(hours) else ""


def progress_line(rows: dict[str, int], refused_today: int | None, jobs: list[str], now: datetime) -> str:
    refused = {} if refused_today is None else {"refused today": refused_today}
    counted = "  ".join(f"{name} {count:,}" for name, count in (rows | refused).items())
    return f"{now.astimezone():%H:%M:%S}  {counted}  |  {', '.join(jobs)}"


def utc_now() -> datetime:
    return datetime.now(UTC)
