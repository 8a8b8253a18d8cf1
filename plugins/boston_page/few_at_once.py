"""At most so many questions to the outputs at once.

Airflow's API server has 40 threads for all that it serves. Whoever asks a disk that hangs, and gives up and asks again,
would have them one after the other, and then Airflow itself stands still.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from threading import BoundedSemaphore

from fastapi import Depends, HTTPException

MOST = 12
_PATIENCE_S = 10.0
"""a chart takes half a second"""
_LOOK_EVERY_S = 0.1

_free = BoundedSemaphore(MOST)


async def _few_at_once() -> AsyncIterator[None]:
    """Let in who comes, or waits long enough: here, where waiting takes no thread."""
    until_s = time.monotonic() + _PATIENCE_S
    while not _free.acquire(blocking=False):
        if time.monotonic() >= until_s:
            raise HTTPException(
                503, f"{MOST} questions wait for the outputs already: a disk may hang. Ask again later."
            )
        await asyncio.sleep(_LOOK_EVERY_S)
    try:
        yield
    finally:
        _free.release()


FEW_AT_ONCE = Depends(_few_at_once, scope="function")
"""of every router whose routes read the outputs themselves; who loads a file slowly is not counted"""
