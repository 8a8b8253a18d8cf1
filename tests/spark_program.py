"""The environment of a Spark program that is not ours, such as one of the docs."""

from collections.abc import Mapping

from playground.setup.by_hand import HOME
from playground.setup.class_archive import OPTIONS, with_archive
from spark_jobs.drivers.launch import JAVA_OPTIONS


def quick_to_start(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with what makes its JVM start as quickly as that of a job."""
    return with_archive(HOME, {**env, OPTIONS: JAVA_OPTIONS, "SPARK_LOCAL_IP": "127.0.0.1"})
