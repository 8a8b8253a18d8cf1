"""Rows that are in a folder more than once, as where a backup was copied over files that were merged since. Pure."""

import pyarrow as pa
import pyarrow.compute as pc

REMOVE_ADDED = "remove the files that were added by hand"
REMOVE_DOUBLED = f"{REMOVE_ADDED}: a compacted file holds the rows of all before it"


def doubled_rows(places: pa.Table) -> int:
    """How many rows are one too many. `places`: what names a row, `kafka_offset` among it."""
    # A sixteenth at a time: grouping takes many times the memory of what is grouped.
    sixteenth = pc.bit_wise_and(places["kafka_offset"], 15)
    parts = (places.filter(pc.equal(sixteenth, number)) for number in range(16))
    return sum(len(part) - len(part.group_by(part.column_names, use_threads=False).aggregate([])) for part in parts)
