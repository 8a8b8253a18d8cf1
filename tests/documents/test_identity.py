"""Whose folder it is: taken over where nobody has said, refused where another job has."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.identity import IDENTITY, claim, read_identity

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_folder_becomes_the_first_ones_and_stays_it(tmp_path: Path) -> None:
    (tmp_path / "bike_trips").mkdir()  # of an older version: it has no mark
    mine = claim(tmp_path, "ingestion", NOW)
    assert claim(tmp_path, "ingestion", NOW) == mine == read_identity(tmp_path)
    with pytest.raises(StreamFault, match="belongs to the ingestion job"):
        claim(tmp_path, "analytics", NOW)


def test_two_folders_are_told_apart(tmp_path: Path) -> None:
    assert claim(tmp_path / "a", "ingestion", NOW) != claim(tmp_path / "b", "ingestion", NOW)


def test_a_mark_that_a_power_cut_damaged_is_made_again(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).write_bytes(bytes(60))
    assert claim(tmp_path, "ingestion", NOW) == read_identity(tmp_path)
