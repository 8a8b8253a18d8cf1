"""A fresh checkpoint for every try: no name comes twice, and what earlier tries left never matters."""

import shutil
from pathlib import Path

import pytest

from spark_jobs.runtime.checkpoints import fresh_checkpoint, remove_older


def used(checkpoint: Path) -> Path:
    (checkpoint / "offsets").mkdir()
    (checkpoint / "offsets" / "0").write_text("v1")
    return checkpoint


def test_each_try_has_a_folder_of_its_own_though_older_ones_are_removed(tmp_path: Path) -> None:
    folder, tries = tmp_path / "bike_trips", []
    for _ in range(5):
        tries.append(used(fresh_checkpoint(folder, "driver-a")))
        remove_older(folder, kept=tries[-1])
        assert list(folder.iterdir()) == [tries[-1]]
    assert len(set(tries)) == 5
    assert all(one.name.startswith("driver-a-") for one in tries)


def test_a_try_after_all_was_removed_has_a_new_name_too(tmp_path: Path) -> None:
    folder = tmp_path / "bike_trips"
    first = fresh_checkpoint(folder, "driver-a")
    shutil.rmtree(folder)
    assert fresh_checkpoint(folder, "driver-a") != first


def test_what_v01_and_other_drivers_left_goes(tmp_path: Path) -> None:
    folder = used(fresh_checkpoint(tmp_path, "driver-a")).parent
    (folder / "offsets").mkdir()
    (folder / "metadata").write_text("{}")
    (folder / "link").symlink_to(tmp_path)
    kept = used(fresh_checkpoint(folder, "driver-b"))
    remove_older(folder, kept)
    assert list(folder.iterdir()) == [kept]
    assert (kept / "offsets" / "0").exists()


def test_one_that_cannot_be_removed_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "metadata").write_text("{}")
    older, kept = used(fresh_checkpoint(tmp_path, "a")), fresh_checkpoint(tmp_path, "a")
    with monkeypatch.context() as patched:
        patched.setattr("os.unlink", refused)
        patched.setattr(Path, "unlink", refused)
        remove_older(tmp_path, kept)
    assert older.exists()
    assert kept.exists()


def test_a_folder_that_is_removed_by_hand_meanwhile_stops_nobody(tmp_path: Path) -> None:
    kept = fresh_checkpoint(tmp_path / "bike_trips", "a")
    shutil.rmtree(kept.parent)
    remove_older(kept.parent, kept)
