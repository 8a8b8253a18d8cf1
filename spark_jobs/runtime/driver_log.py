"""What a driver prints, kept small: a job of months must not fill the disk with its own words.

Python and the JVM both append to the file that the launcher opened for them, so it cannot be renamed away under them:
it is copied aside and then emptied. Both open it for appending, so they go on at its new beginning.
"""

import logging
import os
import shutil
from pathlib import Path

log = logging.getLogger(__name__)

MOST_BYTES = 10 * 1024 * 1024
KEPT = 2


def keep_small(path: Path, most_bytes: int = MOST_BYTES, kept: int = KEPT) -> None:
    """Move a file that has grown too big aside as `<name>.1`, the older ones to `.2` and so on; at most `kept`."""
    try:
        if path.stat().st_size <= most_bytes:
            return
        for number in range(kept - 1, 0, -1):
            if aside(path, number).exists():
                aside(path, number).replace(aside(path, number + 1))
        shutil.copyfile(path, aside(path, 1))
    except FileNotFoundError:
        return
    except OSError as failure:
        log.warning("%s could not be copied aside (%s); it is emptied all the same", path, failure.strerror)
    os.truncate(path, 0)


def aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
