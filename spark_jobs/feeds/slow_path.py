"""Record -> columns: the first name of a lookup that is present and not an empty value, as text or as a number."""

import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.feeds.envelopes import Record, single_value
from spark_jobs.feeds.known_fields import spellings

BLANKS = " \t\n\x0b\f\r"
EMPTY_VALUES = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", r"\N")
_EMPTY = pa.array(EMPTY_VALUES)
# Python's own parser would also take 1_000, nan and other digits than these. Digits match in one way only: where they
# had two, a long text of them that is no number took minutes.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DIGITS_OF_AN_EPOCH = 7
_ROUNDED = "rounded"
"""a text that is no number, in the place of one that cannot be used"""
_NONE = type(None)


class GivenValues:
    """The values of some records by name; `a.b` is key b inside object a."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._inside: dict[str, list[Record]] = {}
        self._keys = _keys_of(records)

    def text(self, names: Iterable[str], is_identifier: bool = False) -> pa.Array:
        """Text as written, not trimmed; numbers as Python writes them; objects and arrays are no text."""
        found = [_without_empty(_texts(values, is_identifier)) for values in self._candidates(names)]
        return pc.coalesce(*found) if found else pa.nulls(len(self._records), pa.string())

    def number(self, names: Iterable[str], is_exact: bool = False) -> pa.Array:
        """Finite doubles, given as JSON numbers or as text; null where the first value present is no number."""
        number = pa.nulls(len(self._records), pa.float64())
        for values in reversed(list(self._candidates(names))):
            numbers, is_given = _numbers([_unless_rounded(value) for value in values] if is_exact else values)
            number = numbers if number.null_count == len(number) else pc.if_else(is_given, numbers, number)
        return number

    def _candidates(self, names: Iterable[str]) -> Iterable[list[Any]]:
        for spelling in spellings(names):
            outer, _, inner = spelling.partition(".")
            if outer in self._keys:
                records = self._objects(outer) if inner else self._records
                yield [record.get(inner or outer) for record in records]

    def _objects(self, key: str) -> list[Record]:
        if key not in self._inside:
            values = [record.get(key) for record in self._records]
            self._inside[key] = [value if type(value) is dict else {} for value in values]
        return self._inside[key]


def _keys_of(records: Sequence[Record]) -> set[str]:
    # Producers write a few shapes only, so most tuples of keys are met before.
    return {key for shape in set(map(tuple, records)) for key in shape}


def _texts(values: list[Any], is_identifier: bool = False) -> pa.Array:
    if set(map(type, values)) <= {str, _NONE}:
        with suppress(UnicodeEncodeError):  # half a surrogate pair: each on its own
            return pa.array(values, pa.string())
    return pa.array(map(_identifier if is_identifier else _text, values), pa.string())


def _text(value: Any) -> str | None:
    value = single_value(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be stored
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def _identifier(value: Any) -> str | None:
    """A table with a gap among its whole numbers holds doubles: 643.0 is 643 there."""
    text = _text(value)
    return text if text is None or isinstance(single_value(value), str) else text.removesuffix(".0")


def _without_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_in(trimmed(texts), _EMPTY), None, texts)


def trimmed(texts: pa.Array) -> pa.Array:
    return pc.utf8_trim(texts, BLANKS)


def _unless_rounded(value: Any) -> Any:
    """Not what a spreadsheet left of a long number: 1.54E+12. Java writes all digits (1.5449526E12)."""
    text = single_value(value)
    if not isinstance(text, str) or _NUMBER.fullmatch(text.strip(BLANKS)) is None:
        return value
    mantissa, _, exponent = text.strip(BLANKS).lower().partition("e")
    digits = mantissa.lstrip("+-").replace(".", "").lstrip("0")
    return _ROUNDED if exponent and len(digits) < _DIGITS_OF_AN_EPOCH else value


def _numbers(values: list[Any]) -> tuple[pa.Array, pa.Array]:
    """The numbers, and whether there is a value at all: a text that is no number hides the names after it."""
    kinds = set(map(type, values))
    try:
        if kinds <= {float, int, _NONE}:
            numbers = pa.array(values, pa.float64())
            return numbers, pc.is_valid(numbers)
        if kinds <= {str, _NONE}:
            texts = _without_empty(pa.array(values, pa.string()))
            return _finite(texts.cast(pa.float64())), pc.is_valid(texts)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        pass  # one odd value: each on its own
    return pa.array(map(_number, values), pa.float64()), pc.is_valid(_without_empty(_texts(values)))


def _finite(numbers: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_finite(numbers), numbers, None)


def _number(value: Any) -> float | None:
    value = single_value(value)
    if isinstance(value, str):
        text = value.strip(BLANKS)
        value = float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
