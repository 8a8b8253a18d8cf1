"""A class-data-sharing (CDS) archive of Spark's Java classes, which each driver's JVM maps instead of reading 300 jars.

A driver starts some seconds sooner and with a third less CPU. The archive fits one version of Java and of Spark; any
other JVM ignores it and reads the jars.
"""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from playground.run.interrupts import interrupt_on_signals
from playground.run.settings import PlaygroundSettingsError, playground_settings
from playground.setup.java import JavaMissing, usable_java

OPTIONS = "SPARK_SUBMIT_OPTS"
"""the variable with options that Spark's scripts pass to a driver's JVM"""
QUIET = "-Xlog:disable -Xlog:all=error:stderr"


@cache
def archive_of(home: Path) -> Path:
    """Return the path of the archive for this Java and this Spark, whether it exists or not."""
    java = subprocess.run([usable_java(os.environ), "-version"], capture_output=True, check=True)
    fingerprint = hashlib.sha256(java.stderr + java.stdout).hexdigest()[:12]
    return home / "jars" / f"spark-{version('pyspark')}-java-{fingerprint}.jsa"


def with_archive(home: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return a driver's environment that maps the archive, if there is one."""
    archive = archive_of(home)
    if not archive.is_file():
        return dict(env)
    options = f"{env.get(OPTIONS, '')} -XX:SharedArchiveFile={archive} {QUIET}"
    return {**env, OPTIONS: options.strip()}


def main() -> None:
    """Create the archive where it is missing."""
    try:
        settings = playground_settings()
        archive = archive_of(settings.PLAYGROUND_HOME)
        if not archive.is_file():
            from playground.setup.class_archive_maker import (
                make_archive,
            )  # imports PySpark, which every `make` would wait for

            interrupt_on_signals()  # Python's own way with SIGTERM and SIGHUP would leave Spark and a broker running
            print(f"Preparing Spark's classes for quick starts ({archive.name}) ...", flush=True)
            make_archive(settings, archive)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except (JavaMissing, PlaygroundSettingsError) as wrong:
        sys.exit(str(wrong))
    except Exception as failed:
        print(f"No class archive was made ({failed}): drivers start some seconds later.", file=sys.stderr)


if __name__ == "__main__":
    main()
