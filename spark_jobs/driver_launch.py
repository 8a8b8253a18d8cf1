"""How a driver's JVM is started, whoever starts it: Airflow's spark-submit or `python -m`."""

KAFKA_CONNECTOR = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0"
"""the newest published one; it decides PySpark's version"""

JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError"
"""The JVM only reads Kafka and hands rows to Python: the second compiler and a parallel collector cost more CPU at the
start (38 against 23 CPU-seconds to the first batches) and more memory than they ever give back. Out of memory it ends,
and is started again, instead of limping on with threads that died."""
