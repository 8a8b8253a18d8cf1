"""PySpark's own daemon, which forks the Python workers, with the PySpark that is installed.

Spark puts a zip of PySpark's sources first on the path: each worker would compile all that it imports, a second of CPU
every time a driver starts.
"""

import sys

sys.path[:] = [place for place in sys.path if not place.endswith(".zip")]

from pyspark.daemon import manager  # noqa: E402 - from the path as it is now

if __name__ == "__main__":
    manager()
