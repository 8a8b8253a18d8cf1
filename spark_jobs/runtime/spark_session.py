"""The SparkSession of a job: the same whether `spark-submit` or `python -m` starts it."""

import sys
from collections.abc import MutableMapping
from pathlib import Path

from pyspark.sql import SparkSession

from spark_jobs.drivers.launch import JAVA_OPTIONS, KAFKA_CONNECTOR, launch_conf
from spark_jobs.settings import Settings

_PROJECT = Path(__file__).resolve().parents[2]
_DEFAULT_MASTER = "local[2]"

_Options = dict[str, bool | float | int | str | None]

_SAME_FOR_ALL: _Options = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",  # STATION and station are two keys of a weather message
    "spark.scheduler.mode": "FAIR",
    # A micro-batch is small: re-planning it while it runs, and many shuffle partitions, cost more than they give.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.streaming.minBatchesToRetain": "20",
    "spark.sql.streaming.numRecentProgressUpdates": "5",
    "spark.sql.streaming.stopTimeout": "20s",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
    # A job of months must not collect its own history.
    "spark.ui.retainedJobs": "50",
    "spark.ui.retainedStages": "50",
    "spark.ui.retainedTasks": "500",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.sql.streaming.ui.retainedQueries": "30",
    "spark.sql.streaming.ui.retainedProgressUpdates": "20",
    "spark.ui.showConsoleProgress": "false",
    "spark.executorEnv.PYTHONPATH": str(_PROJECT),
    "spark.python.daemon.module": "spark_jobs.runtime.worker_daemon",
}
# Spark's own choice runs `chmod` and `readlink` as programs, forty for each micro-batch: two thirds of an idle one.
_LEAN_CHECKPOINTS: _Options = {
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    )
}
_LOCAL_ONLY: _Options = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}


def spark_session(
    settings: Settings,
    job: str,
    ui_port: int,
    env: MutableMapping[str, str],
    java_options: str = JAVA_OPTIONS,
    lean_checkpoints: bool = True,
    kafka: bool = True,
) -> SparkSession:
    """Start Spark. Under `python -m` this also starts the JVM, with our memory, connector and loopback address.

    `kafka`: whether the job reads Kafka and needs Spark's connector. Benchmarks give their plain contenders Java's own
    options and Spark's own way with checkpoints.
    """
    submitted = "PYSPARK_GATEWAY_PORT" in env
    env.setdefault("PYSPARK_PYTHON", sys.executable)  # tasks run where the driver's packages are
    builder = SparkSession.builder.appName(f"{settings.SPARK_APP_NAME} - {job}").config(map=_SAME_FOR_ALL)
    if not submitted:
        env.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # where the Spark UI listens
        master = env.get("SPARK_MASTER", _DEFAULT_MASTER)
        builder = builder.master(master).config(map=_launch_options(settings, java_options, kafka))
        if master.startswith("local"):
            builder = builder.config(map=_LOCAL_ONLY)
    # Without SPARK_LOCAL_IP a submitted driver's UI would listen on every address of the machine.
    builder = builder.config(
        map={"spark.ui.enabled": str("SPARK_LOCAL_IP" in env).lower(), "spark.ui.port": str(ui_port)}
    )
    if lean_checkpoints:
        builder = builder.config(map=_LEAN_CHECKPOINTS)
    spark = builder.getOrCreate()
    if lean_checkpoints:
        _leave_checksums_out(spark)
    _quieten(spark)
    return spark


def _launch_options(settings: Settings, java_options: str, kafka: bool) -> _Options:
    return {**launch_conf(settings, java_options), **(_connector(settings) if kafka else {})}


def _connector(settings: Settings) -> _Options:
    if not settings.KAFKA_CONNECTOR_JARS:
        return {"spark.jars.packages": KAFKA_CONNECTOR}
    return {"spark.jars": ",".join(str(jar) for jar in sorted(Path(settings.KAFKA_CONNECTOR_JARS).glob("*.jar")))}


def _leave_checksums_out(spark: SparkSession) -> None:
    """Halve the files of a checkpoint. Nothing is lost by it: each query starts on a fresh one, from its log."""
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    spark.sparkContext._jvm.org.apache.hadoop.fs.FileSystem.getLocal(hadoop).setWriteChecksum(False)  # type: ignore[union-attr]


def _quieten(spark: SparkSession) -> None:
    """Leave Spark's and Kafka's chatter out: our own sentences say what matters, and a log of months stays small."""
    spark.sparkContext.setLogLevel("ERROR")
    configurator = spark.sparkContext._jvm.org.apache.logging.log4j.core.config.Configurator  # type: ignore[union-attr]
    level = spark.sparkContext._jvm.org.apache.logging.log4j.Level  # type: ignore[union-attr]
    for name in ("org.apache.kafka", "org.apache.spark.sql.execution.streaming", "org.apache.spark.sql.kafka010"):
        configurator.setLevel(name, level.OFF)
