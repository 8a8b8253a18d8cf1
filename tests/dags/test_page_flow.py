"""The rows of the tab "Flow": what of a job's status everybody who is logged in gets to see."""

from boston_page.flow_rows import stream_row
from boston_page.health import HealthWord, Judgement

from spark_jobs.documents.status import StreamStatus

FINE = Judgement(HealthWord.HEALTHY, "takes what comes")


def test_a_field_that_is_not_named_is_not_shown() -> None:
    said = StreamStatus("bike_trips", rows_today=7, new_layout='such as {"rider": "Jane"}')
    row = stream_row("bike_trips", "ingestion", said, None, FINE, (), is_live=True)
    assert row["rows_today"] == 7
    assert "Jane" not in str(row)


def test_of_a_stream_that_says_nothing_no_figure_is_known() -> None:
    row = stream_row("bike_trips", "ingestion", None, None, FINE, (), is_live=True)
    assert (row["rows_today"], row["restarts"], row["verdict"]) == (None, None, HealthWord.HEALTHY)
