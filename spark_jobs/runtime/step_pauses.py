"""A place for tests to stop a driver at a named step: it waits there to be killed, or woken after a SIGSTOP.

`STREAMS_PAUSE_AT=bike_trips:declared:3` stops at the third time bike_trips reaches `declared`, once the file that
`STREAMS_PAUSE_FILE` names has been written; removing the file lets the driver go on. Without the variables nothing
happens.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path


def step_listener(env: Mapping[str, str], dataset: str) -> Callable[[str], None]:
    """What the publication log of `dataset` calls at each step."""
    place = env.get("STREAMS_PAUSE_AT", "").split(":")
    if len(place) != 3 or place[0] != dataset:
        return lambda _step: None
    left = int(place[2])
    marker = Path(env["STREAMS_PAUSE_FILE"])

    def reached(step: str) -> None:
        nonlocal left
        if step != place[1]:
            return
        left -= 1
        if left == 0:
            marker.write_text(step)
            while marker.exists():
                time.sleep(0.05)

    return reached
