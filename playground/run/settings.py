"""Settings of the playground: ports, memory, paths. From the environment, else `.env`, else the default."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from playground import PlaygroundError
from spark_jobs.settings import checked_together

CHECKOUT = Path(__file__).resolve().parents[2]


def _in_checkout(path: Path) -> Path:
    return CHECKOUT / path.expanduser()


Folder = Annotated[Path, AfterValidator(_in_checkout)]
Port = Annotated[int, Field(ge=0, le=65535)]
Heap = Annotated[str, Field(pattern=r"^[1-9]\d*[mMgG]$")]


class PlaygroundSettings(BaseModel):
    """Every setting; the field descriptions are the table in docs/configure.md."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    PLAYGROUND_HOME: Folder = Field(
        Path(".playground"), description="folder of everything the playground writes; relative to the checkout"
    )
    PLAYGROUND_KAFKA_PORT: Port = Field(9092, description="port of the broker on 127.0.0.1")
    PLAYGROUND_KAFKA_CONTROLLER_PORT: Port = Field(
        0, description="port of the broker's own controller on 127.0.0.1 (0: any free one)"
    )
    PLAYGROUND_KAFKA_HEAP: Heap = Field("512m", description="heap of the broker's JVM")
    PLAYGROUND_KAFKA_PARTITIONS: int = Field(2, ge=1, le=64, description="partitions of a topic when it is created")
    PLAYGROUND_KAFKA_RETENTION_MS: int = Field(
        -1, ge=-1, description="how long the broker keeps messages, in milliseconds (-1: for ever)"
    )
    AIRFLOW_PORT: Port = Field(8080, description="port of Airflow's web page and API on 127.0.0.1")
    PLAYGROUND_AIRFLOW_PARALLELISM: int = Field(
        4, ge=1, le=64, description="tasks that Airflow runs at once; each is a waiting process of its own"
    )
    PLAYGROUND_SPARK_MASTER: str = Field(
        "local[2]", min_length=1, description="Spark master of the `spark_default` connection when it is first made"
    )
    PLAYGROUND_SEED: int = Field(1, ge=0, description="seed of the made-up feeds")
    PLAYGROUND_SPEED: str = Field("60", min_length=1, description="simulated seconds per second of the made-up feeds")
    PLAYGROUND_HISTORY_DAYS: int = Field(
        14,
        ge=0,
        description="simulated days that are sent at once when the made-up feeds begin, so that there is a past",
    )

    def folder(self, name: str) -> Path:
        return self.PLAYGROUND_HOME / name


class PlaygroundSettingsError(PlaygroundError):
    """Every invalid setting, one line each."""


def merged_environment(env: Mapping[str, str] | None = None, dotenv: Path = CHECKOUT / ".env") -> dict[str, str]:
    """Return the environment merged over the `.env` file; empty variables do not count."""
    in_file = {name: value for name, value in dotenv_values(dotenv).items() if value is not None}
    return in_file | {name: value for name, value in (os.environ if env is None else env).items() if value.strip()}


def of_a_plain_broker(env: Mapping[str, str]) -> dict[str, str]:
    """Leave out how another Kafka is spoken to: the playground's own broker speaks without TLS and a login."""
    return {name: value for name, value in env.items() if name not in checked_together("KAFKA_SECURITY_PROTOCOL")}


def playground_settings(env: Mapping[str, str] | None = None) -> PlaygroundSettings:
    """Read the settings from `env`, by default the merged environment. Raises: PlaygroundSettingsError."""
    merged = merged_environment() if env is None else env
    values = {name: merged[name] for name in PlaygroundSettings.model_fields if merged.get(name, "").strip()}
    try:
        return PlaygroundSettings.model_validate(values)
    except ValidationError as invalid:
        raise PlaygroundSettingsError(
            "\n".join(f"{e['loc'][0]} is {e['input']!r}; {e['msg'][0].lower()}{e['msg'][1:]}" for e in invalid.errors())
        ) from None


def job_environment(settings: PlaygroundSettings) -> dict[str, str]:
    """Return the job settings that differ from production's: this broker, and all paths below PLAYGROUND_HOME."""
    data = settings.folder("data")
    return {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{settings.PLAYGROUND_KAFKA_PORT}",
        "KAFKA_CONNECTOR_JARS": str(settings.PLAYGROUND_HOME / "jars" / "spark"),
        "OUTPUT_BASE_PATH": str(data / "processed"),
        "CHECKPOINT_BASE_PATH": str(data / "checkpoints" / "ingestion"),
        "ANALYTICS_OUTPUT_PATH": str(data / "analytics"),
        "ANALYTICS_CHECKPOINT_PATH": str(data / "checkpoints" / "analytics"),
    }
