from datetime import UTC, datetime

from spark_streams.gauges import gauges

from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Driver, JobState, Status, StreamStatus


def status_of(*streams: StreamStatus) -> Status:
    now = iso(datetime.now(UTC))
    return Status("ingestion", Driver("a-1", "host"), 1, now, now, JobState.RUNNING, "", streams=streams)


def test_what_is_known_has_a_gauge_and_what_is_not_has_none() -> None:
    bikes = StreamStatus("bike_trips", lag_records=7, lag_s=0.5, rows_today=0, restarts=2)
    assert dict(gauges("ingestion", True, 1, status_of(bikes))) == {
        "streams.ingestion.runs": 1,
        "streams.ingestion.incidents": 1,
        "streams.ingestion.bike_trips.lag_records": 7,
        "streams.ingestion.bike_trips.lag_seconds": 0.5,
        "streams.ingestion.bike_trips.rows_today": 0,
        "streams.ingestion.bike_trips.restarts": 2,
    }


def test_a_job_without_a_status_does_not_run() -> None:
    assert dict(gauges("analytics", False, 0, None)) == {"streams.analytics.runs": 0, "streams.analytics.incidents": 0}
