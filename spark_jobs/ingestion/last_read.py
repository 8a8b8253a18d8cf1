"""The last message that was read of each partition, as the tasks of a batch find it."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from spark_jobs.kafka.last_read import LastRead

_LAST = [("kafka_offset", "last"), ("kafka_timestamp", "last")]


def last_read_of(messages: pa.RecordBatch) -> LastRead:
    """Find the last message of each partition: Spark reads them in order."""
    places = pa.Table.from_batches([messages.select(["kafka_partition", "kafka_offset", "kafka_timestamp"])])
    partitions, offsets, times = places.group_by("kafka_partition", use_threads=False).aggregate(_LAST)
    in_ms = times.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    columns = (column.to_pylist() for column in (partitions, offsets, in_ms))
    return {str(partition): [offset, at] for partition, offset, at in zip(*columns, strict=True)}


def latest(parts: Iterable[LastRead]) -> dict[str, Sequence[int]]:
    """The last of all of each partition."""
    found: dict[str, Sequence[int]] = {}
    for part in parts:
        for partition, last in part.items():
            found[partition] = max(last, found.get(partition, last), key=lambda one: one[0])
    return found
