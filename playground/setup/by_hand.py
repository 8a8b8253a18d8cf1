"""What a job needs besides its settings when tests and benchmarks start it from this checkout, without a playground."""

from collections.abc import Mapping

from playground.run.settings import CHECKOUT, playground_settings
from playground.setup.class_archive import with_archive

HOME = playground_settings().PLAYGROUND_HOME
"""where `make setup` put the jars and the archive of classes"""
JARS = HOME / "jars" / "spark"


def ready_to_run(env: Mapping[str, str]) -> dict[str, str]:
    """The environment with the project's code, Spark's connector and classes, and no fixed port."""
    return {
        **with_archive(HOME, env),
        "PYTHONPATH": str(CHECKOUT),
        "KAFKA_CONNECTOR_JARS": str(JARS) if JARS.is_dir() else "",
        "INGESTION_UI_PORT": "0",
        "ANALYTICS_UI_PORT": "0",
    }
