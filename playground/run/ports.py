"""Ports of 127.0.0.1: which are free, who has the others."""

import socket

import psutil

HOST = "127.0.0.1"
_NEAREST = 50


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port that only has closing connections left is not taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def free_port(other_than: int = 0) -> int:
    """A port that nobody listens on at this moment; not one that is meant for another listener, either."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
        return port if port != other_than else free_port(other_than)  # this one is held meanwhile


def next_free_port(port: int) -> int:
    """The first free one after `port`, so that a second playground is found where one looks for it."""
    return next((near for near in range(port + 1, min(port + _NEAREST, 65536)) if not is_taken(near)), 0) or free_port()


def port_owner(port: int) -> str:
    """' by java (pid 123)' when it can be told, else ''."""
    try:
        for connection in psutil.net_connections("inet"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})" if connection.pid else ""
    except psutil.Error:
        pass
    return ""
