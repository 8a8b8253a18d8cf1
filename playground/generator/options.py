"""Command-line options that generator and replay share."""

from typing import Annotated

import typer

from playground.generator.pace import speed_factor
from playground.run.settings import merged_environment
from spark_jobs.settings import Settings, settings_from

BootstrapServers = Annotated[
    str | None, typer.Option(help="Kafka brokers, host:port. Default: KAFKA_BOOTSTRAP_SERVERS, or localhost:9092.")
]
Rate = Annotated[float | None, typer.Option(min=0.1, help="Most messages per second.")]


def settings_for_brokers(bootstrap_servers: str | None) -> Settings:
    """Read the jobs' settings, with these brokers where some are named. Raises: SettingsError."""
    brokers = {} if bootstrap_servers is None else {"KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers}
    return settings_from({**merged_environment(), **brokers})


def speed_option(text: str) -> float | None:
    """Parse --speed: simulated seconds per second, None for max. Raises: typer.BadParameter."""
    try:
        return speed_factor(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None
