"""The socket on which the JVM calls a query's batches. Whoever ended the query has to close it.

Py4J keeps a thread and open files for each thread of the JVM that has called Python, and each query has a thread of
its own. Neither side closes them: a query that is started again every 30 s would use a thousand files up in a night.
"""

import socket
from contextlib import suppress

from pyspark import SparkContext


def callback_socket() -> socket.socket | None:
    """Return the socket on which this thread is called by the JVM; None where it is not."""
    gateway = SparkContext._gateway
    connection = None if gateway is None else gateway._gateway_client.get_thread_connection()
    return None if connection is None or connection.initiated_from_client else connection.socket


def hang_up(called_on: socket.socket | None) -> None:
    """End the thread that waits for calls on the socket, which then closes it."""
    if called_on is not None:
        with suppress(OSError):  # the JVM is gone
            called_on.shutdown(socket.SHUT_RDWR)
