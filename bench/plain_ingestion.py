"""The contender for ingestion: the same parsed columns through Spark's own file sink, four queries."""

import os
from pathlib import Path

from pyspark.sql import functions as F

from spark_jobs.contracts.settings import in_words, settings_from
from spark_jobs.contracts.streams import FEEDS
from spark_jobs.feeds.kafka_source import EARLIEST, kafka_messages
from spark_jobs.feeds.parsed_messages import parsed
from spark_jobs.runtime.spark_session import spark_session

_PARTITIONS = 2


def main() -> None:
    settings = settings_from(os.environ)
    spark = spark_session(settings, "plain ingestion", 0, os.environ)
    for feed in FEEDS:
        topic = settings.topic(feed)
        start = {topic: {str(partition): EARLIEST for partition in range(_PARTITIONS)}}
        messages = kafka_messages(spark, settings.KAFKA_BOOTSTRAP_SERVERS, start, settings.MAX_OFFSETS_PER_TRIGGER)
        rows = parsed(messages, feed, settings.ACCIDENT_TIME_ZONE).where(F.col("refusal").isNull())
        (
            rows.drop("refusal", "topic", "raw")
            .writeStream.queryName(feed.name)
            .format("parquet")
            .partitionBy("year", "month", "date", "hour")
            .option("path", str(Path(settings.OUTPUT_BASE_PATH) / feed.name))
            .option("checkpointLocation", str(Path(settings.CHECKPOINT_BASE_PATH) / feed.name))
            .trigger(processingTime=in_words(settings.BATCH_INTERVAL))
            .start()
        )
    spark.streams.awaitAnyTermination()


if __name__ == "__main__":
    main()
