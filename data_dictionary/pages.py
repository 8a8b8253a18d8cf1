"""Declared columns and meanings -> Markdown pages."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from data_dictionary.declared import Output
from data_dictionary.meanings import Meaning, Table

PAGES = Path(__file__).resolve().parents[1] / "docs" / "data"

_HEAD = "| column | type | unit | null | meaning |\n|---|---|---|---|---|"
_NAMES = {
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.binary(): "binary",
    pa.timestamp("us", tz="UTC"): "timestamp",
}
_UNITS_BY_TYPE = {
    pa.string(): "text",
    pa.bool_(): "true, false",
    pa.binary(): "bytes",
    pa.timestamp("us", tz="UTC"): "UTC, µs",
}


def pages(outputs: list[Output], tables: Mapping[str, Table]) -> dict[str, str]:
    """File name -> content."""
    by_page = groupby(outputs, key=lambda output: output.page)
    return {f"{page}.md": "\n".join(_page(page, list(those), tables)) + "\n" for page, those in by_page}


def _page(title: str, outputs: list[Output], tables: Mapping[str, Table]) -> Iterator[str]:
    yield f"# {title}"
    yield ""
    yield "[How to read this page](README.md). Written by `make dictionary` from the code and `docs/data/meanings/`."
    for output in outputs:
        if len(outputs) > 1:
            yield f"\n## {output.name}"
        yield f"\n{tables[output.name].about}\n"
        yield from (f"- {fact}: {text}" for fact, text in output.facts.items())
        yield f"\n{_HEAD}"
        for column, kind in output.all_columns.items():
            yield _row(column, kind, tables[output.name].columns[column])


def _row(column: str, kind: pa.DataType, meaning: Meaning) -> str:
    cells = (f"`{column}`", type_name(kind), unit(kind, meaning), meaning.null, meaning.meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def type_name(kind: pa.DataType) -> str:
    """As Spark's SQL calls it."""
    if pa.types.is_struct(kind):
        return f"struct({', '.join(f'{field.name} {type_name(field.type)}' for field in kind)})"
    return _NAMES[kind]


def unit(kind: pa.DataType, meaning: Meaning) -> str:
    """As written down, else what the type says. KeyError: a number without a unit."""
    return meaning.unit or _UNITS_BY_TYPE[kind]
