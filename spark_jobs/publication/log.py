"""The publication log: what a dataset holds and how far it has read, as numbered entries created only once.

An entry is the commit point. It names the staged files to move in, the files to delete and the new position; whoever
finds it unapplied applies it, so a crash, a second driver or a woken one all lead to the same content
(docs/decisions/0001-publication-log.md). Readers need none of this: `<dataset>/**/*.parquet` holds each row once, and
who wants only what is new follows the log (`reader`).
"""

import json
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files
from spark_jobs.publication.entry import SCHEMA_VERSION, Entry, decode_entry, encode_entry, origin_id

_NAME_DIGITS = 20
_HOLDING = ".going-"
_FOLDED_MEANWHILE = 5
"""tries to list entries while the owner folds some of them"""


class LogDamaged(RuntimeError):
    """The log and the files below its root contradict each other; a person has to look."""


class CommitConflict(RuntimeError):
    """Another writer was faster: what was staged is dropped, and the log says where to go on. No failure."""


@dataclass(frozen=True)
class Origin:
    """The log as such: one that was started over has another."""

    id: str
    entry: Entry
    identity: tuple[int, int, int]
    """of the file, so that a look is one `stat`"""


class PublicationLog:
    """The log of one dataset below one root. `reached` is called with each step's name (tests stop there)."""

    def __init__(self, layout: Layout, dataset: str, reached: Callable[[str], None] = lambda _step: None) -> None:
        self.layout = layout
        self.dataset = dataset
        self.lock = threading.RLock()
        """held by a transaction: batches and requests of one process take turns. No reader takes it."""
        self.reached = reached
        self._known: tuple[Origin, Entry] | None = None

    # -- reading: no lock, a few `stat`s ------------------------------------------------------------------------

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
        folder = self.layout.log(self.dataset)
        if folder.is_dir():
            yield from (int(path.stem) for path in folder.glob("[0-9]*.json"))

    def entry(self, seq: int) -> Entry:
        """One entry. FileNotFoundError where it is not kept, LogDamaged where it is none."""
        return self._decoded(self.path(seq), self.path(seq).read_bytes())

    def since(self, after: int, up_to: int) -> list[Entry] | None:
        """The entries after `after` up to `up_to`, in order, older ones folded; None where they are not kept any more.

        The first may be folded and begin before: what it tells of is then told once more. `up_to` must not lie within
        a folded one.
        """
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

    def folded_up_to(self) -> int:
        """The newest entry that was folded, and may have been removed; 0 where none was."""
        return max(self.folded_seqs(), default=0)

    def folded_seqs(self) -> Iterator[int]:
        """The last numbers of the folded hours, in no order. Lists the folder."""
        folder = self.folded_path(0).parent
        if folder.is_dir():
            yield from (int(path.stem) for path in folder.glob("[0-9]*.json"))

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
        except (OSError, ValueError, KeyError, TypeError):
            is_head = False
        return head.seq if is_head else head.seq - 1

    # -- writing ------------------------------------------------------------------------------------------------

    def recover(self) -> Entry | None:
        """The newest entry, applied: what a crash left half done is finished here."""
        newest = self._recovered()
        return None if newest is None else newest[1]

    def _recovered(self) -> tuple[Origin, Entry] | None:
        with self.lock:
            newest = self.newest()
            if newest is not None and self.applied_up_to() < newest[1].seq:
                self._apply(newest[1])
            return newest

    @contextmanager
    def transaction(self, check_writer: Callable[[], None]) -> Iterator["Transaction"]:
        """Lock, recover, and hand out the head to commit after. `check_writer` raises where we may not write any more.

        Raises: LogDamaged where there is no log.
        """
        with self.lock:
            newest = self._recovered()
            if newest is None:
                raise LogDamaged(f"{self.layout.log(self.dataset)} has no first entry: it was deleted by hand")
            origin, head = newest
            self.reached("staging")
            yield Transaction(self, origin.id, head, check_writer)

    def begin(self, draft: Entry, now: datetime, **origin: Any) -> Entry:
        """Declare the first entry, or find the one that another writer declared first; the head, applied."""
        with self.lock:
            details = {**draft.details, "origin": {"id": secrets.token_hex(8), **origin}}
            declared = self._declare(replace(draft, details=details), 0, now, None)
            if declared is not None:
                self._apply(declared)
            head = self.recover()
            assert head is not None
            return head

    def forget(self) -> None:
        """Begin with what is on disk: the log was started over."""
        self._known = None

    def _declare(self, draft: Entry, seq: int, now: datetime, log_id: str | None) -> Entry | None:
        """Make `draft` the entry of that number in the log of that id; None where another writer was faster."""
        entry = replace(draft, seq=seq, at=now.astimezone(UTC).isoformat())
        if not durable_files.create_if_absent(self.path(seq), encode_entry(entry)):
            return None
        if seq > 0 and not self._is_free(seq, log_id):
            self.path(seq).unlink(missing_ok=True)
            return None
        self.reached("declared")
        return entry

    def _is_free(self, seq: int, log_id: str | None) -> bool:
        """Whether we did not sleep while the number was used, folded and removed, or while the log was started over."""
        origin = self.origin()
        return origin is not None and origin.id == log_id and seq > self.folded_up_to()

    def _apply(self, entry: Entry) -> None:
        """Move and delete what the entry says. Safe to repeat, and to run in two processes at once."""
        going = [self.layout.root / path for path in entry.deletes]
        holding = self._hold(entry)
        folders = set()
        for number, (source, target) in enumerate(entry.moves):
            if number == (len(entry.moves) + 1) // 2:
                self.reached("half moved")
            if not durable_files.move(self.layout.root / source, self.layout.root / target):
                self._check_moved_before(entry, target)
            folders.add((self.layout.root / target).parent)
        self.reached("moved")
        if not self._is_head(entry):
            shutil.rmtree(holding, ignore_errors=True)
            return  # applied by another process while we slept: a path deleted then may hold newer data now
        # Nothing but the removals until the last of them: after a compaction rows are there twice meanwhile.
        durable_files.unlink_all(going)
        for folder in {path.parent for path in going}:
            durable_files.remove_empty_folders(folder, self.layout.root)
        shutil.rmtree(holding, ignore_errors=True)
        for folder in folders:
            durable_files.sync_folder(folder)
        self._note_applied(entry)
        self.reached("applied")

    def _note_applied(self, entry: Entry) -> None:
        """Not synced: a power cut that loses it has the head applied once more."""
        origin = self.origin()
        document = {"schema_version": SCHEMA_VERSION, "log": origin.id if origin else "", "up_to": entry.seq}
        durable_files.replace(self.applied_path, json.dumps(document).encode(), durable=False)

    def _is_head(self, entry: Entry) -> bool:
        return not self.path(entry.seq + 1).exists() and self.path(entry.seq).exists()

    def _hold(self, entry: Entry) -> Path:
        """Give the files that go a second name, where new ones come in their place.

        Taking away a name is quick; giving back a file's blocks is not, and is done once no reader sees it any more.
        """
        holding = self.layout.staging(self.dataset) / f"{_HOLDING}{entry.seq}"
        if entry.moves and entry.deletes:
            holding.mkdir(parents=True, exist_ok=True)
            for number, path in enumerate(entry.deletes):
                durable_files.link(self.layout.root / path, holding / str(number))
        return holding

    def _check_moved_before(self, entry: Entry, target: str) -> None:
        # Another process may have applied the entry, and later ones may have replaced its files, while we slept.
        if (self.layout.root / target).exists() or not self._is_head(entry):
            return
        raise LogDamaged(
            f"{self.path(entry.seq)} promises {target}, but neither that file nor its staged copy exists: "
            "it was removed by hand"
        )

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
        except (ValueError, KeyError, TypeError, AttributeError) as odd:
            raise LogDamaged(f"{path} is no log entry ({odd}): it was changed by hand, or the disk lost it") from odd


