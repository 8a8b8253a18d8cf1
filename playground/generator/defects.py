"""Defective messages on request: malformed, incomplete, late, duplicated and out of order."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from random import Random

from playground.generator.clock import QUARTER, quarter_of
from playground.generator.message import ACCIDENTS, BIKES, TAXIS, WEATHER, Message, resent

MALFORMED, MISSING_FIELD, LATE, DUPLICATED, OUT_OF_ORDER = (
    "malformed",
    "missing field",
    "late",
    "duplicated",
    "out of order",
)
KINDS = (MALFORMED, MISSING_FIELD, LATE, DUPLICATED, OUT_OF_ORDER)

MAX_LATE_QUARTERS = 192
"""a message is at most two days late: how far back a resumed run has to look"""

REQUIRED = {
    BIKES: ("start_time", "starttime", "started_at"),
    TAXIS: ("timestamp", "datetime"),
    WEATHER: ("station", "STATION"),
    ACCIDENTS: ("mode_type",),
}
Quarter = tuple[int, list[Message]]


def without_required_field(message: Message) -> bytes:
    whole = json.loads(message.value)
    record = whole.get("data", whole.get("payload", whole))
    for name in REQUIRED[message.feed]:
        record.pop(name, None)
    return json.dumps(whole).encode()


def _delayed(message: Message, defect: str, by: timedelta) -> Message:
    sent_at = message.sent_at + by
    return message._replace(sent_at=sent_at, value=resent(message.value, sent_at), defect=defect)


def _defective(message: Message, kind: str, rng: Random) -> list[Message]:
    """Return what is sent instead of the message: it changed, delayed or twice."""
    if kind == MALFORMED:
        cut = rng.randrange(1, len(message.value) - 1)
        return [message._replace(value=message.value[:cut], defect=kind)]
    if kind == MISSING_FIELD:
        return [message._replace(value=without_required_field(message), defect=kind)]
    if kind == LATE:
        return [_delayed(message, kind, QUARTER * rng.randrange(1, MAX_LATE_QUARTERS - 1))]
    if kind == DUPLICATED:
        return [message, message._replace(sent_at=message.sent_at + timedelta(seconds=rng.randrange(90)), defect=kind)]
    return [_delayed(message, kind, timedelta(seconds=rng.randrange(5, 600)))]


def with_defects(seed: int, share: float, quarters: Iterable[Quarter]) -> Iterator[Quarter]:
    """Give `share` of the messages a defect, each kind equally often.

    A quarter hour then has the messages *sent* in it; delayed messages that are left at the end come last.
    """
    waiting: defaultdict[int, list[Message]] = defaultdict(list)
    last = None
    for quarter, sound in quarters:
        rng, last = Random(f"{seed}/defects/{quarter}"), quarter
        for message in sound:
            has_defect = rng.random() < share
            for sent in _defective(message, rng.choice(KINDS), rng) if has_defect else [message]:
                waiting[max(quarter, quarter_of(sent.sent_at))].append(sent)
        yield quarter, _in_sending_order(waiting.pop(quarter, []))
    if last is not None:
        for quarter in sorted(waiting):
            yield quarter, _in_sending_order(waiting[quarter])


def _in_sending_order(sent: list[Message]) -> list[Message]:
    return sorted(sent, key=lambda message: message.sent_at)
