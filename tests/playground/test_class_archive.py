"""A driver's JVM maps the class archive where there is one."""

import mmap
from pathlib import Path

import pytest

from playground.setup.by_hand import HOME
from playground.setup.class_archive import OPTIONS, archive_of, with_archive


def test_without_an_archive_the_environment_stays_as_it_is(tmp_path: Path) -> None:
    assert with_archive(tmp_path, {"A": "b"}) == {"A": "b"}


def test_the_archive_is_added_to_the_users_jvm_options(tmp_path: Path) -> None:
    archive = archive_of(tmp_path)
    archive.parent.mkdir()
    archive.touch()
    options = with_archive(tmp_path, {OPTIONS: "-Dmine=1"})[OPTIONS].split()
    assert options[:2] == ["-Dmine=1", f"-XX:SharedArchiveFile={archive}"]


@pytest.mark.parametrize("name", ["apache/spark/sql/SparkSession", "apache/kafka/clients/consumer/KafkaConsumer"])
def test_what_setup_made_has_the_classes_of_a_driver_that_reads_kafka(name: str) -> None:
    with archive_of(HOME).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as archive:
        assert archive.find(f"org/{name}".encode()) > 0
