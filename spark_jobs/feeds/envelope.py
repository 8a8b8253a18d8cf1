"""Message -> record: the one JSON parse, the shape of the message, and what it is refused for."""

from collections.abc import Iterable, Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.columns.given_text import present
from spark_jobs.feeds.refusals import Refusal

Lookups = Mapping[str, tuple[str, ...]]
"""what a value is called -> the names it is looked up by, in order; `a.b` is key b inside object a"""

_UNREADABLE = "_unreadable"
_JSON = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _UNREADABLE, "allowSingleQuotes": "false"}


def spellings(names: Iterable[str]) -> list[str]:
    """Each name, and with `_` for its spaces."""
    return [spelling for name in names for spelling in dict.fromkeys((name, name.replace(" ", "_")))]


def _fields(lookups: Lookups) -> dict[str, str]:
    """Name -> type of every key a record is asked for. All text: one odd value must not cost its neighbours."""
    inside: dict[str, list[str]] = {}
    for spelling in (spelling for names in lookups.values() for spelling in spellings(names)):
        key, _, inner = spelling.partition(".")
        inside.setdefault(key, []).extend([inner] if inner else [])
    return {
        key: f"struct<{', '.join(f'`{name}` string' for name in inner)}>" if inner else "string"
        for key, inner in inside.items()
    }


def _ddl(fields: Mapping[str, str]) -> str:
    return ", ".join(f"`{name}` {kind}" for name, kind in fields.items())


def parsed_json(value: Column, lookups: Lookups) -> Column:
    """The message with both shapes' names; null where it is empty or not UTF-8 (else U+FFFD would slip in)."""
    record = _fields(lookups)
    envelope = {"data": f"struct<{_ddl(record)}>", "timestamp": "string", "source": "string"}
    schema = _ddl({**record, **envelope, _UNREADABLE: "string"})
    text = value.cast("string")
    return F.when(F.is_valid_utf8(text), F.from_json(text, schema, _JSON))


def top_level(value: Column, json: Column) -> Column:
    """All keys of the message with their values as text, asked only where the parse leaves a doubt.

    The doubt: something did not fit the schema, or `data` may be there with null in it.
    """
    text = value.cast("string")
    may_name_data = text.contains('"data"') | text.contains("\\u")
    is_in_doubt = json[_UNREADABLE].isNotNull() | (json["data"].isNull() & may_name_data)
    return F.when(is_in_doubt, F.from_json(text, "map<string, string>", _JSON))


def shape_refusal(value: Column, json: Column, top_level: Column) -> Column:
    """Why the message holds no record, null where it does."""
    text = value.cast("string")
    # Wrapped twice, so that a stray bracket in the text cannot close the wrapping.
    wrapped = F.concat(F.lit('[{"":'), text, F.lit("}]"))
    is_one_value = F.from_json(wrapped, "array<string>", _JSON).isNotNull()
    given_data = F.filter(F.map_entries(top_level), lambda entry: entry["key"] == "data")
    last_data = F.get(given_data, F.size(given_data) - 1)["value"]
    data_is_odd = (F.size(given_data) > 0) & (json["data"].isNull() | ~F.coalesce(last_data, F.lit("")).startswith("{"))
    return (
        F.when(json.isNull() & ~F.is_valid_utf8(text), Refusal.THE_MESSAGE_IS_NOT_JSON)
        .when(json.isNull(), Refusal.THE_MESSAGE_IS_EMPTY)
        .when(
            json[_UNREADABLE].isNotNull() & top_level.isNull(),
            F.when(is_one_value, Refusal.THE_MESSAGE_IS_NOT_AN_OBJECT).otherwise(Refusal.THE_MESSAGE_IS_NOT_JSON),
        )
        .when(top_level.isNotNull() & data_is_odd, Refusal.THE_DATA_IS_NOT_AN_OBJECT)
    )


def record(json: Column, lookups: Lookups) -> Column:
    """The value of `data`, else the whole object."""
    return F.coalesce(json["data"], F.struct(*(json[key].alias(key) for key in _fields(lookups))))


def given(record: Column, names: Iterable[str]) -> Column:
    """The first value present under one of the names, as text."""
    return F.coalesce(*(present(_at(record, spelling)) for spelling in spellings(names)))


def _at(record: Column, path: str) -> Column:
    for key in path.split("."):
        record = record[key]
    return record


def envelope_text(json: Column, name: str) -> Column:
    """A value beside `data`; a bare record has no envelope."""
    return F.when(json["data"].isNotNull(), present(json[name]))
