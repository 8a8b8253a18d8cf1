"""What `make run` prints while it runs: rows per feed, as a reader of the Parquet files counts them, and job states."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.catalog import FEEDS
from spark_jobs.documents.status import ENDED_JOB_STATES, StreamState, StreamStatus, read_status
from spark_jobs.paths import Layout


class RowCounts:
    """Counts rows below a folder; opens each file once, as published files never change."""

    def __init__(self) -> None:
        self._known: dict[Path, int] = {}

    def rows(self, folder: Path) -> int:
        present = set(folder.rglob("*.parquet"))
        for gone in [path for path in self._known if path not in present and path.is_relative_to(folder)]:
            del self._known[gone]
        for path in present - self._known.keys():
            rows = _rows_of(path)
            if rows is not None:
                self._known[path] = rows
        return sum(self._known.get(path, 0) for path in present)


def _rows_of(path: Path) -> int | None:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return None  # moved or replaced since the listing: counted next time


class Progress:
    """Rows and job states of one playground."""

    def __init__(self, output: Layout, analytics: Layout) -> None:
        self._layouts = {"ingestion": output, "analytics": analytics}
        self._counts = RowCounts()

    def rows(self) -> dict[str, int]:
        output = self._layouts["ingestion"]
        return {feed.name: self._counts.rows(output.dataset(feed.name)) for feed in FEEDS}

    def refused(self) -> int:
        return self._counts.rows(self._layouts["ingestion"].root / "_dead_letters")

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


def progress_line(rows: dict[str, int], refused: int, jobs: list[str], now: datetime) -> str:
    counted = "  ".join(f"{name} {count:,}" for name, count in rows.items())
    return f"{now.astimezone():%H:%M:%S}  {counted}  refused {refused:,}  |  {', '.join(jobs)}"


def utc_now() -> datetime:
    return datetime.now(UTC)
