"""A task's Arrow batches in tables of bounded size: it bounds the memory of a Python worker."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

MOST_ROWS = 200_000
"""about 100 MB of parsed rows"""


def bounded_tables(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in order, in tables that are closed once they hold MOST_ROWS."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(part.num_rows for part in held) >= MOST_ROWS:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)
