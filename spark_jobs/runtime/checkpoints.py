"""Spark's checkpoints: a fresh one for every start of a query.

The publication log says where a query starts; a checkpoint is never resumed from, so one that is damaged, older or
another driver's cannot matter.
"""

import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

_TRIES = count(1)
"""of this process, whatever becomes of their folders: a query that could not be stopped may still write to its own"""


def fresh_checkpoint(folder: Path, instance: str) -> Path:
    """A new folder below the stream's own, for one try of one driver. Its name was never used before."""
    path = folder / f"{instance}-{next(_TRIES)}"
    path.mkdir(parents=True)
    return path


def remove_older(folder: Path, kept: Path) -> None:
    """Remove what earlier tries left. One that cannot be removed stays: nothing resumes from it."""
    with suppress(OSError):  # the folder itself was removed by hand
        for path in folder.iterdir():
            if path != kept:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
