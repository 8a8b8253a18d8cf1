"""The publication log: what a dataset holds and how far it has read, as numbered entries created only once.

An entry is the commit point. It names the staged files to move in, the files to delete and the new position; whoever
finds it unapplied applies it, so a crash, a second driver or a woken one all lead to the same content
(`docs/decisions/0001-publication-log.md`). Readers need none of this: `<dataset>/**/*.parquet` holds each row once.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files

SCHEMA_VERSION = 1
_NAME_DIGITS = 20
_HOLDING = ".going-"


class LogDamaged(RuntimeError):
    """The log and the files below its root contradict each other; a person has to look."""


@dataclass(frozen=True)
class Entry:
    """One step of a dataset: files in, files out, and the position reached. Paths are relative to the root."""

    kind: str
    """origin, batch, refresh; compaction, cleanup, rebuild: what a request did"""
    position: Mapping[str, Any]
    """feeds and rollup: topic -> {topic_id, next_offset: {partition: offset}}; analytics: {rollup_seq}"""
    moves: tuple[tuple[str, str], ...] = ()
    deletes: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    writer: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """what else the kind records: spark, changed, durations"""
    seq: int = -1
    at: str = ""


def entry_json(entry: Entry) -> bytes:
    document = {"schema_version": SCHEMA_VERSION, **asdict(entry)}
    document.update(document.pop("details"))
    return json.dumps(document).encode()


def entry_from_json(content: bytes) -> Entry:
    document = json.loads(content)
    known = {name: document.pop(name) for name in Entry.__dataclass_fields__ if name in document}
    document.pop("schema_version")
    known["moves"] = tuple((source, target) for source, target in known["moves"])
    known["deletes"] = tuple(known["deletes"])
    return Entry(**known, details=document)


class PublicationLog:
    """The log of one dataset below one root. `reached` is called with each step's name (tests stop there)."""

    def __init__(self, layout: Layout, dataset: str, reached: Callable[[str], None] = lambda _step: None) -> None:
        self.layout = layout
        self.dataset = dataset
        self.lock = threading.RLock()
        """held while publishing: batches and requests of one process take turns"""
        self.reached = reached
        self._head: Entry | None = None

    def head(self) -> Entry | None:
        """The newest entry, or None before the origin. Costs one look-up per new entry, not a listing."""
        with self.lock:
            if self._head is None:
                newest = max(self.seqs(), default=None)
                self._head = None if newest is None else self.entry(newest)
            elif not self._path(self._head.seq).exists():
                gone = self._path(self._head.seq)
                self._head = None  # what is there by the next try counts: it may be restored
                raise LogDamaged(f"{gone} is gone: the log was removed while the job runs")
            while self._head is not None and self._path(self._head.seq + 1).exists():
                self._head = self.entry(self._head.seq + 1)
            return self._head

    def seqs(self) -> Iterator[int]:
        folder = self.layout.log(self.dataset)
        if folder.is_dir():
            yield from (int(path.stem) for path in folder.glob("[0-9]*.json"))

    def entry(self, seq: int) -> Entry:
        path = self._path(seq)
        try:
            return entry_from_json(path.read_bytes())
        except (ValueError, KeyError, TypeError, AttributeError) as odd:
            raise LogDamaged(f"{path} is no log entry ({odd}): it was changed by hand, or the disk lost it") from odd

    def recover(self) -> Entry | None:
        """The newest entry, applied: what a crash left half done is finished here."""
        head = self.head()
        if head is not None and not self.is_applied(head.seq):
            self.apply(head)
        return head

    def declare(self, entry: Entry, after: Entry | None, now: datetime) -> Entry | None:
        """Make `entry` the next one after `after`; None where another writer was faster."""
        seq = 0 if after is None else after.seq + 1
        numbered = replace(entry, seq=seq, at=now.astimezone(UTC).isoformat())
        if not durable_files.create_if_absent(self._path(numbered.seq), entry_json(numbered)):
            return None
        self._head = numbered
        self.reached("declared")
        return numbered

    def declare_origin(self, entry: Entry, now: datetime) -> Entry:
        """The dataset's first entry: `entry`, or the one that another writer made first."""
        declared = self.declare(entry, None, now)
        if declared is not None:
            self.apply(declared)
        origin = declared or self.recover()
        assert origin is not None
        return origin

    def apply(self, entry: Entry) -> None:
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
        if self.is_applied(entry.seq):
            shutil.rmtree(holding, ignore_errors=True)
            return  # applied by another process while we slept: a path deleted then may hold newer data now
        # Nothing but the removals until the last of them: after a compaction rows are there twice meanwhile.
        durable_files.unlink_all(going)
        for folder in {path.parent for path in going}:
            durable_files.remove_empty_folders(folder, self.layout.root)
        shutil.rmtree(holding, ignore_errors=True)
        for folder in folders:
            durable_files.sync_folder(folder)
        marker = {"schema_version": SCHEMA_VERSION, "seq": entry.seq, "at": entry.at, **entry.details}
        durable_files.create_if_absent(self.applied_path(entry.seq), json.dumps(marker).encode())
        self.reached("applied")

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

    def publish(
        self,
        stage: Callable[[Entry], Entry | None],
        check_writer: Callable[[], None],
        now: Callable[[], datetime],
    ) -> Entry | None:
        """Bring staged files in, exactly once.

        `stage` gets the head and returns the entry to declare after it, or None where the head holds it all. It is
        called again where another writer was faster. `check_writer` raises where this process may not write any more.
        """
        with self.lock:
            while True:
                head = self.recover()
                if head is None:
                    raise LogDamaged(f"{self.layout.log(self.dataset)} has no first entry: it was deleted by hand")
                self.reached("staging")
                draft = stage(head)
                if draft is None:
                    return None
                check_writer()
                self.reached("staged")
                declared = self.declare(draft, head, now())
                if declared is not None:
                    self.apply(declared)
                    return declared

    def is_applied(self, seq: int) -> bool:
        """Whether the entry's files are in place. One that was cleaned up is: only the head can wait to be applied."""
        return self.applied_path(seq).exists() or not self._path(seq).exists()

    def old_documents(self, up_to: int) -> list[Path]:
        """Entries and markers 1 to `up_to`, in the order in which they may be removed.

        Entry 0 stays, it names the log, and so does the head. An entry goes before its marker: what has neither counts
        as applied, what has an entry only does not.
        """
        with self.lock:
            head = self.recover()
        last = -1 if head is None else min(up_to, head.seq - 1)
        folders = (self.layout.log(self.dataset), self.layout.applied(self.dataset))
        return [path for folder in folders for path in folder.glob("[0-9]*.json") if 0 < int(path.stem) <= last]

    def look_again(self) -> None:
        """Begin with what is on disk: the log was started over."""
        with self.lock:
            self._head = None

    def _check_moved_before(self, entry: Entry, target: str) -> None:
        # Another process may have applied the entry, and later ones may have replaced its files, while we slept.
        if (self.layout.root / target).exists() or self.is_applied(entry.seq):
            return
        raise LogDamaged(
            f"{self._path(entry.seq)} promises {target}, but neither that file nor its staged copy exists: "
            "it was removed by hand"
        )

    def _path(self, seq: int) -> Path:
        return self.layout.log(self.dataset) / f"{seq:0{_NAME_DIGITS}}.json"

    def applied_path(self, seq: int) -> Path:
        """The marker that is there once the entry's files are in place."""
        return self.layout.applied(self.dataset) / f"{seq:0{_NAME_DIGITS}}.json"
