"""The shape of a message: everything of it but its values.

A producer writes a few shapes only. (Kafka Connect may write a schema around them, always the same: it is cut off.)
Whether a message has a known one is a single match of a regular expression that leaves nothing open: strict JSON in
plain ASCII, no arrays, no key twice, no escapes where a value is looked up, and values that every reader takes for the
same. What does not match is no worse, only slower to read (messages.py).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

import orjson

from spark_jobs.feeds.envelopes import (
    ENVELOPED,
    MARKS,
    TYPE_NAMES,
    Path,
    Record,
    at,
    change_of,
    is_connect,
    is_deletion,
    path_to_record,
)
from spark_jobs.feeds.known_fields import KnownFields, layout_of
from spark_jobs.feeds.refusals import Refusal

# Of the escapes those that stand for one character each; a table in a change event has a list as text.
_ANY_TEXT = r'"(?:[ !#-\[\]-~]|\\["\\/bfnrt])*"'
_PART = re.compile(_ANY_TEXT + r"|[{}:,]|true|false|null|-?[0-9][-+.0-9eE]*| +")
# In one go: to look for parts behind what is none begins anew at each escaped quote of a text.
_PARTS = re.compile(f"(?:{_PART.pattern})*+")
# What RE2 holds in memory, and so reads at full speed; a hundred values.
_MOST_PARTS = 600
# The same for long names: RE2 is slower by far with a longer pattern, and refuses one of a megabyte.
_LONGEST_PATTERN = 8_000
_DIGITS = "[1-9][0-9]{0,14}"
_FRACTION = r"\.[0-9]{1,17}"
_TEXT = r'"[ !#-\[\]-~]*"'
# Not -0, which is 0 to some readers; no exponent, and no more digits than make a finite double.
_NUMBER = rf"0|-?{_DIGITS}|-?(?:0|{_DIGITS}){_FRACTION}"
# Numbers that are written as text in one way only: neither as tiny as 1e-05 nor as large as 1e+16.
_NUMBER_FOR_TEXT = rf"0(?:\.[0-9]{{1,4}})?|-0\.[0-9]{{0,3}}[1-9]|-?{_DIGITS}(?:{_FRACTION})?"
_TEXT_FOR_NUMBER = rf'"(?:-?[0-9]{{1,15}}(?:{_FRACTION})?)?"'
# What is not looked at has to be sound only: 19 digits are a time in nanoseconds.
_ANY_NUMBER = rf"-?(?:0|[1-9][0-9]{{0,18}})(?:{_FRACTION})?"
_SCHEMA = re.compile(r'\{ *"schema" *: *')
_PAYLOAD = re.compile(r' *, *"payload" *: *')


class Kind(Enum):
    """How a value is written, and so has to be read."""

    TEXT = auto()
    NUMBER = auto()
    NUMBER_FOR_TEXT = auto()


@dataclass(frozen=True)
class WantedPaths:
    """The paths a layout looks values up by, the envelope left out."""

    as_text: frozenset[Path]
    as_number: frozenset[Path]
    known_by: KnownFields


@dataclass(frozen=True)
class MessageShape:
    pattern: str
    """RE2; a message has the shape where all of it between `before` and `after` matches"""
    layout: int
    path: Path
    """where the record is"""
    kinds: Mapping[Path, Kind]
    """path of each single value from the top -> how it is written"""
    change: str | None = None
    before: str = ""
    after: str = ""


def shape_of(message: bytes | None, layouts: Sequence[WantedPaths]) -> MessageShape | None:
    """The shape of a message; None where it is too odd to have one."""
    try:
        whole = orjson.loads(message)  # type: ignore[arg-type]  # None fails like any other odd message
        text = message.decode("ascii") if message is not None else ""
        if isinstance(whole, dict) and is_connect(whole):
            return _shape_in_connect(text, layouts)
    except (ValueError, RecursionError):
        return None
    return _shape(text, whole, layouts) if isinstance(whole, dict) else None


def _shape_in_connect(text: str, layouts: Sequence[WantedPaths]) -> MessageShape | None:
    """That of the payload, where it comes last: what is around it is the same in each message."""
    schema, end = _SCHEMA.match(text), text.rstrip(" ")
    start = _PAYLOAD.match(text, json.JSONDecoder().raw_decode(text, schema.end())[1]) if schema else None
    if start is None or not end.endswith("}"):
        return None
    inside = end[start.end() : -1].rstrip(" ")
    payload = orjson.loads(inside)
    # No envelope inside of another of its kind.
    shape = _shape(inside, payload, layouts) if isinstance(payload, dict) and not is_connect(payload) else None
    return shape and replace(shape, before=text[: start.end()], after=text[start.end() + len(inside) :])


def _shape(text: str, whole: Record, layouts: Sequence[WantedPaths]) -> MessageShape | None:
    if not _PARTS.fullmatch(text):
        return None
    parts = _PART.findall(text)
    if len(parts) > _MOST_PARTS:
        return None
    path = path_to_record(whole)
    if isinstance(path, Refusal) or is_deletion(at(whole, path)):
        return None
    layout = layout_of(at(whole, path), [wanted.known_by for wanted in layouts])
    shape = None if layout is None else _Reading(layouts[layout], path).shape(parts, layout)
    return shape and replace(shape, change=change_of(whole, path))


class _Reading:
    """One walk over the parts of a message that is known to be sound."""

    def __init__(self, wanted: WantedPaths, path: Path) -> None:
        self._wanted = wanted
        self._path = path
        # They decide whether there is a record, so another value is another shape.
        self._fixed = {(*path, "__deleted"), (*path, "__op"), *MARKS[path]}
        self._kinds: dict[Path, Kind] = {}

    def shape(self, parts: list[str], layout: int) -> MessageShape | None:
        paths = list(_paths(parts))
        keys = [path for path, role in paths if role == "key"]
        if self._are_odd(keys):
            return None
        pattern = ""
        for part, (path, role) in zip(parts, paths, strict=True):
            allowed = self._value(part, path) if role == "value" else re.escape(part)
            if allowed is None:
                return None
            pattern += allowed
        if len(pattern) > _LONGEST_PATTERN:
            return None
        return MessageShape(pattern, layout, self._path, self._kinds)

    def _are_odd(self, keys: list[Path]) -> bool:
        """A key twice, or twice but for its case, is not what a table can hold; an optional value has a type name."""
        if any("\\" in path[-1] for path in keys):
            return True
        if len({tuple(name.lower() for name in path) for path in keys}) < len(keys):
            return True
        optional = [path[:-1] for path in keys if path[-1] in TYPE_NAMES]
        return any(path in self._fixed or True in self._is_wanted_as(path) for path in optional)

    def _value(self, part: str, path: Path) -> str | None:
        """What may stand in the place of a value; None where it is an odd one for its place."""
        if path in self._fixed:
            return re.escape(part)
        as_text, as_number = self._is_wanted_as(path)
        if not (as_text or as_number):
            return rf"(?:null|true|false|{_ANY_TEXT}|{_ANY_NUMBER})"
        if part in ("true", "false") or (part == "null" and as_text and as_number):
            return None
        if part.startswith('"') or (part == "null" and as_text):
            self._kinds[path] = Kind.TEXT
            return rf"(?:null|{_TEXT_FOR_NUMBER if as_number else _TEXT})"
        self._kinds[path] = Kind.NUMBER_FOR_TEXT if as_text else Kind.NUMBER
        return rf"(?:null|{_NUMBER_FOR_TEXT if as_text else _NUMBER})"

    def _is_wanted_as(self, path: Path) -> tuple[bool, bool]:
        length = len(self._path)
        if path[:length] == self._path:
            return path[length:] in self._wanted.as_text, path[length:] in self._wanted.as_number
        return self._path == ENVELOPED and path in (("timestamp",), ("source",)), False


def _paths(parts: list[str]) -> Iterator[tuple[Path, str]]:
    """For each part the path it stands at, and whether it is a key, a value or neither."""
    inside: list[str] = []
    key: str | None = None
    for part in parts:
        if part == "{":
            inside += [key] if key is not None else []
            key = None
            yield tuple(inside), ""
        elif part == "}":
            yield tuple(inside), ""
            inside = inside[:-1]
            key = None
        elif part in (":", ",") or part.isspace():
            yield tuple(inside), ""
            key = None if part == "," else key
        elif key is None:
            key = part[1:-1]
            yield (*inside, key), "key"
        else:
            yield (*inside, key), "value"
