"""How long a test waits for what has to happen: the limit is for one that hangs, not a bound that is tested."""

import time
from collections.abc import Callable

PATIENCE_S = 60.0


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again and again; AssertionError where patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)
