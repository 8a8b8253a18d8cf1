# ruff: noqa: S608 - the SQL is made of names that the feeds' rules declare
"""Messages of one shape -> the looked-up values, by DuckDB's JSON reader: all rows of a batch in one go."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from spark_jobs.feeds.envelopes import ENVELOPED, Path
from spark_jobs.feeds.known_fields import KnownFields, path_of, spellings
from spark_jobs.feeds.message_shapes import Kind, MessageShape, WantedPaths
from spark_jobs.feeds.rules import FeedRules, Lookups, names_in
from spark_jobs.feeds.slow_path import EMPTY_VALUES
from spark_jobs.task_database import result_over

ENVELOPE = ("event_timestamp", "source")
_ENVELOPE_PATHS: Mapping[str, Path] = {"event_timestamp": ("timestamp",), "source": ("source",)}
_EMPTY = ", ".join(f"'{value}'" for value in EMPTY_VALUES)
_LONGEST_EMPTY = max(map(len, EMPTY_VALUES))


def wanted_by(rules: FeedRules) -> WantedPaths:
    def paths(*lookups: Lookups) -> frozenset[Path]:
        return frozenset(map(path_of, spellings(names_in(*lookups))))

    return WantedPaths(paths(rules.texts, rules.as_written), paths(rules.numbers), KnownFields(rules.known_by))


def fast_path(texts: pa.Array, shape: MessageShape, rules: FeedRules) -> pa.Table:
    """What `GivenValues` finds, of what is inside of messages that all have this shape."""
    reading = _Reading(shape)
    lookups = {
        **{name: reading.text(names, name in rules.identifiers) for name, names in rules.texts.items()},
        **{name: reading.number(names) for name, names in rules.numbers.items()},
        **{name: reading.as_written(names) for name, names in rules.as_written.items()},
        **{name: reading.of_envelope(name) for name in ENVELOPE},
        "change": f"'{shape.change}'" if shape.change else "NULL::VARCHAR",
        "shape_refusal": "NULL::VARCHAR",
    }
    columns = ", ".join(f"{rule} AS {name}" for name, rule in lookups.items())
    messages = pa.table({"message": texts.cast(pa.string())})
    return result_over({"messages": messages}, f"SELECT {columns} FROM ({reading.values_of('messages')})")


class _Reading:
    """The SQL of lookups, and of the values that they look at."""

    def __init__(self, shape: MessageShape) -> None:
        self._shape = shape
        self._named: dict[Path, str] = {}

    def text(self, names: Iterable[str], is_identifier: bool = False) -> str:
        texts = (self._identifier(path) if is_identifier else self._text(path) for path in self._present(names))
        return _first(texts, "VARCHAR")

    def as_written(self, names: Iterable[str]) -> str:
        return _first((self._text(path, trim=False) for path in self._present(names)), "VARCHAR")

    def number(self, names: Iterable[str]) -> str:
        return _first(map(self._number, self._present(names)), "DOUBLE")

    def of_envelope(self, name: str) -> str:
        path = _ENVELOPE_PATHS[name]
        known = self._shape.path == ENVELOPED and path in self._shape.kinds
        return self._text(path) if known else "NULL::VARCHAR"

    def values_of(self, messages: str) -> str:
        """The named values as columns, texts also trimmed. Step by step: DuckDB computes a column once per step."""
        shape: dict[str, Any] = {}
        for path in self._named:
            _set(shape, path, "DOUBLE" if self._shape.kinds[path] is Kind.NUMBER else "VARCHAR")
        # DuckDB has no structure without a field.
        structure = json.dumps(shape or {"data": "JSON"}).replace("'", "''")
        places = {name: ".".join(f'"{key}"' for key in ("m", *path)) for path, name in self._named.items()}
        values = "".join(f", {place} AS {name}" for name, place in places.items())
        texts = [name for path, name in self._named.items() if self._shape.kinds[path] is Kind.TEXT]
        trimmed = "".join(f", {_trimmed(name)} AS trimmed_{name}" for name in texts)
        read = f"SELECT from_json(message, '{structure}') AS m FROM {messages}"
        return f"SELECT * EXCLUDE (m), true AS is_read {trimmed} FROM (SELECT m {values} FROM ({read}))"

    def _present(self, names: Iterable[str]) -> list[Path]:
        paths: list[Path] = [(*self._shape.path, *path_of(name)) for name in spellings(names)]
        return [path for path in paths if path in self._shape.kinds]

    def _text(self, path: Path, trim: bool = True) -> str:
        name = self._name(path)
        if self._shape.kinds[path] is Kind.NUMBER_FOR_TEXT:
            return name
        return _unless_empty(f"trimmed_{name}", "" if trim else name)

    def _identifier(self, path: Path) -> str:
        text = self._text(path)
        if self._shape.kinds[path] is not Kind.NUMBER_FOR_TEXT:
            return text
        return f"CASE WHEN suffix({text}, '.0') THEN left({text}, -2) ELSE {text} END"

    def _number(self, path: Path) -> str:
        name = self._name(path)
        return name if self._shape.kinds[path] is Kind.NUMBER else f"nullif({name}, '')::DOUBLE"

    def _name(self, path: Path) -> str:
        return self._named.setdefault(path, f"value_{len(self._named)}")


def _set(shape: dict[str, Any], path: Path, kind: str) -> None:
    for key in path[:-1]:
        shape = shape.setdefault(key, {})
    shape[path[-1]] = kind


def _first(values: Iterable[str], kind: str) -> str:
    some = ", ".join(values)
    return f"coalesce({some})" if some else f"NULL::{kind}"


def _trimmed(text: str) -> str:
    # No other blank can stand in a message that has a shape, and few values begin or end with one: trim is slow.
    return f"CASE WHEN prefix({text}, ' ') OR suffix({text}, ' ') THEN trim({text}, ' ') ELSE {text} END"


def _unless_empty(trimmed: str, value: str = "") -> str:
    return f"CASE WHEN strlen({trimmed}) > {_LONGEST_EMPTY} OR {trimmed} NOT IN ({_EMPTY}) THEN {value or trimmed} END"
