"""A fresh checkpoint for every try: no name comes twice, and what earlier tries left never matters."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.runtime.checkpoints import fresh_checkpoint, own_tries, remove_tries
from spark_jobs.runtime.driver_process import new_instance

A, B = "20260101T000000-1-aaaaaa", "20260102T000000-2-bbbbbb"


def used(checkpoint: Path) -> Path:
    (checkpoint / "offsets").mkdir()
    (checkpoint / "offsets" / "0").write_text("v1")
    return checkpoint


def test_each_try_has_a_folder_of_its_own_though_older_ones_are_removed(tmp_path: Path) -> None:
    folder, tries = tmp_path / "bike_trips", []
    for _ in range(5):
        tries.append(used(fresh_checkpoint(folder, A)))
        remove_tries(folder, kept=tries[-1])
        assert list(folder.iterdir()) == [tries[-1]]
    assert len(set(tries)) == 5
    assert all(one.name.startswith(f"{A}-") for one in tries)


def test_a_try_after_all_was_removed_has_a_new_name_too(tmp_path: Path) -> None:
    folder = tmp_path / "bike_trips"
    first = fresh_checkpoint(folder, A)
    shutil.rmtree(folder)
    assert fresh_checkpoint(folder, A) != first


def test_what_other_drivers_left_goes_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    """CHECKPOINT_BASE_PATH may be shared, and `accidents` is a name that others use too."""
    used(fresh_checkpoint(tmp_path, A))
    used(tmp_path)
    (tmp_path / "metadata").write_text("{}")
    (tmp_path / "query-1").mkdir()
    (tmp_path / f"{A}-99").symlink_to(tmp_path / "query-1")
    before = {path.name for path in tmp_path.iterdir() if not path.name.startswith(A) or path.is_symlink()}
    kept = used(fresh_checkpoint(tmp_path, B))
    remove_tries(tmp_path, kept)
    assert {path.name for path in tmp_path.iterdir()} == before | {kept.name}
    assert own_tries(tmp_path) == [kept]


def test_a_drivers_own_name_marks_its_tries(tmp_path: Path) -> None:
    assert own_tries(tmp_path / "nowhere") == []
    mine = fresh_checkpoint(tmp_path, new_instance(datetime(2026, 1, 1, tzinfo=UTC)))
    assert own_tries(tmp_path) == [mine]


def test_one_that_cannot_be_removed_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    older, kept = used(fresh_checkpoint(tmp_path, A)), fresh_checkpoint(tmp_path, A)
    with monkeypatch.context() as patched:
        patched.setattr("os.unlink", refused)
        remove_tries(tmp_path, kept)
    assert older.exists()
    assert kept.exists()


def test_a_folder_that_is_removed_by_hand_meanwhile_stops_nobody(tmp_path: Path) -> None:
    kept = fresh_checkpoint(tmp_path / "bike_trips", A)
    shutil.rmtree(kept.parent)
    remove_tries(kept.parent, kept)
