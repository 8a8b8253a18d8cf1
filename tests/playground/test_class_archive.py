"""A driver's JVM maps the class archive where there is one."""

import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pyspark.errors import PySparkException

from playground.run.processes import command_line, end_processes, marked_processes
from playground.run.waiting import wait_until
from playground.setup import class_archive, class_archive_maker
from playground.setup.by_hand import HOME
from playground.setup.class_archive import OPTIONS, archive_of, with_archive
from playground.setup.fetch import JarSet


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


def test_a_setup_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its broker has a session of its own: it would stay, and the folder with it."""
    jars = tmp_path / "jars"
    jars.mkdir()
    for name in ("broker", "spark"):
        (jars / name).symlink_to(HOME / "jars" / name)

    def started() -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if str(jars) in " ".join(command_line(one))]

    def broker_runs() -> bool:
        return any("Kafka Server started" in log.read_text() for log in jars.glob(".classes-*/broker/logs/broker.log"))

    env = {**os.environ, "PLAYGROUND_HOME": str(tmp_path)}
    setup = subprocess.Popen([sys.executable, "-m", "playground.setup.class_archive"], env=env)
    try:
        wait_until(broker_runs, "its broker runs", 180, poll_s=0.1)
        running = started()
        assert len(running) == 2, "Spark's JVM and the broker"
        assert {*running} <= {*marked_processes(str(tmp_path))}, "the next `make run` ends what a SIGKILL has left"
        setup.send_signal(signal.SIGTERM)
        assert setup.wait(60) == 128 + signal.SIGINT
        assert started() == []
        assert sorted(left.name for left in jars.iterdir()) == ["broker", "spark"]
    finally:
        setup.kill()
        end_processes(started(), patience_s=0)


def test_an_empty_folder_gets_the_connector_first_and_no_failure_holds_up_a_setup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(home: Path, jars: JarSet) -> Path:
        raise PySparkException(f"neither {jars.name} for {home.name} nor Spark")

    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(class_archive_maker, "ensure_jars", fail)
    monkeypatch.setattr(class_archive, "interrupt_on_signals", lambda: None)
    class_archive.main()
    assert "No class archive was made (neither spark for empty nor Spark)" in capsys.readouterr().err
