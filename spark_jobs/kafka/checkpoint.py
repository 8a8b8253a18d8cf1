"""Spark's checkpoint of one query, read from outside: a cache of the position that the publication log owns."""

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

Offsets = Mapping[str, Mapping[str, int]]
"""topic -> partition -> next offset"""


def planned_offsets(checkpoint: Path, batch_id: int) -> dict[str, dict[str, int]] | None:
    """Where the batch ends, from the file Spark writes before it runs the batch; None where there is none.

    Spark's offset log: a version line, a metadata line, then one JSON line per source. A line is `{topic: {partition:
    offset}}` for Kafka.
    """
    try:
        lines = (checkpoint / "offsets" / str(batch_id)).read_text().splitlines()[2:]
        offsets: dict[str, dict[str, int]] = {}
        for line in lines:
            if line != "-":  # a source that has no offset yet
                offsets.update(json.loads(line))
    except (OSError, ValueError, TypeError):
        return None
    return offsets


def resumes_at(checkpoint: Path, head: Offsets) -> bool:
    """Whether a query on this checkpoint goes on just where the log stands.

    Kept: all planned batches end at the head (a last one that was published but not committed is replayed and found
    published), or only an uncommitted batch goes beyond it. Anything else (deleted, older, ahead, another run's,
    unreadable) is not worth telling apart: the log knows better.
    """
    planned = _batch_ids(checkpoint / "offsets")
    if not planned or _has_empty_files(checkpoint):
        return False
    last = planned[-1]
    if planned_offsets(checkpoint, last) == head:
        return True
    committed = _batch_ids(checkpoint / "commits")
    return committed[-1:] == [last - 1] and planned_offsets(checkpoint, last - 1) == head


def _has_empty_files(checkpoint: Path) -> bool:
    """As a power cut leaves them. Spark would fail at each of them, at every start."""
    return any(path.is_file() and path.stat().st_size == 0 for path in checkpoint.rglob("*"))


def _batch_ids(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def set_aside(checkpoint: Path, now: datetime) -> Path | None:
    """Rename the checkpoint out of the way; the copy set aside before it is removed. None where there is nothing."""
    if not checkpoint.exists():
        return None
    for older in checkpoint.parent.glob(f"{checkpoint.name}.set-aside-*"):
        shutil.rmtree(older, ignore_errors=True)
    aside = checkpoint.with_name(f"{checkpoint.name}.set-aside-{now:%Y%m%dT%H%M%S}")
    checkpoint.rename(aside)
    return aside
