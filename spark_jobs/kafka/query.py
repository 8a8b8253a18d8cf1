"""A streaming frame of Kafka messages, from given offsets on."""

import json
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.kafka.connection import Connection, spark_options
from spark_jobs.redrives import HEADER


def kafka_messages(
    spark: SparkSession, connection: Connection, start: Mapping[str, Mapping[str, int]], most_per_trigger: int
) -> DataFrame:
    """The stream of committed messages of the topics in `start`, with the columns that the parsing takes."""
    messages = (
        spark.readStream.format("kafka")
        .options(**spark_options(connection))
        .option("kafka.isolation.level", "read_committed")
        .option("subscribe", ",".join(sorted(start)))
        .option("startingOffsets", json.dumps(start))
        .option("maxOffsetsPerTrigger", most_per_trigger)
        .option("includeHeaders", "true")
        .option("failOnDataLoss", "true")  # a loss is found and explained by checked_position at the restart
        .option("kafka.default.api.timeout.ms", 20_000)
        .option("fetchOffset.numRetries", 1)  # the client itself tries for so long; then the status is to say why
        .option("kafka.request.timeout.ms", 15_000)
        .option("kafkaConsumer.pollTimeoutMs", 30_000)
        # Spark asks the broker for both ends of the partition at every poll. Of 500 records, as by default, that was a
        # tenth of all CPU in a backlog.
        .option("kafka.max.poll.records", 5_000)
        .load()
    )
    return messages.select(
        "value",
        "topic",
        F.col("timestamp").alias("kafka_timestamp"),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
        _header(HEADER).alias("redrive_of"),
    )


def _header(name: str) -> Column:
    """The value of the first header of that name, as text; null where there is none."""
    place = F.array_position("headers.key", name) - 1
    return F.get("headers.value", place.cast("int")).cast("string")
