"""A folder is a job's own where it can write there."""

import errno
import os
from pathlib import Path

import pytest

from spark_jobs.diagnosis import StreamFault
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


FAULTS = {
    errno.EACCES: False,
    errno.EPERM: False,
    errno.ENOTDIR: False,
    errno.ENAMETOOLONG: False,
    errno.ENOSPC: True,
    errno.EDQUOT: True,
    errno.EROFS: True,
    errno.ESTALE: True,
    errno.EIO: True,
}


@pytest.mark.parametrize(("number", "passes"), FAULTS.items(), ids=[errno.errorcode[number] for number in FAULTS])
def test_what_passes_by_itself_is_tried_again_and_a_wrong_path_is_not(
    number: int, passes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "touch", fail)
    with pytest.raises(StreamFault, match="cannot be written") as fault:
        own(tmp_path, "ingestion")
    assert (fault.value.diagnosis.retryable, fault.value.diagnosis.external) == (passes, passes)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_the_empty_place_of_a_late_mount_is_no_wrong_path_of_a_job_that_has_run(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "touch", fail)
    with pytest.raises(StreamFault, match="cannot be written") as fault:
        own(tmp_path, "ingestion", has_run=True)
    assert fault.value.diagnosis.retryable


def test_a_file_is_no_folder_and_a_link_into_a_mount_that_is_late_may_become_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "mount")
    for folder, passes in ((tmp_path / "file", False), (tmp_path / "link", True), (tmp_path / "link" / "out", True)):
        with pytest.raises(StreamFault, match="cannot be written") as fault:
            own(folder, "ingestion")
        assert fault.value.diagnosis.retryable == passes