@dataclass
class Transaction:
    """One step from a head to the next entry. What is staged and not committed is dropped."""

    log: PublicationLog
    log_id: str
    """of its origin"""
    head: Entry
    check_writer: Callable[[], None]

    @property
    def seq(self) -> int:
        """The number of the entry that this transaction commits."""
        return self.head.seq + 1

    def new_staging(self, instance: str) -> Path:
        """An empty folder for this try's files, never used again: a task of an older try may still write there."""
        folder = self.log.layout.staging(self.log.dataset) / instance / f"{self.seq}-{secrets.token_hex(4)}"
        durable_files.make_folder(folder)
        return folder

    def file_name(self, number: int) -> str:
        """A name for one of this entry's files: another log of the dataset begins its numbers again."""
        return f"{self.seq}-{number}-{self.log_id[:8]}.parquet"

    def commit(self, draft: Entry, now: datetime) -> Entry:
        """Declare the draft as the next entry and apply it.

        Raises: CommitConflict where another writer was faster; whatever `check_writer` raises.
        """
        self.check_writer()
        self.log.reached("staged")
        staged = {(self.log.layout.root / source).parent for source, _ in draft.moves}
        for folder in staged:
            durable_files.sync_folder(folder)
        entry = self.log._declare(draft, self.seq, now, self.log_id)
        if entry is None:
            raise CommitConflict(f"another writer of {self.log.dataset} was faster with entry {self.seq}")
        self.log._apply(entry)
        for folder in staged:
            shutil.rmtree(folder, ignore_errors=True)
        return entry
