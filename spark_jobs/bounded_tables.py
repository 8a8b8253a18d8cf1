"""A task's Arrow batches in tables of bounded size: it bounds the memory of a Python worker."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

MOST_ROWS = 200_000
"""about 100 MB of parsed rows"""


def bounded_tables(batches: Iterable[pa.RecordBatch], most_rows: int = MOST_ROWS) -> Iterator[pa.Table]:
    """The rows in order, in tables that are closed once they hold `most_rows`."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(part.num_rows for part in held) >= most_rows:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)
