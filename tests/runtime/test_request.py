"""Asking a job for something by hand."""

from pathlib import Path

import pytest
import typer

from spark_jobs import request
from spark_jobs.documents import requests
from spark_jobs.paths import Layout
from spark_jobs.run_requests import JobName
from spark_jobs.settings import settings_from


def test_nobody_waits_for_a_request_that_somebody_else_has_withdrawn(tmp_path: Path) -> None:
    settings = settings_from({"OUTPUT_BASE_PATH": str(tmp_path)})
    answer = request._wait("ingestion", Layout(tmp_path), "removed", settings)
    assert (answer.state, answer.sentence) == (requests.FAILED, "it was withdrawn: somebody removed the request")


def test_a_folder_that_no_job_has_written_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OUTPUT_BASE_PATH", str(tmp_path / "away"))
    with pytest.raises(typer.Exit) as ended:
        request.main(JobName.INGESTION, "redrive", ["stream=bike_trips"])
    assert ended.value.exit_code == 2
    assert "was never the output of a job" in capsys.readouterr().err
    assert not (tmp_path / "away").exists()
