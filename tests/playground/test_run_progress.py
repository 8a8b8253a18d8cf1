"""Rows are counted as a reader sees them, and a job is what its status says, as far as that can be believed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from playground.run.progress import Progress, RowCounts
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus, write_status
from spark_jobs.paths import Layout

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def written(path: Path, rows: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"n": list(range(rows))}), path)


def test_rows_follow_files_that_come_and_go(tmp_path: Path) -> None:
    counts = RowCounts()
    assert counts.rows(tmp_path / "feed") == 0
    written(tmp_path / "feed" / "hour=1" / "1.parquet", 3)
    written(tmp_path / "feed" / "hour=2" / "2.parquet", 4)
    assert counts.rows(tmp_path / "feed") == 7
    (tmp_path / "feed" / "hour=1" / "1.parquet").unlink()
    assert counts.rows(tmp_path / "feed") == 4


def test_a_half_written_file_counts_once_it_is_whole(tmp_path: Path) -> None:
    counts = RowCounts()
    (tmp_path / "1.parquet").write_bytes(b"PAR1")
    assert counts.rows(tmp_path) == 0
    written(tmp_path / "1.parquet", 2)
    assert counts.rows(tmp_path) == 2


def line(root: Path, *streams: StreamStatus, state: JobState = JobState.RUNNING, age_s: float = 1) -> str:
    """What `make run` prints of a job that said this so long ago."""
    layout, at = Layout(root), (NOW - timedelta(seconds=age_s)).isoformat()
    why = "no disk" if state == JobState.FAILED else None
    status = Status("analytics", Driver("a", "host"), 1, at, at, state, "", streams=streams, last_error=why)
    write_status(layout, status)
    return Progress(Layout(root / "feeds"), layout).job("analytics", NOW, timedelta(seconds=10))


def test_a_job_is_shown_by_the_words_of_its_streams(tmp_path: Path) -> None:
    idle = StreamStatus("rollup", StreamState.IDLE, caught_up_to="2018-01-15T09:00:00+00:00")
    behind = StreamStatus("pearson_correlations", StreamState.CATCHING_UP, lag_records=3, due_hours=1_400)
    off = StreamStatus("weather_safety_analysis", StreamState.OFF)
    stuck = StreamStatus("rollup", StreamState.STUCK)
    assert line(tmp_path, idle, off) == "analytics: 1 idle, 1 off, to 2018-01-15 09h"
    assert line(tmp_path, idle, behind) == (
        "analytics: 1 catching up, 1 idle (pearson_correlations catching up: 1,400 hours due)"
    )
    assert line(tmp_path, stuck) == "analytics: 1 stuck (rollup stuck: nobody knows how much is due)"


def test_a_job_that_has_ended_or_is_silent_has_no_streams_that_are_well(tmp_path: Path) -> None:
    idle = StreamStatus("rollup", StreamState.IDLE)
    assert line(tmp_path, idle, age_s=12) == "analytics running, silent for 12 s"
    assert line(tmp_path, idle, state=JobState.STOPPED, age_s=1) == "analytics stopped"
    assert line(tmp_path, idle, state=JobState.FAILED, age_s=1) == "analytics failed (no disk)"
