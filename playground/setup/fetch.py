"""Download the jars that are not on PyPI, a Kafka broker and Spark's Kafka connector, each set once, into a folder.

PySpark's own Ivy downloads them, so that only Java is needed.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

import typer

from playground import PlaygroundError
from playground.run.settings import playground_settings
from playground.setup.java import usable_java


@dataclass(frozen=True)
class JarSet:
    """Jars that are downloaded, kept and replaced together."""

    name: str
    coordinates: tuple[str, ...]
    """group:artifact:version each."""
    transitive: bool
    purpose: str


BROKER_JARS = JarSet(
    "broker",
    (
        "org.apache.kafka:kafka_2.13:4.1.2",
        # Kafka speaks slf4j 1.7 and brings log4j-core 2.25.3; without this binding it logs nothing.
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
    ),
    transitive=True,
    purpose="Apache Kafka",
)
# The connector's other dependencies (lz4, snappy, slf4j, hadoop-client, ...) are in PySpark's own jars.
SPARK_KAFKA_JARS = JarSet(
    "spark",
    (
        "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0",
        "org.apache.spark:spark-token-provider-kafka-0-10_2.13:4.2.0",
        "org.apache.kafka:kafka-clients:3.9.2",
        "org.apache.commons:commons-pool2:2.13.1",
    ),
    transitive=False,
    purpose="Spark's Kafka connector",
)
JAR_SETS = {jars.name: jars for jars in (BROKER_JARS, SPARK_KAFKA_JARS)}

COMPLETE = "complete"
"""name of the file that lists the coordinates of a completed download"""


class FetchFailed(PlaygroundError):
    """The jars could not be downloaded; the message names the log."""


def jars_folder(home: Path, jars: JarSet) -> Path:
    return home / "jars" / jars.name


def is_complete(home: Path, jars: JarSet) -> bool:
    marker = jars_folder(home, jars) / COMPLETE
    return marker.is_file() and marker.read_text() == _listed(jars)


def ensure_jars(home: Path, jars: JarSet) -> Path:
    """Return the folder with the jars; download them where they are missing, incomplete or of another version.

    Raises: FetchFailed.
    """
    if is_complete(home, jars):
        return jars_folder(home, jars)
    with _locked(home / "jars" / f".{jars.name}.lock"):
        if not is_complete(home, jars):  # another process may have downloaded them meanwhile
            _fetch(home, jars)
    return jars_folder(home, jars)


def _listed(jars: JarSet) -> str:
    return "\n".join(jars.coordinates) + "\n"


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch(home: Path, jars: JarSet) -> None:
    target = jars_folder(home, jars)
    work = Path(tempfile.mkdtemp(prefix=f".{jars.name}-", dir=target.parent))
    try:
        downloaded = work / "jars"
        ivy_file = work / "ivy.xml"
        ivy_file.write_text(_ivy_xml(jars))
        log = target.parent / f"{jars.name}.log"
        command = [str(usable_java(os.environ)), "-jar", str(_ivy_jar()), "-ivy", str(ivy_file), "-confs", "default"]
        # A cache of its own: one that another program left corrupt cannot break the download.
        command += ["-cache", str(work / "cache")]
        command += ["-retrieve", f"{downloaded}/[artifact]-[revision].[ext]"]
        with log.open("w") as output:
            ivy = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
        if ivy.returncode or not any(downloaded.glob("*.jar")):
            raise FetchFailed(
                f"{jars.purpose} could not be downloaded; Ivy's output is in {log}. Check that this machine reaches a "
                f"Maven repository, or put the jars into {target} yourself (docs/troubleshoot.md)."
            )
        (downloaded / COMPLETE).write_text(_listed(jars))
        shutil.rmtree(target, ignore_errors=True)
        downloaded.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _ivy_xml(jars: JarSet) -> str:
    dependencies = []
    for coordinate in jars.coordinates:
        group, artifact, version = coordinate.split(":")
        dependencies.append(
            f"<dependency org={quoteattr(group)} name={quoteattr(artifact)} rev={quoteattr(version)} "
            f'transitive="{str(jars.transitive).lower()}" conf="default->default"/>'
        )
    return (
        f'<ivy-module version="2.0"><info organisation="playground" module={quoteattr(jars.name)}/>'
        '<configurations><conf name="default"/></configurations>'
        f"<dependencies>{''.join(dependencies)}</dependencies></ivy-module>"
    )


def _ivy_jar() -> Path:
    pyspark = find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise FetchFailed("PySpark is not installed in this Python environment. Run `make setup` first.")
    return next((Path(pyspark.origin).parent / "jars").glob("ivy-2*.jar"))


def main(name: str = typer.Argument(..., help=f"The set of jars: {' or '.join(JAR_SETS)}.")) -> None:
    """Download one set of jars, where it is missing."""
    if name not in JAR_SETS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(JAR_SETS)}")
    try:
        home, jars = playground_settings().PLAYGROUND_HOME, JAR_SETS[name]
        if not is_complete(home, jars):
            print(f"Downloading {jars.purpose} into {jars_folder(home, jars)} ...", flush=True)
            ensure_jars(home, jars)
    except PlaygroundError as failed:
        sys.exit(str(failed))


if __name__ == "__main__":
    typer.run(main)
