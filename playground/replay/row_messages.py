"""A CSV row as its producer's message: the publisher's column names and texts, in an envelope."""

import json
from datetime import UTC, datetime, timedelta

from playground.generator.clock import event_hour
from playground.generator.message import SOURCES, Message, enveloped
from playground.replay.ordered_rows import TimedRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_S = 253_402_300_799.0  # 9999-12-31: beyond it Python has no time


def row_message(timed: TimedRow, sent_at: bytes) -> Message:
    event_time = EPOCH + timedelta(seconds=min(max(timed.event_s, 0.0), _LATEST_S))
    record = json.dumps(timed.row, ensure_ascii=False).encode()
    value = enveloped(record, sent_at, SOURCES[timed.feed])
    return Message(timed.feed, event_hour(event_time), value, event_time, event_time)
