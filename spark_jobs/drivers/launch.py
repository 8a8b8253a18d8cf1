"""How a driver's JVM is started, whoever starts it: Airflow's spark-submit or `python -m`."""

from spark_jobs.settings import Settings

KAFKA_CONNECTOR = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0"
"""the newest published one; it decides PySpark's version"""

JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError"
"""The JVM only reads Kafka and hands rows to Python: the second compiler and a parallel collector cost more CPU at the
start (38 against 23 CPU-seconds to the first batches) and more memory than they ever give back. Out of memory it ends,
and is started again, instead of limping on with threads that died."""


def launch_conf(settings: Settings, java_options: str = JAVA_OPTIONS) -> dict[str, str]:
    """Return the Spark options that have to be known before the driver's JVM is."""
    return {
        "spark.driver.memory": settings.SPARK_DRIVER_MEMORY,
        "spark.driver.extraJavaOptions": java_options,
        # A standalone cluster gives the first job all its cores otherwise, and the second one waits for ever.
        "spark.cores.max": str(settings.SPARK_CORES_MAX),
        "spark.executor.cores": str(settings.SPARK_EXECUTOR_CORES),
        **settings.extra_conf,
    }
