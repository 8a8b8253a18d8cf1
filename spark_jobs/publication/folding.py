"""Keep a log small: entries older than KEEP_LOG become one for each hour, and those go after KEEP_FOLDED_LOG.

A follower that comes once a night, or after a weekend, then still goes on where it was, and reads a few hundred
documents instead of tens of thousands. Only the owner of the log folds it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from spark_jobs.completeness import hour_end
from spark_jobs.publication import durable_files
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import (
    ANEW,
    BROUGHT,
    CHANGED,
    FOLDED,
    FOLDERS,
    LOST,
    Entry,
    brought_files,
    encode_entry,
    touched_folders,
)

_SET_BACK = timedelta(days=1)
AT_MOST = 10_000
"""entries of one round: batches wait meanwhile, and whoever looks would take them for stuck"""


def fold(log: PublicationLog, kept: timedelta, folded_kept: timedelta, now: datetime, dry_run: bool = False) -> int:
    """Fold the entries of every whole hour older than `kept`, and drop folded ones older than `folded_kept`.

    Returns how many entries were folded, or would be: the oldest AT_MOST, the rest is for the next round. Entry 0 stays
    since it names the log, and so does the head. A crash between writing a folded entry and removing those it stands
    for leaves both; they are removed the next time.
    """
    # Under the lock, as starting over is: a folded entry that comes after it would bar the numbers of the new log.
    with log.lock:
        head = log.head()
        if head is None:
            return 0
        floor = log.folded_up_to()
        hours = _whole_old_hours(log, floor, head.seq, now, kept)
        if not dry_run:
            _remove(log, sorted(seq for seq in log.seqs() if 0 < seq <= floor))
            for entries in hours:
                path = log.folded_path(entries[-1].seq)
                durable_files.create_if_absent(path, encode_entry(folded_entry(entries)))
                _remove(log, (entry.seq for entry in entries))
            durable_files.unlink_all(_old_folded(log, now, folded_kept))
        return sum(map(len, hours))


def folded_entry(entries: Sequence[Entry]) -> Entry:
    """One entry for several that follow each other: where they begin and end, and all that a follower needs of them."""
    last = entries[-1]
    sums = {name: sum(entry.rows.get(name, 0) for entry in entries) for name in ("written", "refused")}
    total = {"total": last.rows["total"]} if "total" in last.rows else {}
    details: dict[str, Any] = {
        "first": entries[0].first_seq,
        FOLDERS: sorted({folder for entry in entries for folder in touched_folders(entry)}),
        BROUGHT: {folder: seq for entry in entries for folder, seq in brought_files(entry).items()},
        CHANGED: _union(entry.details.get(CHANGED, {}) for entry in entries),
        ANEW: sorted({name for entry in entries for name in entry.details.get(ANEW, ())}),
        LOST: [lost for entry in entries for lost in entry.details.get(LOST, ())],
    }
    return Entry(
        FOLDED,
        last.position,
        rows={**sums, **total},
        writer=last.writer,
        details={name: value for name, value in details.items() if value},
        seq=last.seq,
        at=last.at,
    )


def _union(changes: Iterable[dict[str, list[str]]]) -> dict[str, list[str]]:
    together: dict[str, set[str]] = {}
    for change in changes:
        for name, starts in change.items():
            together.setdefault(name, set()).update(starts)
    return {name: sorted(starts) for name, starts in together.items()}


def _whole_old_hours(log: PublicationLog, floor: int, head: int, now: datetime, kept: timedelta) -> list[list[Entry]]:
    """The entries after `floor` and before the head, by hour, of the hours that have been over for so long."""
    old: list[Entry] = []
    for seq in range(max(1, floor + 1), head):
        try:
            entry = log.entry(seq)
        except FileNotFoundError:  # v0.1 removed it: its clean-up left no trace
            continue
        if _is_kept(_hour_end(entry.at), now, kept) or len(old) == AT_MOST:
            break
        old.append(entry)
    return [list(entries) for _, entries in groupby(old, key=lambda entry: _hour_end(entry.at))]


def _hour_end(at: str) -> datetime:
    return hour_end(datetime.fromisoformat(at))


def _is_kept(over: datetime, now: datetime, kept: timedelta) -> bool:
    """Whether what was over then is to be kept: not where that is far ahead, since the clock was set back.

    All that comes after it would stay too, until the clock gets there.
    """
    return now - kept < over < now + kept + _SET_BACK


def _old_folded(log: PublicationLog, now: datetime, kept: timedelta) -> list[Path]:
    """Folded entries whose last is older than that; never the newest, it says which numbers were used."""
    dropped = []
    for seq in sorted(log.folded_seqs())[:-1]:
        if _is_kept(datetime.fromisoformat(log.folded(seq).at), now, kept):
            break
        dropped.append(log.folded_path(seq))
    return dropped


def _remove(log: PublicationLog, seqs: Iterable[int]) -> None:
    """Oldest first: what a death leaves of them ends where the kept ones begin, and no look takes it for the head."""
    durable_files.unlink_all(log.path(seq) for seq in seqs)
