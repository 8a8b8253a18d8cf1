"""One message on its way to Kafka, and the envelope around its record."""

from datetime import datetime
from typing import NamedTuple

from spark_jobs.catalog import FEEDS

BIKES, TAXIS, WEATHER, ACCIDENTS = (feed.name for feed in FEEDS)

SOURCES = {
    BIKES: b"bike-streamer",
    TAXIS: b"taxi-streamer",
    WEATHER: b"weather-streamer",
    ACCIDENTS: b"accident-streamer",
}


class Message(NamedTuple):
    feed: str
    key: bytes
    value: bytes
    event_time: datetime
    """When it happened (UTC)."""
    sent_at: datetime
    """When its producer hands it over (UTC, simulated): later than others of its time if it is a late one."""
    defect: str = ""
    """What was done to it on purpose; empty for a sound message."""


def enveloped(record: bytes, sent_at: bytes, source: bytes) -> bytes:
    return b'{"data": %b, "timestamp": "%b", "source": "%b"}' % (record, sent_at, source)


def resent(value: bytes, sent_at: datetime) -> bytes:
    """The same message with another send time in its envelope; a bare one stays as it is."""
    head, mark, tail = value.rpartition(b', "timestamp": "')
    if not (mark and value.startswith(b'{"data": ')):
        return value
    return b"%b%b%b%b" % (head, mark, sent_at.strftime("%Y-%m-%dT%H:%M:%S").encode(), tail[19:])
