"""Which tiles two tables hold otherwise. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from spark_jobs.rollup.tile_schemas import BUCKET_START, tile_keys

_SAME_SUM = 1e-12
"""relative; a row more or less, or another value of one, makes more of a difference"""


def different_tiles(before: pa.Table, after: pa.Table, feed: str) -> set[datetime]:
    """The starts of the tiles that are not the same in both."""
    if after.equals(before):
        return set()
    keys = tile_keys(feed)
    old, new = _by_key(before, keys), _by_key(after, keys)
    place = keys.index(BUCKET_START)
    return {key[place] for key in old.keys() | new.keys() if not _are_same(old.get(key, []), new.get(key, []))}


def _by_key(tiles: pa.Table, keys: tuple[str, ...]) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    """A key has one row, except where somebody has edited the file."""
    rows: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in tiles.to_pylist():
        rows.setdefault(tuple(row[name] for name in keys), []).append(row)
    return rows


def _are_same(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> bool:
    pairs = zip(old, new, strict=False)
    return len(old) == len(new) and all(_is_same(one[name], other[name]) for one, other in pairs for name in one)


def _is_same(one: Any, other: Any) -> bool:
    # A sum of the sums of batches and one sum of all rows may differ in the last bits.
    both = isinstance(one, float) and isinstance(other, float)
    return math.isclose(one, other, rel_tol=_SAME_SUM) if both else bool(one == other)
