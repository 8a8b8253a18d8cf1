"""The table of meanings: TOML files below docs/data/meanings, one per output, and what several outputs include.

A name such as `<pair>_n` stands for several columns: `[names.pair]` lists what takes the place of `<pair>`, and what
`{pair}` (or `{pair.unit}`, where there is more than one thing to say) becomes in the texts.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

MEANINGS = Path(__file__).resolve().parents[1] / "docs" / "data" / "meanings"

Words = str | Mapping[str, str]
Names = Mapping[str, Mapping[str, Words]]

_PLACE = re.compile(r"<(\w+)>")
_TEXTS = ("meaning", "null", "unit")


@dataclass(frozen=True)
class Meaning:
    """What one column says."""

    meaning: str
    null: str
    """'never', or when it is"""
    unit: str = ""
    """empty only where the type says it all"""
    entry: str = ""
    """the entry it comes from, as `file: name`"""


@dataclass(frozen=True)
class Table:
    """What is known of one output."""

    about: str
    columns: Mapping[str, Meaning]


def table(name: str, folder: Path = MEANINGS) -> Table:
    """Read the table of one output, included entries first. KeyError: a field or a name is missing or unknown."""
    own = _document(name, folder)
    parts = {part: _document(part, folder) for part in own.get("include", [])} | {name: own}
    names: Names = {place: words for part in parts.values() for place, words in part.get("names", {}).items()}
    columns = {
        column: meaning
        for part, document in parts.items()
        for entry, fields in document["columns"].items()
        for column, meaning in _expanded(entry, _meaning(f"{part}: {entry}", fields), names)
    }
    return Table(own["about"], columns)


def entries(folder: Path = MEANINGS) -> set[str]:
    """All entries that are written down, as `file: name`."""
    files = [file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.toml")]
    return {f"{name}: {entry}" for name in files for entry in _document(name, folder)["columns"]}


def _document(name: str, folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))


def _meaning(entry: str, fields: Mapping[str, str]) -> Meaning:
    try:
        return Meaning(**fields, entry=entry)
    except TypeError as fault:
        raise KeyError(f"{entry}: {fault}") from fault


def _expanded(column: str, meaning: Meaning, names: Names) -> Iterator[tuple[str, Meaning]]:
    """The columns that an entry stands for."""
    place = _PLACE.search(column)
    if place is None:
        yield column, meaning
        return
    for name, words in names[place[1]].items():
        texts = {field: _filled(getattr(meaning, field), place[1], name, words) for field in _TEXTS}
        yield from _expanded(column.replace(place[0], name), replace(meaning, **texts), names)


def _filled(text: str, place: str, name: str, words: Words) -> str:
    """The text with the name and its words in their places."""
    by_place = {f"<{place}>": name}
    if isinstance(words, str):
        by_place[f"{{{place}}}"] = words
    else:
        by_place |= {f"{{{place}.{key}}}": word for key, word in words.items()}
    for placeholder, word in by_place.items():
        text = text.replace(placeholder, word)
    return text
