"""The publication log as all can read it: what a dataset holds and how far it has read, as numbered entries.

`commit` writes it. Readers of the data need none of this: `<dataset>/**/*.parquet` holds each row once, and who wants
only what is new follows the log (`reader`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files
from spark_jobs.publication.entry import Entry, decode_entry, origin_id

_NAME_DIGITS = 20
_FOLDED_MEANWHILE = 5
"""tries to list entries while the owner folds some of them"""


class LogDamaged(RuntimeError):
    """The log and the files below its root contradict each other; a person has to look."""


@dataclass(frozen=True)
class Origin:
    """The log as such: one that was started over has another."""

    id: str
    entry: Entry
    identity: tuple[int, int, int]
    """of the file, so that a look is one `stat`"""


class LogReader:
    """The log of one dataset below one root, as it is. Takes no lock, and a look costs a few `stat`s."""

    def __init__(self, layout: Layout, dataset: str) -> None:
        self.layout = layout
        self.dataset = dataset
        self._known: tuple[Origin, Entry] | None = None

    def origin(self) -> Origin | None:
        """The log's first entry and id; None before it, or where the log was removed."""
        path = self.path(0)
        known = self._known[0] if self._known else None
        try:
            found = path.stat()
            identity = (found.st_ino, found.st_mtime_ns, found.st_size)
            if known is not None and known.identity == identity:
                return known
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        entry = self._decoded(path, content)
        return Origin(origin_id(content), entry, identity)

    def head(self) -> Entry | None:
        """The newest entry, or None before the origin. LogDamaged where it was there and is gone."""
        newest = self.newest()
        return None if newest is None else newest[1]

    def newest(self) -> tuple[Origin, Entry] | None:
        """The origin and the newest entry, of one look: the next one may find others. None and LogDamaged as `head`."""
        origin = self.origin()
        known = self._known if self._known and origin and self._known[0].id == origin.id else None
        # Entry 0 is there for ever, though those after it may be folded: it does not lead to the head.
        if known is not None and known[1].seq > 0 and self.path(known[1].seq).exists():
            newest = known[1]
        else:
            seq = max(self.seqs(), default=None)
            if seq is None and self._known is not None:
                gone = self.path(self._known[1].seq)
                self._known = None  # what is there by the next try counts: it may be restored
                raise LogDamaged(f"{gone} is gone: the log was removed while the job runs")
            if seq is None:
                return None
            newest = self.entry(seq)
        while self.path(newest.seq + 1).exists():
            newest = self.entry(newest.seq + 1)
        if self.origin() != origin:  # begun, or started over, just now
            return self.newest()
        if origin is None:
            raise LogDamaged(f"{self.path(0)} is gone: the log has lost its first entry")
        self._known = (origin, newest)
        return origin, newest

    def seqs(self) -> Iterator[int]:
        """The numbers of the entries that are there, in no order. Lists the folder."""
        return durable_files.numbers(self.layout.log(self.dataset))

    def entry(self, seq: int) -> Entry:
        """One entry. FileNotFoundError where it is not kept, LogDamaged where it is none."""
        return self._decoded(self.path(seq), self.path(seq).read_bytes())

    def since(self, after: int, up_to: int) -> list[Entry] | None:
        """The entries after `after` up to `up_to`, in order, older ones folded; None where they are not kept any more.

        The first may be folded and begin before: what it tells of is then told once more. `up_to` must not lie within
        a folded one.
        """
        if after >= up_to:
            return []  # no folder is listed: whoever has all asks every few seconds
        for _ in range(_FOLDED_MEANWHILE):
            folded = sorted(seq for seq in self.folded_seqs() if seq > after)
            floor = max([after, *folded])
            try:
                entries = [self.folded(seq) for seq in folded if seq <= up_to]
                entries += [self.entry(seq) for seq in range(floor + 1, up_to + 1)]
            except FileNotFoundError:
                continue  # folded just now
            first, last = (entries[0].first_seq, entries[-1].seq) if entries else (up_to + 1, after)
            return entries if first <= after + 1 and last >= up_to else None
        return None

    def oldest_kept(self) -> int:
        """The first entry after the origin that is kept, folded or not."""
        folded = min(self.folded_seqs(), default=None)
        if folded is not None:
            return self.folded(folded).first_seq
        return min((seq for seq in self.seqs() if seq > 0), default=1)

    def folded(self, last: int) -> Entry:
        """The entry that stands for all of an hour, by the last of them."""
        path = self.folded_path(last)
        return self._decoded(path, path.read_bytes())

    def standing_for(self, seq: int) -> Entry | None:
        """The entry of that number, else the folded one that it is part of; None where neither is kept."""
        try:
            return self.entry(seq)
        except FileNotFoundError:
            last = min((last for last in self.folded_seqs() if last >= seq), default=None)
            folded = None if last is None else self.folded(last)
            return folded if folded is not None and folded.first_seq <= seq else None

    def folded_up_to(self) -> int:
        """The newest entry that was folded, and may have been removed; 0 where none was."""
        return max(self.folded_seqs(), default=0)

    def folded_seqs(self) -> Iterator[int]:
        """The last numbers of the folded hours, in no order. Lists the folder."""
        return durable_files.numbers(self.folded_path(0).parent)

    def applied_up_to(self) -> int:
        """The newest entry whose files are in place; -1 before the origin.

        Only the head can wait to be applied, since it is declared once all before it are. A document that is lost,
        older or not readable therefore means the entry before the head.
        """
        newest = self.newest()
        if newest is None:
            return -1
        origin, head = newest
        try:
            document = json.loads(self.applied_path.read_bytes())
            is_head = (document["log"], document["up_to"]) == (origin.id, head.seq)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            is_head = False
        return head.seq if is_head else head.seq - 1

    # -- names --------------------------------------------------------------------------------------------------

    def path(self, seq: int) -> Path:
        """Where an entry is."""
        return self.layout.log(self.dataset) / f"{seq:0{_NAME_DIGITS}}.json"

    def folded_path(self, last: int) -> Path:
        """Where the entry is that stands for those of an hour."""
        return self.layout.log(self.dataset) / "_folded" / f"{last:0{_NAME_DIGITS}}.json"

    @property
    def applied_path(self) -> Path:
        """The document that says up to where entries are applied."""
        return self.layout.log(self.dataset) / "_applied.json"

    def _decoded(self, path: Path, content: bytes) -> Entry:
        try:
            return decode_entry(content)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as odd:
            raise LogDamaged(f"{path} is no log entry ({odd}): it was changed by hand, or the disk lost it") from odd
