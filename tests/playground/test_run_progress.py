"""Rows are counted as the logs do it, and a job is what its status says, as far as that can be believed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from playground.run.progress import Progress, progress_line
from spark_jobs.catalog import FEEDS
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus, write_status
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


STALE_AFTER = timedelta(seconds=10)


def publish(layout: Layout, feed: str, total: int) -> None:
    log = PublicationLog(layout, feed)
    if log.recover() is None:
        log.begin(Entry("origin", {}, rows={"total": 0}), NOW)
    with log.transaction(lambda: None) as transaction:
        transaction.commit(Entry("batch", {}, rows={"written": 1, "refused": 2, "total": total}), NOW)


def test_rows_follow_the_logs(tmp_path: Path) -> None:
    layout, none = Layout(tmp_path), dict.fromkeys((feed.name for feed in FEEDS), 0)
    progress = Progress(layout, layout)
    assert progress.rows() == none
    publish(layout, "bike_trips", 3)
    publish(layout, "accidents", 4)
    assert progress.rows() == {**none, "bike_trips": 3, "accidents": 4}
    publish(layout, "bike_trips", 7)
    assert progress.rows() == {**none, "bike_trips": 7, "accidents": 4}


def test_a_feed_whose_log_cannot_be_read_has_no_rows(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    publish(layout, "bike_trips", 3)
    publish(layout, "accidents", 4)
    PublicationLog(layout, "bike_trips").path(1).write_text("{")
    PublicationLog(layout, "accidents").path(0).unlink()
    assert set(Progress(layout, layout).rows().values()) == {0}


def test_refused_messages_are_those_of_today_where_the_job_has_said_so(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    progress = Progress(layout, Layout(tmp_path / "analytics"))
    assert progress.refused_today(NOW, STALE_AFTER) is None
    streams = (StreamStatus("bike_trips", refused_today=1_200), StreamStatus("accidents", refused_today=34))
    at = NOW.isoformat()
    write_status(layout, Status("ingestion", Driver("a", "host"), 1, at, at, JobState.RUNNING, "", streams=streams))
    assert progress.refused_today(NOW, STALE_AFTER) == 1_234
    assert progress.refused_today(NOW + timedelta(days=1), STALE_AFTER) is None


def test_the_line_has_rows_refused_messages_and_jobs() -> None:
    clock = f"{NOW.astimezone():%H:%M:%S}"
    assert progress_line({"bike_trips": 1_000}, 7, ["ingestion: 4 idle"], NOW) == (
        f"{clock}  bike_trips 1,000  refused today 7  |  ingestion: 4 idle"
    )
    assert "refused" not in progress_line({"bike_trips": 0}, None, [], NOW)


def line(root: Path, *streams: StreamStatus, state: JobState = JobState.RUNNING, age_s: float = 1) -> str:
    """What `make run` prints of a job that said this so long ago."""
    layout, at = Layout(root), (NOW - timedelta(seconds=age_s)).isoformat()
    why = "no disk" if state == JobState.FAILED else None
    status = Status("analytics", Driver("a", "host"), 1, at, at, state, "", streams=streams, last_error=why)
    write_status(layout, status)
    return Progress(Layout(root / "feeds"), layout).job("analytics", NOW, STALE_AFTER)


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
