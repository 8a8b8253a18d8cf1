"""Decisions of the launcher and of setup; `make run` itself starts the whole."""

import json
import socket
import sqlite3
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request

import pytest

from playground.airflow.client import AirflowClient
from playground.airflow.database import default_variables, variables_to_set
from playground.airflow.home import AirflowHome
from playground.run.memory import part_of
from playground.run.playground import is_driver
from playground.run.ports import next_free_port
from playground.run.settings import (
    PlaygroundSettingsError,
    merged_environment,
    of_a_plain_broker,
    playground_settings,
)
from playground.run.side_by_side import AlreadyRunning, exclusive, with_free_ports
from playground.setup.java import major_version
from spark_jobs.settings import settings_from

VARIABLE_CASES = {
    "an absent one is set": ({"A": "new"}, {}, {}, {"A": "new"}),
    "one with the same value is left alone": ({"A": "new"}, {"A": "new"}, {}, {}),
    "one that was imported before follows a new default": ({"A": "new"}, {"A": "old"}, {"A": "old"}, {"A": "new"}),
    "one that a user edited stays": ({"A": "new"}, {"A": "edited"}, {"A": "old"}, {}),
    "one that a user created stays": ({"A": "new"}, {"A": "made"}, {}, {}),
}


@pytest.mark.parametrize("case", VARIABLE_CASES)
def test_variables_to_set(case: str) -> None:
    defaults, current, imported_before, expected = VARIABLE_CASES[case]
    assert variables_to_set(defaults, current, imported_before) == expected


def test_default_variables_are_settings_the_job_accepts(tmp_path: Path) -> None:
    env = {"PLAYGROUND_HOME": str(tmp_path), "PLAYGROUND_KAFKA_PORT": "9999", "BATCH_INTERVAL": "3 seconds"}
    variables = default_variables(playground_settings(env), env | {"KAFKA_BOOTSTRAP_SERVERS": "elsewhere:1"})
    jobs = settings_from(variables)
    assert jobs.KAFKA_BOOTSTRAP_SERVERS == "127.0.0.1:9999", "make run's jobs read make run's broker"
    assert jobs.BATCH_INTERVAL.total_seconds() == 3
    assert Path(jobs.OUTPUT_BASE_PATH).is_relative_to(tmp_path)


def test_variables_are_read_to_the_last_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = [{"key": f"V{number}", "value": str(number)} for number in range(250)]

    def airflow(request: Request, timeout: float) -> BytesIO:
        url = urlsplit(request.full_url)
        if url.path == "/auth/token":
            return BytesIO(b'{"access_token": "t"}')
        numbers = {name: int(value) for name, (value,) in parse_qs(url.query).items() if value.isdigit()}
        first = numbers.get("offset", 0)
        page = known[first : first + min(numbers["limit"], 100)]  # [api] maximum_page_limit
        return BytesIO(json.dumps({"variables": page, "total_entries": len(known)}).encode())

    monkeypatch.setattr("playground.airflow.client.urlopen", airflow)
    client = AirflowClient(AirflowHome(tmp_path, port=8080, parallelism=2))
    assert client.variables() == {variable["key"]: variable["value"] for variable in known}


def test_its_own_broker_is_spoken_to_without_a_login() -> None:
    secured = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_CREDENTIALS_FILE": "/f", "KAFKA_CA_FILE": "/ca"}
    assert of_a_plain_broker({**secured, "BATCH_INTERVAL": "3 seconds"}) == {"BATCH_INTERVAL": "3 seconds"}


def test_runs_of_a_killed_playground_are_closed(tmp_path: Path) -> None:
    home = AirflowHome(tmp_path, port=8080, parallelism=2)
    with sqlite3.connect(tmp_path / "airflow.db") as database:
        for table in ("task_instance", "dag_run"):
            database.execute(f"CREATE TABLE {table} (state TEXT, end_date TEXT)")
            database.executemany(f"INSERT INTO {table} VALUES (?, NULL)", [("running",), ("success",), ("deferred",)])
        database.execute("ALTER TABLE task_instance ADD COLUMN trigger_id INTEGER")
        database.execute("CREATE TABLE 'trigger' (id INTEGER)")
        database.execute("UPDATE task_instance SET trigger_id = 1 WHERE state = 'deferred'")
        database.execute("INSERT INTO 'trigger' VALUES (1)")
    assert home.close_old_runs(datetime(2026, 1, 1, 12, tzinfo=UTC)) == 2
    with sqlite3.connect(tmp_path / "airflow.db") as database:
        assert database.execute("SELECT * FROM dag_run ORDER BY state").fetchall() == [
            ("failed", "2026-01-01 12:00:00.000000"),
            ("failed", "2026-01-01 12:00:00.000000"),
            ("success", None),
        ]
        assert database.execute("SELECT * FROM 'trigger'").fetchall() == []
        assert database.execute("SELECT max(trigger_id) FROM task_instance").fetchall() == [(None,)]
    assert home.close_old_runs(datetime(2026, 1, 1, 13, tzinfo=UTC)) == 0


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path),
        pytest.raises(AlreadyRunning, match=r"already running.*PLAYGROUND_HOME"),
        exclusive(tmp_path),
    ):
        pass
    with exclusive(tmp_path):
        pass


