"""Spark's checkpoints: a fresh one for every start of a query.

The publication log says where a query starts; a checkpoint is never resumed from, so one that is damaged, older or
another driver's cannot matter.
"""

import shutil
from itertools import count
from pathlib import Path


def fresh_checkpoint(folder: Path, instance: str) -> Path:
    """A new folder below the stream's own, for one try of one driver. Its name was never used before."""
    for number in count(1):
        path = folder / f"{instance}-{number}"
        if not path.exists():
            path.mkdir(parents=True)
            return path
    raise AssertionError("count() does not end")


def remove_older(folder: Path, kept: Path) -> None:
    """Remove what earlier tries left. One that cannot be removed stays: nothing resumes from it."""
    for path in folder.iterdir():
        if path != kept:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
