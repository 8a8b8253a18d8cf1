"""Starting a driver: what it is given, where it writes, what is kept of it."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_streams.driver_start import driver_environment, last_lines, new_log, start_driver

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


def test_a_driver_gets_what_it_needs_and_no_secret() -> None:
    secrets = {
        "AIRFLOW__CORE__FERNET_KEY": "x",
        "_AIRFLOW_X": "x",
        "AIRFLOW_HOME": "x",
        "VAULT_TOKEN": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "POSTGRES_PASSWORD": "x",
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
