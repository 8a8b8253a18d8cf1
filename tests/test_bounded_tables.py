"""Tables that a task holds at once."""

import pyarrow as pa
import pytest

from spark_jobs.bounded_tables import MOST_BYTES, MOST_ROWS, bounded_tables

BATCHES = {
    "many rows": (pa.record_batch({"row": pa.nulls(MOST_ROWS // 4)}), 4),
    "large messages": (pa.record_batch({"raw": pa.array([b"x" * (MOST_BYTES // 20)])}), 20),
}


@pytest.mark.parametrize("what", BATCHES)
def test_a_table_ends_where_it_holds_enough(what: str) -> None:
    batch, enough = BATCHES[what]
    tables = list(bounded_tables([batch] * (2 * enough + 1)))
    assert [table.num_rows for table in tables] == [enough * batch.num_rows] * 2 + [batch.num_rows]


def test_no_batches_are_no_table() -> None:
    assert list(bounded_tables([])) == []
