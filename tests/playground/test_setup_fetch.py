"""Jars count as present only after a complete download of exactly these coordinates."""

from pathlib import Path

from playground.setup.fetch import COMPLETE, JarSet, ensure_jars, is_complete, jars_folder

JARS = JarSet("sample", ("org.example:sample:1.0",), transitive=False, purpose="a sample")


def test_an_interrupted_download_is_not_complete(tmp_path: Path) -> None:
    folder = jars_folder(tmp_path, JARS)
    folder.mkdir(parents=True)
    (folder / "sample-1.0.jar").write_bytes(b"half")
    assert not is_complete(tmp_path, JARS)


def test_another_version_is_not_complete(tmp_path: Path) -> None:
    folder = jars_folder(tmp_path, JARS)
    folder.mkdir(parents=True)
    (folder / COMPLETE).write_text("org.example:sample:0.9\n")
    assert not is_complete(tmp_path, JARS)


def test_complete_jars_are_not_downloaded_again(tmp_path: Path) -> None:
    folder = jars_folder(tmp_path, JARS)
    folder.mkdir(parents=True)
    (folder / COMPLETE).write_text("org.example:sample:1.0\n")
    assert ensure_jars(tmp_path, JARS) == folder
