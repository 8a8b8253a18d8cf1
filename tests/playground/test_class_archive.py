"""A driver's JVM maps the archive where there is one, and starts without it where there is none."""

from pathlib import Path

from playground.setup.class_archive import OPTIONS, archive_of, with_archive


def test_without_an_archive_nothing_is_said_to_the_jvm(tmp_path: Path) -> None:
    assert with_archive(tmp_path, {"A": "b"}) == {"A": "b"}


def test_the_archive_is_added_to_what_somebody_asked_of_the_jvm(tmp_path: Path) -> None:
    archive = archive_of(tmp_path)
    archive.parent.mkdir()
    archive.touch()
    options = with_archive(tmp_path, {OPTIONS: "-Dmine=1"})[OPTIONS].split()
    assert options[:2] == ["-Dmine=1", f"-XX:SharedArchiveFile={archive}"]
