"""What changed in the rollup since an analytic last looked: the applied markers, read by number."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from spark_jobs.publication.log import PublicationLog
from spark_jobs.rollup.rollup_stream import read_changes

Changes = Mapping[str, list[datetime]]
"""feed -> starts of changed tiles"""


def rollup_origin(rollup: PublicationLog) -> str | None:
    """When this rollup was begun: tells it from one read anew after a loss, whose entries count from 0 again."""
    return None if rollup.head() is None else rollup.entry(0).at


def newest_applied(rollup: PublicationLog) -> int | None:
    """The newest entry of the rollup whose files are in place; None before its first batch."""
    head = rollup.head()
    if head is None:
        return None
    return head.seq if rollup.is_applied(head.seq) else head.seq - 1


def changes_since(applied: Path, after: int, newest: int) -> list[Changes] | None:
    """The changes of the entries after `after` up to `newest`; None where a marker is not kept any more, or damaged."""
    found: list[Changes] = []
    for seq in range(after + 1, newest + 1):
        try:
            found.append(read_changes(json.loads((applied / f"{seq:020}.json").read_bytes())))
        except (FileNotFoundError, ValueError):
            return None
    return found
