"""PySpark's own daemon, which forks the Python workers, with the PySpark that is installed.

Spark puts a zip of PySpark's sources first on the path: each worker would compile all that it imports, a second of CPU
every time a driver starts. What takes long to import is imported here, once, and not by each worker after the fork;
none of it has a thread that a fork would lose.
"""

import sys

sys.path[:] = [place for place in sys.path if not place.endswith(".zip")]

import duckdb  # noqa: E402, F401 - from the path as it is now
import orjson  # noqa: E402, F401
import pandas  # type: ignore[import-untyped]  # noqa: E402, F401 - pyarrow imports it where it is installed
import pyarrow.compute  # noqa: E402
import pyarrow.parquet  # noqa: E402, F401
from pyspark.daemon import manager  # noqa: E402

if __name__ == "__main__":
    manager()
