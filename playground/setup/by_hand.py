"""The environment of a job that tests or benchmarks start from this checkout, without a playground."""

from collections.abc import Mapping

from playground.run.settings import CHECKOUT, playground_settings
from playground.setup.class_archive import with_archive

HOME = playground_settings().PLAYGROUND_HOME
"""where `make setup` put the jars and the class archive"""
JARS = HOME / "jars" / "spark"


def ready_to_run(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with the project's code, Spark's connector and class archive, and any free port for Spark's UI."""
    return {
        **with_archive(HOME, env),
        "PYTHONPATH": str(CHECKOUT),
        "KAFKA_CONNECTOR_JARS": str(JARS) if JARS.is_dir() else "",
        "INGESTION_UI_PORT": "0",
        "ANALYTICS_UI_PORT": "0",
    }
