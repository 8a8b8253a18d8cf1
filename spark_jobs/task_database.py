"""An in-process DuckDB for each thread: opening one costs more than a query on a batch."""

import threading
from collections.abc import Mapping

import pyarrow as pa

from spark_jobs.planned_queries import PlannedQueries

# The characters that count as blanks in a message.
_MACROS = {"trim_blanks(t)": "trim(t, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))"}
# It makes a join of an IN with a few constants: up to a third of the time of the queries that read messages.
_CONFIG = {"disabled_optimizers": "in_clause"}

_of_thread = threading.local()


def result_over(tables: Mapping[str, pa.Table], query: str) -> pa.Table:
    """Return the query's rows, on this thread's database, over Arrow tables by name."""
    if not hasattr(_of_thread, "queries"):
        _of_thread.queries = PlannedQueries(_MACROS, _CONFIG)
    queries: PlannedQueries = _of_thread.queries
    return queries.result(tables, query)