def test_a_taken_default_port_becomes_the_next_and_a_chosen_one_is_refused() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        settings = playground_settings({"AIRFLOW_PORT": port, "PLAYGROUND_KAFKA_PORT": str(next_free_port(20000))})
        moved = with_free_ports(settings, {})
        assert moved.AIRFLOW_PORT > settings.AIRFLOW_PORT
        with pytest.raises(PlaygroundSettingsError, match=rf"AIRFLOW_PORT is {port}.*already in use"):
            with_free_ports(settings, {"AIRFLOW_PORT": port})


def test_the_environment_comes_before_the_dotenv_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("AIRFLOW_PORT=1\nPLAYGROUND_SEED=7\nPLAYGROUND_SPEED=\n")
    settings = playground_settings(merged_environment({"AIRFLOW_PORT": "2"}, dotenv))
    assert (settings.AIRFLOW_PORT, settings.PLAYGROUND_SEED, settings.PLAYGROUND_SPEED) == (2, 7, "60")


def test_all_invalid_settings_are_reported_at_once() -> None:
    with pytest.raises(PlaygroundSettingsError) as wrong:
        playground_settings({"AIRFLOW_PORT": "many", "PLAYGROUND_KAFKA_HEAP": "big"})
    assert "AIRFLOW_PORT is 'many'" in str(wrong.value)
    assert "PLAYGROUND_KAFKA_HEAP is 'big'" in str(wrong.value)


def test_secrets_are_kept_and_private(tmp_path: Path) -> None:
    home = AirflowHome(tmp_path / "airflow", port=8080, parallelism=2)
    home.write_configuration()
    first = (home.folder / "airflow.cfg").read_text()
    home.write_configuration()
    assert (home.folder / "airflow.cfg").read_text() == first
    private = [home.folder / "airflow.cfg", home.folder / "airflow.db", *(home.folder / "secrets").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


def test_settings_of_another_airflow_are_left_out(tmp_path: Path) -> None:
    home = AirflowHome(tmp_path, port=8080, parallelism=2)
    env = home.environment({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "theirs", "PATH": "/bin"})
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in env
    assert env["PATH"] == "/bin"


def test_what_a_user_hands_to_drivers_reaches_them_beside_the_playgrounds_mark(tmp_path: Path) -> None:
    home = AirflowHome(tmp_path, port=8080, parallelism=2)
    assert home.environment({"DRIVER_ENVIRONMENT": "AWS_REGION"})["DRIVER_ENVIRONMENT"].startswith("AWS_REGION,")
    assert not home.environment({})["DRIVER_ENVIRONMENT"].startswith(",")


JAVA_CASES = {
    'openjdk version "17.0.15" 2025-04-15': 17,
    'java version "1.8.0_402"': 8,
    'openjdk version "21" 2023-09-19': 21,
    "no such thing": None,
}


@pytest.mark.parametrize("output", JAVA_CASES)
def test_major_version(output: str) -> None:
    assert major_version(output) == JAVA_CASES[output]


COMMAND_CASES = {
    "driver started by spark-submit": (
        ["/venv/bin/python", "/repo/spark_jobs/ingestion_job.py"],
        True,
        "ingestion job",
    ),
    "driver by hand": (["python3", "-m", "spark_jobs.analytics_job"], True, "analytics job"),
    "its JVM": (["/usr/bin/java", "SparkSubmit", "/repo/spark_jobs/ingestion_job.py"], False, "ingestion job"),
    "broker": (["java", "kafka.Kafka", "server.properties"], False, "broker"),
    "scheduler": (["/venv/bin/python", "/venv/bin/airflow", "scheduler"], False, "airflow scheduler"),
}


@pytest.mark.parametrize("case", COMMAND_CASES)
def test_command_lines_are_told_apart(case: str) -> None:
    command, driver, part = COMMAND_CASES[case]
    assert is_driver(command) is driver
    assert part_of(" ".join(command)) == part
