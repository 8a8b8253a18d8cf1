"""Create the class archive: run a small stream, and have the JVM dump the classes that it loaded."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from confluent_kafka import Producer
from pyspark.sql import DataFrame, SparkSession

from playground.broker.process import temporary_broker
from playground.run.processes import MARK
from playground.run.settings import PlaygroundSettings, job_environment
from playground.setup.class_archive import OPTIONS, QUIET
from playground.setup.fetch import SPARK_KAFKA_JARS, ensure_jars
from spark_jobs.ingestion.staging_writer import REPORT_SCHEMA
from spark_jobs.kafka.connection import Connection
from spark_jobs.kafka.query import kafka_messages
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.settings import settings_from

_JVM_STOP_TIMEOUT_S = 180
_ANSWER_TIMEOUT_S = 30
_TOPIC = "classes"


def make_archive(settings: PlaygroundSettings, archive: Path) -> None:
    """Write `archive` and remove outdated ones; download what of the jars is missing."""
    ensure_jars(settings.PLAYGROUND_HOME, SPARK_KAFKA_JARS)
    with tempfile.TemporaryDirectory(prefix=".classes-", dir=archive.parent) as work:
        written = Path(work) / archive.name
        os.environ[OPTIONS] = f"-XX:ArchiveClassesAtExit={written} {QUIET}"
        os.environ[MARK] = str(settings.PLAYGROUND_HOME)  # Spark and the broker inherit it
        jobs = settings_from({**os.environ, **job_environment(settings)})
        spark = spark_session(jobs, "class archive", 0, os.environ)
        jvm = spark.sparkContext._gateway.proc  # type: ignore[union-attr]
        try:
            _stream_once(spark, Path(work))
            spark.stop()
            jvm.stdin.close()  # at end of input the JVM exits
            jvm.wait(_JVM_STOP_TIMEOUT_S)
        finally:
            jvm.kill()  # where it has not ended: it would still write the archive
            jvm.wait()
        for outdated in archive.parent.glob("spark-*.jsa"):
            outdated.unlink()
        written.rename(archive)


def _stream_once(spark: SparkSession, work: Path) -> None:
    """Do what both jobs do: messages from Kafka pass through Python workers and are collected in the driver."""

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            yield pa.RecordBatch.from_pydict({"report": [str(rows.num_rows)]})

    def collect(batch: DataFrame, _: int) -> None:
        batch.coalesce(1).mapInArrow(count, REPORT_SCHEMA).collect()

    with temporary_broker(work, (_TOPIC,), partitions=1) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
        producer.produce(_TOPIC, b"a message")
        producer.flush(_ANSWER_TIMEOUT_S)
        messages = kafka_messages(spark, Connection(broker.bootstrap_servers), {_TOPIC: {"0": 0}}, most_per_trigger=1)
        query = (
            messages.writeStream.option("checkpointLocation", str(work / "checkpoint"))
            .trigger(availableNow=True)
            .foreachBatch(collect)
            .start()
        )
        query.awaitTermination()
