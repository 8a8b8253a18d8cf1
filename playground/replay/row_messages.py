"""A row as its producer's message: the publisher's column names and texts, in an envelope."""

import json
from datetime import UTC, datetime, timedelta

from playground.generator.clock import event_hour
from playground.generator.message import SOURCES, Message, enveloped
from playground.replay.event_times import LATEST_S
from playground.replay.ordered_rows import TimedRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(event_s: float) -> datetime:
    return EPOCH + timedelta(seconds=min(max(event_s, 0.0), LATEST_S))


def row_message(timed: TimedRow, sent_at: datetime) -> Message:
    event_time = utc(timed.event_s)
    record = json.dumps(timed.record, ensure_ascii=False).encode()
    value = enveloped(record, sent_at.strftime("%Y-%m-%dT%H:%M:%S").encode(), SOURCES[timed.feed])
    return Message(timed.feed, event_hour(event_time), value, event_time, event_time)
