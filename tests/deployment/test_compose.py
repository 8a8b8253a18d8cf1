"""docker-compose.yaml as a real compose parser reads it: nothing open to the outside, no secret in it, true names."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import podman_compose
import pytest

from playground.setup.compose_secrets import SECRETS, add_missing_secrets
from playground.setup.fetch import BROKER_JARS
from spark_jobs.catalog import FEEDS
from spark_jobs.settings import SETTING_FIELDS, settings_from

PROJECT = Path(__file__).resolve().parents[2]
OURS = "boston-streams"
AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
COMPOSE_OWN = ("PATH", "AIRFLOW_ADMIN_PASSWORD", "SPARK_ENV_PATH", "SPARK_LOCAL_IP")


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


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Mapping[str, Any]]:
    return read(monkeypatch, {name: f"the {name}" for name in SECRETS})


def test_every_part_of_the_system_is_a_service(services: Mapping[str, Mapping[str, Any]]) -> None:
    assert {"kafka", "spark-master", "spark-worker", "postgres", "generator", *AIRFLOW} <= set(services)
    for service in services.values():
        assert service["image"] == OURS or ":" in service["image"], "an image without a version changes by itself"


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


def test_settings_in_it_are_settings_of_the_jobs_and_allowed(services: Mapping[str, Mapping[str, Any]]) -> None:
    for name in AIRFLOW:
        given = services[name]["environment"]
        ours = {key: value for key, value in given.items() if not key.startswith("AIRFLOW__")}
        assert {key for key in ours if key not in COMPOSE_OWN} <= set(SETTING_FIELDS) | {"KAFKA_CONNECTOR_JARS"}
        settings = settings_from({key: str(value) for key, value in ours.items()})
        assert Path(settings.OUTPUT_BASE_PATH).is_relative_to("/data")
        assert Path(settings.ANALYTICS_CHECKPOINT_PATH).is_relative_to("/data")
        assert "data:/data" in services[name]["volumes"]


def test_the_topics_and_kafka_are_those_of_the_playground(services: Mapping[str, Mapping[str, Any]]) -> None:
    created = services["topics"]["entrypoint"][-1]
    assert [word for feed in FEEDS if (word := settings_from({}).topic(feed)) not in created] == []
    version = BROKER_JARS.coordinates[0].rsplit(":", 1)[1]
    assert services["kafka"]["image"] == services["topics"]["image"] == f"apache/kafka:{version}"


def test_the_image_is_made_from_the_same_locks_by_the_same_command() -> None:
    lines = (PROJECT / "docker" / "Dockerfile").read_text().splitlines()
    assert "RUN make setup" in lines
    assert any(line.startswith("COPY") and "requirements.txt requirements-spark.txt" in line for line in lines)
    copied = {word for line in lines if line.startswith("COPY") for word in line.split()[2:-1]}
    assert all((PROJECT / word).exists() for word in copied)
    kept = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied <= kept
    assert ".env" not in kept
