"""Nine output folders beside the reference's tables."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tests.analytics.reference.comparison import KEYS, compare, read_output, tolerance
from tests.analytics.reference.outputs import all_references


def reference(feeds_root: Path) -> dict[str, pa.Table]:
    with duckdb.connect() as connection:
        return all_references(connection, feeds_root, list(KEYS))


def assert_equals(analytics_root: Path, expected: dict[str, pa.Table]) -> None:
    """Every row and every cell of all nine outputs."""
    lines: list[str] = []
    with duckdb.connect() as connection:
        for name, table in expected.items():
            actual = read_output(connection, analytics_root, name)
            lines += actual.misplaced
            if not _same(actual.rows, table, KEYS[name]):
                lines += compare(actual.rows, table, KEYS[name], name).lines
    assert not lines, "\n".join(lines[:20])


def _same(actual: pa.Table, expected: pa.Table, keys: Sequence[str]) -> bool:
    """The quick answer where everything agrees: column by column instead of cell by cell."""
    if actual.column_names != expected.column_names or len(actual) != len(expected):
        return False
    order = [(key, "ascending") for key in keys]
    found, wanted = actual.sort_by(order), expected.sort_by(order)
    return all(_same_column(name, found[name], wanted[name]) for name in expected.column_names)


def _same_column(name: str, found: pa.ChunkedArray, wanted: pa.ChunkedArray) -> bool:
    if found.type != wanted.type:
        return False
    if not pa.types.is_floating(wanted.type):
        return bool(found.equals(wanted))
    bound = pc.multiply(pc.max_element_wise(pc.abs(wanted), 1.0), tolerance(name))
    near = pc.less_equal(pc.abs(pc.subtract(found, wanted)), bound)
    both_unknown = pc.and_(pc.is_null(found), pc.is_null(wanted))
    return bool(pc.all(pc.or_(pc.fill_null(near, False), both_unknown), min_count=0).as_py())
