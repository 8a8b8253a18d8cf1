"""A streaming query that only ticks: what there is to do stands in the publication logs, not in a source.

A file source would keep the name of every file for ever (docs/decisions/0003-a-clock-for-the-analytics.md).
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.runtime.checkpoints import fresh_checkpoint, remove_older
from spark_jobs.runtime.stream import Start
from spark_jobs.setting_values import in_words


def clock_query(
    start: Start, name: str, interval: timedelta, checkpoints: Path, tick: Callable[[DataFrame, int], None]
) -> StreamingQuery:
    """Start a query that calls `tick` once every interval."""
    checkpoint = fresh_checkpoint(checkpoints, start.writer.driver.instance)
    query = (
        start.spark.readStream.format("rate")
        .option("rowsPerSecond", 1)
        .load()
        .writeStream.queryName(name)
        .option("checkpointLocation", str(checkpoint))
        .trigger(processingTime=in_words(interval))
        .foreachBatch(tick)
        .start()
    )
    remove_older(checkpoints, kept=checkpoint)
    return query
