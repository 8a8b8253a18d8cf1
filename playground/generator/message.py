"""A generated message, and the envelope around its record."""

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
    """when it happened (UTC)"""
    sent_at: datetime
    """when its producer sends it (UTC, simulated); much later than `event_time` for a late message"""
    defect: str = ""
    """kind of its injected defect; empty for a valid message"""


def enveloped(record: bytes, sent_at: bytes, source: bytes) -> bytes:
    return b'{"data": %b, "timestamp": "%b", "source": "%b"}' % (record, sent_at, source)


def resent(value: bytes, sent_at: datetime) -> bytes:
    """Replace the send time in the envelope; a message without envelope stays as it is."""
    head, mark, tail = value.rpartition(b', "timestamp": "')
    if not (mark and value.startswith(b'{"data": ')):
        return value
    return b"%b%b%b%b" % (head, mark, sent_at.strftime("%Y-%m-%dT%H:%M:%S").encode(), tail[19:])
