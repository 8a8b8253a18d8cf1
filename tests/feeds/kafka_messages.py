"""Messages as the tasks of a batch get them, and what became of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from spark_jobs.catalog import feed_named
from spark_jobs.feeds.parsed_messages import Parser

KAFKA_TIME = datetime(2026, 1, 1, tzinfo=UTC)
READ_AT = KAFKA_TIME + timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRIP = {
    "ride_id": "0093C49F0B7B1D8E",
    "rideable_type": "electric_bike",
    "started_at": "2023-04-13 13:49:59.150",
    "ended_at": "2023-04-13 13:55:03.020",
    "start_station_name": "Park Pl",
    "start_station_id": "A32010",
    "end_station_name": "",
    "end_station_id": "",
    "start_lat": "42.36",
    "start_lng": "-71.10",
    "end_lat": "42.35",
    "end_lng": "-71.09",
    "member_casual": "member",
}
"""a bike trip in the layout since 2023"""


def kafka_messages(values: Sequence[bytes | None], first_offset: int = 0, topic: str = "a-topic") -> pa.Table:
    count = len(values)
    return pa.table(
        {
            "value": pa.array(values, pa.binary()),
            "topic": pa.array([topic] * count, pa.string()),
            "kafka_timestamp": pa.array([KAFKA_TIME] * count, pa.timestamp("us", tz="UTC")),
            "kafka_partition": pa.array([0] * count, pa.int32()),
            "kafka_offset": pa.array(range(first_offset, first_offset + count), pa.int64()),
        }
    )


def naming(messages: pa.Table, originals: Mapping[int, str]) -> pa.Table:
    """The messages as a task gets them; `originals`: place -> what its header says it is a copy of."""
    named = pa.array([originals.get(place) for place in range(len(messages))], pa.string())
    return messages.append_column("redrive_of", named)


def outcomes(
    feed: str, values: Sequence[bytes | None], accident_time_zone: str = "America/New_York"
) -> list[dict[str, Any]]:
    """One dict per message, in order; instants as aware datetimes, null where Python has none for the year."""
    result = Parser(feed_named(feed), accident_time_zone, READ_AT).parse(kafka_messages(values))
    for position, field in enumerate(result.schema):
        if pa.types.is_timestamp(field.type):
            result = result.set_column(position, field.name, result[field.name].cast(pa.int64()))
    rows: list[dict[str, Any]] = result.to_pylist()
    instants = [name for name in rows[0] if name.endswith(("_ts", "timestamp"))] if rows else []
    for row in rows:
        for name in instants:
            if isinstance(row[name], int):
                row[name] = _aware(row[name])
    return rows


def _aware(micros: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
