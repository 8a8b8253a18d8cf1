"""Commits to a publication log: numbered entries, created only once.

An entry is the commit point. It names the staged files to move in, the files to delete and the new position; whoever
finds it unapplied applies it, so a crash, a second driver or a woken one all lead to the same content
(docs/decisions/0001-publication-log.md).
"""

import json
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files
from spark_jobs.publication.entry import SCHEMA_VERSION, Entry, encode_entry
from spark_jobs.publication.log import LogDamaged, LogReader, Origin

_HOLDING = ".going-"


class CommitConflict(RuntimeError):
    """Another writer was faster: what was staged is dropped, and the log says where to go on. No failure."""


class PublicationLog(LogReader):
    """The log as its owner has it. `reached` is called with each step's name (tests stop there)."""

    def __init__(self, layout: Layout, dataset: str, reached: Callable[[str], None] = lambda _step: None) -> None:
        super().__init__(layout, dataset)
        self.lock = threading.RLock()
        """held by a transaction: batches and requests of one process take turns. No reader takes it."""
        self.reached = reached

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
            transaction = Transaction(self, origin.id, head, check_writer)
            yield transaction
            # Not where it fails: an entry that was declared, and could not be applied, promises what is staged.
            for folder in transaction.staging:
                shutil.rmtree(folder, ignore_errors=True)

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


@dataclass
class Transaction:
    """One step from a head to the next entry. What is staged and not committed is dropped."""

    log: PublicationLog
    log_id: str
    """of its origin"""
    head: Entry
    check_writer: Callable[[], None]
    staging: list[Path] = field(default_factory=list)
    """the folders for its files"""

    @property
    def seq(self) -> int:
        """The number of the entry that this transaction commits."""
        return self.head.seq + 1

    def new_staging(self, instance: str) -> Path:
        """An empty folder for this try's files, never used again: a task of an older try may still write there."""
        folder = self.log.layout.staging(self.log.dataset) / instance / f"{self.seq}-{secrets.token_hex(4)}"
        durable_files.make_folder(folder)
        self.staging.append(folder)
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
