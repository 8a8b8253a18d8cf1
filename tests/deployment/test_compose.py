"""docker-compose.yaml as a real compose parser reads it: nothing open, no secret in it, no right too many, true names.

`make compose-test` runs it.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import podman_compose
import pytest
from dotenv import dotenv_values

from playground.run.settings import playground_settings
from playground.setup.compose_secrets import SECRETS, add_missing_secrets
from playground.setup.fetch import BROKER_JARS
from spark_jobs.catalog import FEEDS
from spark_jobs.settings import SETTING_FIELDS, settings_from

PROJECT = Path(__file__).resolve().parents[2]
OURS = ("boston-streams-spark", "boston-streams-airflow")
AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
SPARK = ("spark-master", "spark-worker", "drivers")
ONCE = ("topics", "airflow-init")
"""services that do their work and end"""
COMPOSE_OWN = ("PATH", "AIRFLOW_ADMIN_PASSWORD", "SPARK_ENV_PATH", "SPARK_LOCAL_IP", "SPARK_SUBMIT_PATH")
SECRET_SETTINGS = ("PASSWORD", "SECRET", "FERNET_KEY", "SQL_ALCHEMY_CONN")


def read(monkeypatch: pytest.MonkeyPatch, secrets: Mapping[str, str]) -> Mapping[str, Mapping[str, Any]]:
    """service -> what the parser made of it, every ${...} filled in."""
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(sys, "argv", ["podman-compose"])
    parser = podman_compose.podman_compose
    parser._parse_args(["--env-file", "/dev/null", "-f", "docker-compose.yaml", "config"])
    parser._parse_compose_file()
    services: Mapping[str, Mapping[str, Any]] = parser.services
    return services


@pytest.fixture(scope="module")
def services() -> Mapping[str, Mapping[str, Any]]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return read(monkeypatch, {name: f"the {name}" for name in SECRETS})


def test_every_part_of_the_system_is_a_service(services: Mapping[str, Mapping[str, Any]]) -> None:
    assert {"kafka", *SPARK, "postgres", "generator", *AIRFLOW, *ONCE} == set(services)
    for service in services.values():
        assert service["image"] in OURS or ":" in service["image"], "an image without a version changes by itself"


def test_images_of_others_can_be_pinned_by_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = f"@sha256:{'0' * 64}"
    for name in ("KAFKA_IMAGE", "POSTGRES_IMAGE", "PYTHON_IMAGE"):
        monkeypatch.setenv(name, f"{name.lower()}{digest}")
    services = read(monkeypatch, {name: f"the {name}" for name in SECRETS})
    assert {services[name]["image"] for name in ("kafka", "topics")} == {f"kafka_image{digest}"}
    assert services["postgres"]["image"] == f"postgres_image{digest}"
    built = {given for service in services.values() if service["image"] in OURS for given in service["build"]["args"]}
    assert built == {f"PYTHON_IMAGE=python_image{digest}"}


def test_every_service_that_stays_says_whether_it_is_well(services: Mapping[str, Mapping[str, Any]]) -> None:
    assert {name for name, service in services.items() if "healthcheck" in service} == set(services) - set(ONCE)


def test_no_service_has_a_right_that_it_does_not_need(services: Mapping[str, Mapping[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode"} & set(service), name
        assert bool(service.get("read_only")) == (service["image"] in OURS), name


def test_what_a_container_prints_is_bounded(services: Mapping[str, Mapping[str, Any]]) -> None:
    for name, service in services.items():
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}, name


def test_who_may_write_what(services: Mapping[str, Mapping[str, Any]]) -> None:
    mounts = {name: set(service.get("volumes", ())) for name, service in services.items()}
    who = {mount: {name for name in mounts if mount in mounts[name]} for name in mounts for mount in mounts[name]}
    assert who == {
        "data:/data": {"spark-worker", "drivers", "airflow-scheduler", "airflow-triggerer"},
        "data:/data:ro": {"airflow-api-server"},
        "drivers:/run/drivers": {"drivers", "airflow-scheduler"},
        "generator:/generator": {"generator"},
        "kafka:/var/lib/kafka/data": {"kafka"},
        "master:/master": {"spark-master"},
        "logs:/logs": {"airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"},
        "logs:/logs:ro": {"airflow-api-server"},
        "postgres:/var/lib/postgresql/data": {"postgres"},
    }


def test_a_secret_is_known_to_airflow_and_its_database_alone(services: Mapping[str, Mapping[str, Any]]) -> None:
    for name, service in services.items():
        given = [key for key in service.get("environment", {}) if key.endswith(SECRET_SETTINGS)]
        assert bool(given) == (name in (*AIRFLOW, "airflow-init", "postgres")), name
        # A command line is seen by everybody on the machine; a variable that the shell there fills in is not.
        said = f"{service.get('command', '')} {service.get('entrypoint', '')} {service.get('healthcheck', '')}"
        assert [secret for secret in SECRETS if f"the {secret}" in said] == [], name
        assert bool(service.get("networks") and "database" in service["networks"]) == bool(given), name


def test_nothing_listens_beyond_this_machine(services: Mapping[str, Mapping[str, Any]]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 2
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("missing", SECRETS)
def test_a_missing_secret_is_refused_with_the_next_step(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    given = {name: "given" for name in SECRETS if name != missing}
    with pytest.raises(ValueError, match=f"{missing} .*make compose-secrets"):
        read(monkeypatch, given)


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("AIRFLOW_PORT=8081\n")
    assert add_missing_secrets(file) == list(SECRETS)
    made = file.read_text()
    assert made.startswith("AIRFLOW_PORT=8081\n")
    assert add_missing_secrets(file) == []
    assert file.read_text() == made
    assert file.stat().st_mode & 0o777 == 0o600


def test_secrets_need_nothing_but_python(tmp_path: Path) -> None:
    """They are made on the machine that has Docker, where nobody wants two environments and a Java for it."""
    program = "from playground.setup.compose_secrets import *; add_missing_secrets(Path('.env'))"
    command = [sys.executable, "-S", "-c", program]  # -S: no installed package can be imported
    subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(PROJECT)}, check=True)
    assert set(dotenv_values(tmp_path / ".env")) == set(SECRETS)


@pytest.mark.parametrize(
    ("line", "is_given"),
    [
        ("POSTGRES_PASSWORD=one", True),
        (" export POSTGRES_PASSWORD = 'one'", True),
        ('POSTGRES_PASSWORD="#1"', True),
        ("POSTGRES_PASSWORD=", False),
        ("POSTGRES_PASSWORD=''", False),
        ("POSTGRES_PASSWORD= # not yet", False),
        ("#POSTGRES_PASSWORD=one", False),
        ("OTHER=POSTGRES_PASSWORD=one", False),
    ],
)
def test_a_secret_that_was_given_stays(line: str, is_given: bool, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(line)
    assert bool(dotenv_values(file).get("POSTGRES_PASSWORD")) == is_given
    assert ("POSTGRES_PASSWORD" not in add_missing_secrets(file)) == is_given
    assert file.read_text().splitlines()[0] == line
    assert all(dotenv_values(file)[name] for name in SECRETS)


def test_settings_in_it_are_settings_of_the_jobs_and_allowed(services: Mapping[str, Mapping[str, Any]]) -> None:
    for name in AIRFLOW:
        given = services[name]["environment"]
        ours = {key: value for key, value in given.items() if not key.startswith("AIRFLOW__")}
        assert {key for key in ours if key not in COMPOSE_OWN} <= set(SETTING_FIELDS) | {"KAFKA_CONNECTOR_JARS"}
        settings = settings_from({key: str(value) for key, value in ours.items()})
        assert Path(settings.OUTPUT_BASE_PATH).is_relative_to("/data")
        assert Path(settings.ANALYTICS_CHECKPOINT_PATH).is_relative_to("/data")


def test_the_topics_and_kafka_are_those_of_the_playground(services: Mapping[str, Mapping[str, Any]]) -> None:
    created = services["topics"]["entrypoint"][-1]
    assert [word for feed in FEEDS if (word := settings_from({}).topic(feed)) not in created] == []
    version = BROKER_JARS.coordinates[0].rsplit(":", 1)[1]
    assert services["kafka"]["image"] == services["topics"]["image"] == f"apache/kafka:{version}"


def test_kafka_keeps_messages_as_long_as_the_playground_does(
    services: Mapping[str, Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_playground = str(playground_settings({}).PLAYGROUND_KAFKA_RETENTION_MS)
    assert services["kafka"]["environment"]["KAFKA_LOG_RETENTION_MS"] == of_the_playground
    monkeypatch.setenv("PLAYGROUND_KAFKA_RETENTION_MS", "3600000")
    chosen = read(monkeypatch, {name: f"the {name}" for name in SECRETS})
    assert chosen["kafka"]["environment"]["KAFKA_LOG_RETENTION_MS"] == "3600000"


def test_the_images_are_made_of_what_there_is_by_the_same_command() -> None:
    lines = (PROJECT / "docker" / "Dockerfile").read_text().splitlines()
    made = "\n".join(lines)
    assert "make .venv/spark/installed SPARK_LOCK=requirements/spark-runtime.txt" in made
    assert "make .venv/airflow/installed AIRFLOW_LOCK=requirements/airflow-runtime.txt" in made
    copied = {word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]}
    assert all((PROJECT / word).exists() for word in copied)
    kept = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept


@pytest.mark.parametrize(("runtime", "whole"), [("spark", "requirements-spark.txt"), ("airflow", "requirements.txt")])
def test_the_images_have_the_versions_that_are_tested_and_no_package_of_tests(runtime: str, whole: str) -> None:
    installed = pins(PROJECT / "requirements" / f"{runtime}-runtime.txt")
    assert installed <= pins(PROJECT / whole), "run `make lock-runtime`"
    assert not {"pytest", "ruff", "mypy", "pre-commit", "podman-compose"} & {pin.split("==")[0] for pin in installed}


def pins(lock: Path) -> set[str]:
    return set(re.findall(r"^[a-z0-9][\w.-]*==[^ \\]+", lock.read_text(), re.MULTILINE))
