"""Spark's checkpoints: a fresh one for every start of a query.

The publication log says where a query starts; a checkpoint is never resumed from, so one that is damaged, older or
another driver's cannot matter.
"""

import re
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

_OF_A_TRY = re.compile(r"\d{8}T\d{6}-\d+-[0-9a-f]{6}-\d+")
"""a driver's instance (`driver_process.new_instance`) and a number: what else is there may be another team's"""
_TRIES = count(1)
"""of this process, whatever becomes of their folders: a query that could not be stopped may still write to its own"""


def fresh_checkpoint(folder: Path, instance: str) -> Path:
    """A new folder below the stream's own, for one try of one driver. Its name was never used before."""
    path = folder / f"{instance}-{next(_TRIES)}"
    path.mkdir(parents=True)
    return path


def own_tries(folder: Path) -> list[Path]:
    """List what our drivers made in a stream's folder. Nothing else there is ours to remove: not what v0.1 left either,
    as it looks like any other program's checkpoint."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _OF_A_TRY.fullmatch(path.name) and not path.is_symlink())


def remove_tries(folder: Path, kept: Path | None = None) -> None:
    """Remove what our tries left, all but one. One that cannot be removed stays: nothing resumes from it."""
    with suppress(OSError):  # the folder itself was removed by hand
        for path in own_tries(folder):
            if path != kept:
                shutil.rmtree(path, ignore_errors=True)
