"""Starts streaming queries: those that read a source, and those that only tick.

What a query that ticks has to do stands in the publication logs. A file source would keep the name of every file for
ever (docs/decisions/0003-a-clock-for-the-analytics.md).
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.runtime.checkpoints import fresh_checkpoint, remove_tries
from spark_jobs.runtime.stream import StreamContext
from spark_jobs.setting_values import in_words

_IDLE_INTERVALS = 6


def start_query(
    name: str, rows: DataFrame, interval: timedelta, checkpoint: Path, batch: Callable[[DataFrame, int], None]
) -> StreamingQuery:
    """Start a query on its fresh checkpoint that hands `batch` the new rows once every interval."""
    query = (
        rows.writeStream.queryName(name)
        .option("checkpointLocation", str(checkpoint))
        .trigger(processingTime=in_words(interval))
        .foreachBatch(batch)
        .start()
    )
    remove_tries(checkpoint.parent, kept=checkpoint)
    return query


def clock_query(
    context: StreamContext, name: str, interval: timedelta, tick: Callable[[DataFrame, int], None]
) -> StreamingQuery:
    """Start a query that calls `tick` once every interval."""
    checkpoint = fresh_checkpoint(context.checkpoints / name, context.writer.driver.instance)
    rows = context.spark.readStream.format("rate").option("rowsPerSecond", 1).load()
    return start_query(name, rows, interval, checkpoint, tick)


def longest_wait_s(interval: timedelta) -> float:
    """For how long a tick may wait for news: some intervals, as each empty batch costs 40 ms of CPU.

    It ends half an interval before a trigger, which would be missed otherwise.
    """
    return (_IDLE_INTERVALS - 0.5) * interval.total_seconds()
