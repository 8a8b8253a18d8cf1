"""An in-process DuckDB for each thread: opening one costs more than a query on a batch."""

import threading
import warnings

import duckdb
import pyarrow as pa

# The results are small or copied once anyway: one more copy costs less than planning every query twice.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")

# The characters that count as blanks in a message.
_MACROS = (r"trim_blanks(t) AS trim(t, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))",)

_of_thread = threading.local()


def task_database() -> duckdb.DuckDBPyConnection:
    """This thread's database. One thread of its own: tasks share the cores already, and rows keep their order."""
    if not hasattr(_of_thread, "connection"):
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("SET TimeZone = 'UTC'")
        # It makes a join of an IN with a few constants: up to a third of the time of the queries that read messages.
        connection.execute("SET disabled_optimizers = 'in_clause'")
        for macro in _MACROS:
            connection.execute(f"CREATE MACRO {macro}")
        _of_thread.connection = connection
    opened: duckdb.DuckDBPyConnection = _of_thread.connection
    return opened


def query_result(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object] | None = None
) -> pa.Table:
    """All rows. Not through `sql()`: that plans the query once for its columns and once more to run it."""
    reader = connection.execute(query, parameters).to_arrow_reader()
    assert reader is not None
    return reader.read_all()


def result_over(tables: dict[str, pa.Table], query: str) -> pa.Table:
    """The query's rows, on this thread's database, over Arrow tables by name."""
    connection = task_database()
    for name, table in tables.items():
        connection.register(name, table)
    try:
        return query_result(connection, query)
    finally:
        for name in tables:
            connection.unregister(name)
