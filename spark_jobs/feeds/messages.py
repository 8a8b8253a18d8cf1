"""Message -> record: the JSON, the envelope, and what a message that holds no record is refused for."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from spark_jobs.feeds.refusals import Refusal

Record = dict[str, Any]

_BLANKS = b" \t\r\n"
_NO_RECORD: Record = {}


@dataclass
class Records:
    """One entry per message, in order."""

    record: list[Record] = field(default_factory=list)
    """the value of `data`, else the whole object; empty where refused"""
    event_timestamp: list[Any] = field(default_factory=list)
    source: list[Any] = field(default_factory=list)
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
    timestamp = source = refusal = None
    record = _NO_RECORD
    if type(message) is not dict:
        refusal = message if type(message) is Refusal else Refusal.THE_MESSAGE_IS_NOT_AN_OBJECT
    elif "data" not in message:
        record = message
    elif type(message["data"]) is not dict:
        refusal = Refusal.THE_DATA_IS_NOT_AN_OBJECT
    else:
        record, timestamp, source = message["data"], message.get("timestamp"), message.get("source")
    read.record.append(record)
    read.event_timestamp.append(timestamp)
    read.source.append(source)
    read.refusal.append(refusal)


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
    """What the strict, fast parser does not take: the value after all, or why it is none."""
    if value is None or not value.strip(_BLANKS):
        return Refusal.THE_MESSAGE_IS_EMPTY
    try:
        text = value.decode("utf-8").lstrip(" \t\r\n")
        message, end = _LENIENT.raw_decode(text)
    except (ValueError, RecursionError):
        return Refusal.THE_MESSAGE_IS_NOT_JSON
    # Text after an object is ignored; after anything else it shows that this was no JSON to begin with.
    if not isinstance(message, dict) and text[end:].strip(" \t\r\n"):
        return Refusal.THE_MESSAGE_IS_NOT_JSON
    return message
