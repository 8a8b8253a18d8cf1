"""Queries over Arrow tables in an in-process DuckDB, each planned once.

To plan a query takes five to ten times as long as to run it on the rows of a small batch.
"""

import warnings
from collections.abc import Mapping
from functools import lru_cache, partial

import duckdb
import pyarrow as pa

# The results are small or copied once anyway: one more copy costs less than planning every query twice.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")

_MOST_PLANS = 32
"""A message shape has a plan of its own; each takes up to 0.8 MB."""


class PlannedQueries:
    """A database, and the plans of the queries that it was asked last. For one thread.

    `macros`: signature -> formula. `config`: DuckDB's.
    """

    def __init__(self, macros: Mapping[str, str], config: Mapping[str, str]) -> None:
        # One thread: tasks and streams share the cores already, and rows keep their order. None to wait for files.
        database = duckdb.connect(config={"threads": 1, "async_threads": 0, **config})
        database.execute("SET GLOBAL TimeZone = 'UTC'")
        for signature, formula in macros.items():
            database.execute(f"CREATE MACRO {signature} AS {formula}")
        self._plan = lru_cache(_MOST_PLANS)(partial(_Plan, database))

    def result(self, tables: Mapping[str, pa.Table], query: str) -> pa.Table:
        """Return all rows of the query over the tables, by name.

        What changes from run to run belongs into a table: another text is another plan, and so may be a parameter.
        """
        schemas = tuple((name, table.schema) for name, table in tables.items())
        return self._plan(query, schemas).run(tables)


class _Plan:
    def __init__(
        self, database: duckdb.DuckDBPyConnection, query: str, schemas: tuple[tuple[str, pa.Schema], ...]
    ) -> None:
        self._tables = {name: _Rows(schema.empty_table()) for name, schema in schemas}
        # A connection of its own: DuckDB plans anew once anything else is registered with one.
        self._connection = database.cursor()
        for name, rows in self._tables.items():
            self._connection.register(name, rows)
        self._connection.execute(f"PREPARE planned AS {query}")

    def run(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        for name, table in tables.items():
            self._tables[name].now = table
        try:
            found = self._connection.execute("EXECUTE planned").to_arrow_reader()
            assert found is not None
            return found.read_all()
        finally:
            for rows in self._tables.values():
                rows.now = rows.now.schema.empty_table()  # a plan keeps no batch


class _Rows:
    """A table of a plan, which has other rows at each run: DuckDB asks for them whenever it reads the table."""

    def __init__(self, now: pa.Table) -> None:
        self.now = now

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.now.__arrow_c_stream__(requested_schema)
