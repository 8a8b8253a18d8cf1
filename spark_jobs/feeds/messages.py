"""Message -> record: the JSON, the envelope, and what a message that holds no record is refused for."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from spark_jobs.feeds.envelopes import (
    ENVELOPED,
    Record,
    at,
    change_of,
    is_deletion,
    path_to_record,
    without_byte_order_mark,
)
from spark_jobs.feeds.refusals import Refusal

_BLANKS = b" \t\r\n"
_AFTER_A_VALUE = " \t\r\n\0"
_NO_RECORD: Record = {}


@dataclass
class Records:
    """One entry per message, in order."""

    record: list[Record] = field(default_factory=list)
    """what is inside of the envelope, if there is one; empty where refused"""
    event_timestamp: list[Any] = field(default_factory=list)
    source: list[Any] = field(default_factory=list)
    change: list[str | None] = field(default_factory=list)
    refusal: list[str | None] = field(default_factory=list)


def records(values: Sequence[bytes | None]) -> Records:
    """Read every message once."""
    read = Records()
    for value in values:
        try:
            message = orjson.loads(value)  # type: ignore[arg-type]  # None fails like any other odd value
        except ValueError:
            message = _irregular_message(value)
        _add(read, message)
    return read


def _add(read: Records, message: Any) -> None:
    timestamp = source = change = refusal = None
    record = _NO_RECORD
    path = path_to_record(message) if type(message) is dict else _no_object(message)
    if isinstance(path, Refusal):
        refusal = path
    elif is_deletion(inside := at(message, path)):
        refusal = Refusal.THE_RECORD_IS_A_DELETION
    else:
        record, change = without_byte_order_mark(inside), change_of(message, path)
        if path[-1:] == ENVELOPED:
            envelope = at(message, path[:-1])
            timestamp, source = envelope.get("timestamp"), envelope.get("source")
    read.record.append(record)
    read.event_timestamp.append(timestamp)
    read.source.append(source)
    read.change.append(change)
    read.refusal.append(refusal)


def _no_object(message: Any) -> Refusal:
    return message if isinstance(message, Refusal) else Refusal.THE_MESSAGE_IS_NOT_AN_OBJECT


def _whole_number(text: str) -> int | float | str:
    """As the fast parser reads it: what does not fit 64 bits is a double."""
    if len(text) > _DIGITS_OF_64_BITS:
        return _number(text)
    return int(text) if -(2**63) <= int(text) < 2**64 else float(text)


def _number(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text  # beyond a double it can only be shown


_DIGITS_OF_64_BITS = 20
# RFC 8259 and what Python producers write beyond it: NaN, Infinity and -Infinity, read as null.
_LENIENT = json.JSONDecoder(parse_float=_number, parse_int=_whole_number, parse_constant=lambda _: None)


def _irregular_message(value: bytes | None) -> Any:
    """Return the parsed value of what the strict, fast parser does not take, or the refusal reason."""
    if value is None or not value.strip(_BLANKS):
        return Refusal.THE_MESSAGE_IS_EMPTY
    try:
        text = value.decode("utf-8").lstrip(" \t\r\n")
        message, end = _LENIENT.raw_decode(text)
    except (ValueError, RecursionError):
        return Refusal.THE_MESSAGE_IS_NOT_JSON
    # A second value would be lost without a word; blanks and NUL bytes are what some producers end a message with.
    return Refusal.THE_MESSAGE_IS_NOT_JSON if text[end:].strip(_AFTER_A_VALUE) else message
