"""A folder is a job's own where it can write there."""

from pathlib import Path

import pytest

from spark_jobs.documents.identity import read_identity
from spark_jobs.runtime.own_folders import own


def test_a_driver_in_another_container_with_the_same_process_id_is_no_reason_to_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "touch", lambda _path: None)  # it has just removed the file
    own(tmp_path, "ingestion")
    found = read_identity(tmp_path)
    assert found is not None
    assert found.app == "ingestion"
