"""Create the class archive: run a small stream, and have the JVM dump the classes that it loaded."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from playground.run.settings import PlaygroundSettings, job_environment
from playground.setup.class_archive import OPTIONS, QUIET
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.settings import settings_from

_JVM_STOP_TIMEOUT_S = 180


def make_archive(settings: PlaygroundSettings, archive: Path) -> None:
    """Write `archive` and remove outdated ones. Raises: subprocess.TimeoutExpired where the JVM did not end in time."""
    with tempfile.TemporaryDirectory(prefix=".classes-", dir=archive.parent) as work:
        written = Path(work) / archive.name
        os.environ[OPTIONS] = f"-XX:ArchiveClassesAtExit={written} {QUIET}"
        jobs = settings_from({**os.environ, **job_environment(settings)})
        spark = spark_session(jobs, "class archive", 0, os.environ)
        _stream_once(spark, Path(work))
        jvm = spark.sparkContext._gateway.proc  # type: ignore[union-attr]
        spark.stop()
        jvm.stdin.close()  # at end of input the JVM exits
        try:
            jvm.wait(_JVM_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            jvm.kill()
            raise
        for outdated in archive.parent.glob("spark-*.jsa"):
            outdated.unlink()
        written.rename(archive)


def _stream_once(spark: SparkSession, work: Path) -> None:
    """Do what both jobs do: a stream whose batches pass through Python workers and are collected in the driver."""

    def identity(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches

    def collect(batch: DataFrame, _: int) -> None:
        batch.coalesce(1).mapInArrow(identity, batch.schema).collect()

    (work / "lines").mkdir()
    (work / "lines" / "one").write_text("a line\n")
    query = (
        spark.readStream.text(str(work / "lines"))
        .writeStream.option("checkpointLocation", str(work / "checkpoint"))
        .trigger(availableNow=True)
        .foreachBatch(collect)
        .start()
    )
    query.awaitTermination()
