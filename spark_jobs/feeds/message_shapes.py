"""The shape of a message: everything of it but its values.

A producer writes a few shapes only. Whether a message has a known one is a single match of a regular expression that
leaves nothing open: strict JSON in plain ASCII, no escapes, no arrays, no key twice, and values that every reader takes
for the same. What does not match is no worse, only slower to read (messages.py).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import orjson

Path = tuple[str, ...]

_PART = re.compile(r'"[ !#-\[\]-~]*"|[{}:,]|true|false|null|-?[0-9][-+.0-9eE]*| +')
# What RE2 holds in memory, and so reads at full speed; a hundred values.
_MOST_PARTS = 600
_DIGITS = "[1-9][0-9]{0,14}"
_FRACTION = r"\.[0-9]{1,17}"
_TEXT = r'"[ !#-\[\]-~]*"'
# Not -0, which is 0 to some readers; no exponent, and no more digits than make a finite double.
_NUMBER = rf"0|-?{_DIGITS}|-?(?:0|{_DIGITS}){_FRACTION}"
# Numbers that are written as text in one way only: neither as tiny as 1e-05 nor as large as 1e+16.
_NUMBER_FOR_TEXT = rf"0|-?{_DIGITS}(?:{_FRACTION})?"
_TEXT_FOR_NUMBER = rf'"(?:-?[0-9]{{1,15}}(?:{_FRACTION})?)?"'


@dataclass(frozen=True)
class WantedPaths:
    """The paths a feed looks values up by, the envelope left out."""

    as_text: frozenset[Path]
    as_number: frozenset[Path]


@dataclass(frozen=True)
class MessageShape:
    pattern: str
    """RE2; a message has the shape where the whole of it matches"""
    is_enveloped: bool
    is_text: Mapping[Path, bool]
    """path of each single value from the top -> whether it is to be read as text (else as a double)"""


def shape_of(message: bytes | None, wanted: WantedPaths) -> MessageShape | None:
    """The shape of a message; None where it is too odd to have one."""
    try:
        record = orjson.loads(message)  # type: ignore[arg-type]  # None fails like any other odd message
        text = message.decode("ascii") if message is not None else ""
    except ValueError:
        return None
    parts = _PART.findall(text)
    if "".join(parts) != text or len(parts) > _MOST_PARTS or not isinstance(record, dict):
        return None
    is_enveloped = "data" in record
    if is_enveloped and not isinstance(record["data"], dict):
        return None
    return _Reading(wanted, is_enveloped).shape(parts)


class _Reading:
    """One walk over the parts of a message that is known to be sound."""

    def __init__(self, wanted: WantedPaths, is_enveloped: bool) -> None:
        self._wanted = wanted
        self._is_enveloped = is_enveloped
        self._is_text: dict[Path, bool] = {}

    def shape(self, parts: list[str]) -> MessageShape | None:
        paths = list(_paths(parts))
        keys = [tuple(name.lower() for name in path) for path, role in paths if role == "key"]
        # A key twice, or twice but for its case: not what a table can hold.
        if len(set(keys)) < len(keys):
            return None
        pattern = ""
        for part, (path, role) in zip(parts, paths, strict=True):
            allowed = self._value(part, path) if role == "value" else re.escape(part)
            if allowed is None:
                return None
            pattern += allowed
        return MessageShape(pattern, self._is_enveloped, self._is_text)

    def _value(self, part: str, path: Path) -> str | None:
        """What may stand in the place of a value; None where it is an odd one for its place."""
        as_text, as_number = self._is_wanted_as(path)
        if not (as_text or as_number):
            return rf"(?:null|true|false|{_TEXT}|{_NUMBER})"
        if part in ("true", "false") or (part == "null" and as_text and as_number):
            return None
        is_string = part.startswith('"') or (part == "null" and as_text)
        self._is_text[path] = is_string or as_text
        if is_string:
            return rf"(?:null|{_TEXT_FOR_NUMBER if as_number else _TEXT})"
        return rf"(?:null|{_NUMBER_FOR_TEXT if as_text else _NUMBER})"

    def _is_wanted_as(self, path: Path) -> tuple[bool, bool]:
        if not self._is_enveloped:
            return path in self._wanted.as_text, path in self._wanted.as_number
        if path[0] == "data":
            return path[1:] in self._wanted.as_text, path[1:] in self._wanted.as_number
        return path in (("timestamp",), ("source",)), False


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


def paths_of(names: Collection[str]) -> set[Path]:
    """`a.b` is key b inside object a; other points belong to the name."""
    return {tuple(name.split(".", 1)) for name in names}
