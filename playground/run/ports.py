"""Ports of 127.0.0.1: which are free, and which process listens on the others."""

import socket

import psutil

HOST = "127.0.0.1"
_SEARCHED = 50


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers bind: a port with only closing connections is not taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def free_port(other_than: int = 0) -> int:
    """Return a port that nothing listens on now and that is not `other_than`."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
        return port if port != other_than else free_port(other_than)  # while this one is still bound


def next_free_port(port: int) -> int:
    """Return the first free port after `port`, near the default where people look for it."""
    return (
        next((near for near in range(port + 1, min(port + _SEARCHED, 65536)) if not is_taken(near)), 0) or free_port()
    )


def port_owner(port: int) -> str:
    """Return ' by java (pid 123)', or '' where the owner is unknown."""
    try:
        for connection in psutil.net_connections("inet"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})" if connection.pid else ""
    except psutil.Error:
        pass
    return ""
