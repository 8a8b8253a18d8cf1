"""A task's Arrow batches in tables of bounded size: it bounds the memory of a Python worker."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

MOST_ROWS = 200_000
"""about 100 MB of parsed rows"""
MOST_BYTES = 200_000_000
"""of refused messages, which are held whole, a few hundred may be as much"""


def bounded_tables(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in order, in tables that are closed once they hold MOST_ROWS or MOST_BYTES."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= MOST_ROWS or size >= MOST_BYTES:
            yield pa.Table.from_batches(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)
