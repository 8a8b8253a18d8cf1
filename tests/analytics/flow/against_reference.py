"""Nine output folders beside what the reference makes of the ingested Parquet."""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tests.analytics.reference.comparison import KEYS, compare, read_output, tolerance
from tests.analytics.reference.events import COLUMNS, PARTITIONS
from tests.analytics.reference.outputs import all_references

Reference = dict[str, pa.Table]

_known: dict[tuple[object, ...], Reference] = {}


def reference(feeds_root: Path, names: Collection[str] = tuple(KEYS)) -> Reference:
    """These outputs of the rows that are ingested now. Those of the same rows, wherever they are, are computed once."""
    with duckdb.connect() as connection:
        rows = tuple(_rows_below(connection, feeds_root, feed) for feed in COLUMNS)
        known = _known.setdefault(rows, {})
        unknown = [name for name in KEYS if name in names and name not in known]
        if unknown:
            known |= all_references(connection, feeds_root, unknown)
        return {name: known[name] for name in names}


def _rows_below(connection: duckdb.DuckDBPyConnection, feeds_root: Path, feed: str) -> tuple[object, ...]:
    """The same for the same rows, in whatever order and files."""
    files = f"{feeds_root / feed}/{PARTITIONS}/*.parquet"
    if not any((feeds_root / feed).glob(f"{PARTITIONS}/*.parquet")):
        return (0,)
    hashes = f"SELECT hash({', '.join(COLUMNS[feed])}) AS of_row FROM read_parquet(?, hive_partitioning = false)"
    query = f"SELECT count(*), sum(of_row::HUGEINT), bit_xor(of_row) FROM ({hashes})"
    found = connection.execute(query, [files]).fetchone()
    assert found is not None
    return tuple(found)


def assert_equals(analytics_root: Path, expected: Reference) -> None:
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
