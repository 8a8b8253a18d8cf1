"""The rows of the tab "Flow": what of a job's status everybody who is logged in gets to see."""

from datetime import UTC, datetime

from boston_page.flow_rows import stream_row
from boston_page.health import HealthWord, Judgement
from boston_page.heartbeat import Heartbeat
from boston_page.job_health import Supervision
from boston_page.job_view import JobView
from boston_page.places import place_of

from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Driver, JobState, Status, StreamStatus
from spark_jobs.documents.watch_memory import WatchMemory
from spark_jobs.stream_jobs import INGESTION

FINE = Judgement(HealthWord.HEALTHY, "takes what comes")
NOW = iso(datetime.now(UTC))


def saying(*streams: StreamStatus) -> JobView:
    status = Status("ingestion", Driver("d", "h"), 1, NOW, NOW, JobState.RUNNING, "f", streams=streams)
    heartbeat = Heartbeat(status, is_live=True)
    return JobView(place_of(INGESTION, {}), heartbeat, Supervision("", WatchMemory()), FINE)


def test_a_field_that_is_not_named_is_not_shown() -> None:
    said = StreamStatus("bike_trips", rows_today=7, new_layout='such as {"rider": "Jane"}')
    row = stream_row("bike_trips", saying(said), FINE, ())
    assert (row["rows_today"], row["job"], row["is_on"]) == (7, "ingestion", True)
    assert "Jane" not in str(row)


def test_of_a_stream_that_says_nothing_no_figure_is_known() -> None:
    row = stream_row("bike_trips", saying(StreamStatus("taxi_trips", rows_today=7)), FINE, ())
    assert (row["rows_today"], row["restarts"], row["verdict"]) == (None, None, HealthWord.HEALTHY)
    assert row["is_on"] is False
