"""Asking a job for something by hand."""

from pathlib import Path

from spark_jobs import request
from spark_jobs.documents import requests
from spark_jobs.paths import Layout
from spark_jobs.settings import settings_from


def test_nobody_waits_for_a_request_that_somebody_else_has_withdrawn(tmp_path: Path) -> None:
    settings = settings_from({"OUTPUT_BASE_PATH": str(tmp_path)})
    answer = request._wait("ingestion", Layout(tmp_path), "removed", settings)
    assert (answer.state, answer.sentence) == (requests.FAILED, "it was withdrawn: somebody removed the request")
