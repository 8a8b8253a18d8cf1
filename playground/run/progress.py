"""What `make run` prints while it runs: rows per feed, as a reader of the Parquet files counts them, and job states."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.catalog import FEEDS
from spark_jobs.documents.status import read_status
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
        """Return 'ingestion running', with the first stream's error if there is one."""
        status = read_status(self._layouts[name])
        if status is None:
            return f"{name} not started yet"
        if not status.is_live(now, stale_after):
            return f"{name} {status.state}, silent for {status.age(now).total_seconds():.0f} s"
        errors = [f"{s.name}: {s.last_error}" for s in status.streams if s.last_error and s.state != "healthy"]
        return f"{name} {status.state}" + "".join(f" ({error})" for error in errors[:1])


def progress_line(rows: dict[str, int], refused: int, jobs: list[str], now: datetime) -> str:
    counted = "  ".join(f"{name} {count:,}" for name, count in rows.items())
    return f"{now.astimezone():%H:%M:%S}  {counted}  refused {refused:,}  |  {', '.join(jobs)}"


def utc_now() -> datetime:
    return datetime.now(UTC)
