"""A log of text files below one root: what its folder holds is plain to see."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog, Transaction
from spark_jobs.publication.entry import Entry
from tests.publication.small_feed import FEED, NOON, may_write


def log_at(root: Path, reached: Callable[[str], None] = lambda _step: None) -> PublicationLog:
    return PublicationLog(Layout(root), FEED, reached)


def begun(root: Path) -> PublicationLog:
    log = log_at(root)
    log.begin(Entry("origin", {"reached": 0}), NOON)
    return log


def draft(transaction: Transaction, names: str, text: str, deletes: Sequence[str] = "") -> Entry:
    """Stage one file for each letter of `names`."""
    staging = transaction.new_staging("writer")
    for name in names:
        (staging / name).write_text(text)
    home = staging.relative_to(transaction.log.layout.root)
    moves = tuple((str(home / name), f"{FEED}/{name}") for name in names)
    position = {"reached": transaction.head.position["reached"] + 1}
    return Entry("batch", position, moves, tuple(f"{FEED}/{name}" for name in deletes))


def committed(log: PublicationLog, names: str, text: str, deletes: Sequence[str] = "", at: datetime = NOON) -> Entry:
    with log.transaction(may_write) as transaction:
        return transaction.commit(draft(transaction, names, text, deletes), at)


def content(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((root / FEED).glob("**/*")) if path.is_file()}


def head_of(root: Path) -> Entry:
    """As somebody finds it who comes new."""
    head = log_at(root).head()
    assert head is not None
    return head
