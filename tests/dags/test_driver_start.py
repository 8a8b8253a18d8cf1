"""Starting a driver: what it is given, where it writes, what is kept of it."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_streams.driver_output import DriverTail, driver_log, last_lines
from spark_streams.driver_start import driver_environment, new_log, start_driver

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_driver_appends_to_its_own_log_in_its_own_session(tmp_path: Path) -> None:
    log = new_log("ingestion", tmp_path / "logs", NOW)
    log.write_text("before\n")
    script = "import os, sys; print(os.environ['DRIVER_LOG']); print(os.getsid(0) == os.getpid(), file=sys.stderr)"
    started = start_driver([sys.executable, "-uc", script], {"KEPT": "yes"}, log)
    assert started.process.wait() == 0
    assert sorted(last_lines(log).splitlines()) == sorted(["before", str(log), "True"])
    assert log.parent == tmp_path / "logs"


def test_the_oldest_logs_go_with_what_was_moved_aside(tmp_path: Path) -> None:
    kept = []
    for number in range(12):
        log = new_log("ingestion", tmp_path, NOW + timedelta(seconds=number))
        log.touch()
        Path(f"{log}.1").touch()
        kept.append(log.name)
    other = new_log("analytics", tmp_path, NOW)
    other.touch()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {*kept[-10:], *(f"{name}.1" for name in kept[-10:]), other.name}


def test_a_log_of_somebody_else_stays_where_it_is(tmp_path: Path) -> None:
    """DRIVER_LOG_PATH may be a folder that others write to."""
    others = [tmp_path / name for name in ("ingestion-2026-01-01.log", "ingestion-nightly.log")]
    for log in others:
        log.touch()
    for number in range(12):
        new_log("ingestion", tmp_path, NOW + timedelta(seconds=number)).touch()
    assert all(log.exists() for log in others)


def test_a_driver_gets_what_it_needs_and_no_secret() -> None:
    secrets = {
        "AIRFLOW__CORE__FERNET_KEY": "x",
        "_AIRFLOW_X": "x",
        "AIRFLOW_HOME": "x",
        "VAULT_TOKEN": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "POSTGRES_PASSWORD": "x",
        "STREAMS_METRICS_TOKEN": "x",
    }
    needed = {"PATH": "/bin", "JAVA_HOME": "/j", "LC_ALL": "C", "SPARK_LOCAL_DIRS": "/s", "HADOOP_CONF_DIR": "/h"}
    assert driver_environment({**secrets, **needed}) == needed
    listed = {"DRIVER_ENVIRONMENT": "AWS_SECRET_ACCESS_KEY, VAULT_TOKEN,AIRFLOW_HOME"}
    assert driver_environment({**secrets, **needed, **listed}) == {**needed, "AWS_SECRET_ACCESS_KEY": "x"}


def test_last_lines_are_the_last_ones(tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    assert (last_lines(None), last_lines(log)) == ("", "")
    log.write_text("\n".join(f"line {number}" for number in range(5000)))
    assert last_lines(log, lines=2) == "line 4998\nline 4999"


def test_a_log_is_only_believed_where_drivers_write(tmp_path: Path) -> None:
    log = new_log("ingestion", tmp_path / "logs", NOW)
    log.write_text("a line\n")
    assert driver_log(str(log), "ingestion", tmp_path / "logs") == log
    secret = tmp_path / "airflow.cfg"
    secret.write_text("fernet_key = x\n")
    for said in (None, "", str(secret), f"{log.parent}/../airflow.cfg", f"{log.parent}/airflow.cfg", "/etc/passwd"):
        assert driver_log(said, "ingestion", tmp_path / "logs") is None
    assert driver_log(str(log), "analytics", tmp_path / "logs") is None
    log.unlink()
    log.symlink_to(secret)
    assert last_lines(log) == "", "a link is no log"
    log.unlink()
    os.mkfifo(log)
    assert last_lines(log) == "", "and nobody waits for a pipe"


def test_what_is_new_is_shown_once_and_in_whole_lines(tmp_path: Path) -> None:
    log, tail = tmp_path / "driver.log", DriverTail()
    assert tail.new_lines(None) == tail.new_lines(log) == []
    log.write_text("banner é\nhalf")
    assert tail.new_lines(log) == ["banner é"]
    with log.open("ab") as file:
        file.write(b" a line\n\xff\n")
    assert tail.new_lines(log) == ["half a line", "\ufffd"]
    assert tail.new_lines(log) == []
    log.write_text("anew\n")  # it had grown too big
    assert tail.new_lines(log) == ["anew"]
    other = tmp_path / "other.log"
    other.write_text("another driver\n")
    assert tail.new_lines(other) == ["another driver"]
