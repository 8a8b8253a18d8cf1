"""Follow a dataset: "which rows came since my position?", exactly once, from any program that reads Parquet.

    feed = DatasetReader("/data/processed_simple", "bike_trips")
    increment = feed.since(position)          # None: all there is
    rows = ...                                # read increment.files where increment.where, for instance with DuckDB
    if len(rows) != increment.rows: ...       # a compaction came in between: ask again
    position = increment.position             # keep it with what was made of the rows

Files are compacted and clean-ups go on meanwhile, so a file may be gone when it is opened: ask again. Needs neither
Spark nor Kafka; docs/follow-a-feed.md shows it with DuckDB and with Spark.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spark_jobs.paths import Layout
from spark_jobs.publication.entry import FOLDED, Entry, touched_folders
from spark_jobs.publication.log import LogDamaged, LogReader, Origin

Offsets = Mapping[str, int]
"""partition as text -> next offset"""


@dataclass(frozen=True)
class Position:
    """Where a follower stands: this log, this entry, these offsets, so many rows since the log's origin."""

    log: str
    seq: int
    next_offset: Offsets
    rows: int | None = None
    """None where v0.1 wrote the log and nobody has counted yet"""

    def as_document(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Position":
        """From what `as_document` gave."""
        return cls(document["log"], document["seq"], dict(document["next_offset"]), document.get("rows"))

    def is_behind(self, offsets: Offsets) -> bool:
        """Whether any partition has messages up to these offsets that this position does not have."""
        return any(self.next_offset.get(partition, 0) < offset for partition, offset in offsets.items())


@dataclass(frozen=True)
class Increment:
    """The rows between two positions, and where they are at the moment."""

    position: Position
    """where the follower stands once it has them"""
    bounds: Mapping[int, tuple[int, int]]
    """partition -> (first offset, next offset) of the rows; a file may hold others too"""
    rows: int | None
    """how many there are; None where nobody knows (a log of v0.1)"""
    by_folder: Mapping[str, tuple[Path, ...]]
    """folder relative to the root -> the files that may hold some"""
    listed_at: int
    """the newest entry when the files were listed"""

    @property
    def files(self) -> list[str]:
        """All files, as most readers take them."""
        return [str(path) for files in self.by_folder.values() for path in files]

    @property
    def where(self) -> str:
        """SQL that is true of the rows, for DuckDB and Spark."""
        parts = [
            f"(kafka_partition = {partition} AND kafka_offset >= {first} AND kafka_offset < {end})"
            for partition, (first, end) in sorted(self.bounds.items())
        ]
        return " OR ".join(parts) or "false"


class DatasetReader:
    """Reads the log of one feed below `root`; takes no lock, and writes nothing."""

    def __init__(self, root: str | Path, dataset: str) -> None:
        self.log = LogReader(Layout(Path(root)), dataset)
        self.dataset = dataset
        self._root = Path(root)

    def position(self) -> Position | None:
        """The newest position; None where nothing was ever ingested. LogDamaged where the log is none."""
        newest = self.log.newest()
        return None if newest is None else _position(*newest)

    def end_offsets_at_origin(self) -> Offsets:
        """What the broker held when the log began: a log that was started over is complete once it has reached them."""
        origin = self.log.origin()
        given: Offsets = {} if origin is None else origin.entry.details.get("origin", {}).get("end_offsets", {})
        return given

    def holds(self, position: Position) -> bool:
        """Whether this log has been where the position is: not started over since, and not restored from before."""
        newest = self.position()
        return newest is not None and _has_been_at(newest, position)

    def since(self, position: Position | None) -> Increment | None:
        """The rows after `position` (None: all), as they can be read now; None where nothing was ever ingested.

        Raises: ValueError where this log does not hold the position (see `holds`).
        """
        look = self.log.newest()
        if look is None:
            return None
        newest, head = _position(*look), look[1]
        if position is not None and not _has_been_at(newest, position):
            raise ValueError(f"{self.dataset} was started over or restored since: begin with everything")
        ours = position.next_offset if position else {}
        bounds = {int(p): (ours.get(p, 0), end) for p, end in newest.next_offset.items() if end > ours.get(p, 0)}
        if not bounds:
            return Increment(newest, {}, 0, {}, head.seq)
        entries = self.log.since(position.seq, head.seq) if position and self._is_a_step(position) else None
        files = self._everything(head) if entries is None else self._named(entries, head)
        return Increment(newest, bounds, _rows_between(position, newest, entries), files, head.seq)

    def below(self, position: Position, folders: Iterable[str]) -> Increment:
        """The rows before `position` in these folders; nobody has counted them."""
        bounds = {int(partition): (0, end) for partition, end in position.next_offset.items()}
        return self.again(Increment(position, bounds, None, {}, position.seq), folders)

    def up_to(self, increment: Increment, offsets: Offsets) -> Increment:
        """Those of the increment's rows that are before these offsets; nobody has counted them."""
        ends = {partition: min(end, offsets.get(str(partition), 0)) for partition, (_, end) in increment.bounds.items()}
        bounds = {partition: (first, ends[partition]) for partition, (first, _) in increment.bounds.items()}
        return replace(increment, bounds=bounds, rows=None)

    def again(self, increment: Increment, folders: Iterable[str]) -> Increment:
        """The same rows, of these folders only, where they can be read now: all files there, to be read by offset."""
        head = self._head()
        listed = {folder: tuple(self._folder(folder, head)) for folder in folders}
        return replace(increment, by_folder=listed, listed_at=head.seq)

    def disturbed(self, increment: Increment) -> set[str]:
        """The folders that lost files since the increment's were listed: a row may have been read twice, or not."""
        entries = self.log.since(increment.listed_at, self._head().seq)
        if entries is None:
            return set(increment.by_folder)
        lost = set()
        for entry in entries:
            lost |= touched_folders(entry) if entry.kind == FOLDED or entry.deletes else set()
        return lost & set(increment.by_folder)

    def _is_a_step(self, position: Position) -> bool:
        """Whether an entry ends at the position. A log that was restored, and went past it since, has other steps."""
        for found in (self.log.entry, self.log.folded):
            try:
                return _next_offset(found(position.seq)) == position.next_offset
            except FileNotFoundError:
                continue
        return True  # within a folded hour, which tells of all its folders

    # -- where the rows are -------------------------------------------------------------------------------------

    def _named(self, entries: Iterable[Entry], head: Entry) -> dict[str, tuple[Path, ...]]:
        """The files that the entries brought; where some are gone or were merged, all files of the folder."""
        named: dict[str, list[str]] = {}
        whole: set[str] = set()
        for entry in entries:
            for folder in touched_folders(entry):
                if not self._is_data(folder):
                    continue
                if entry.kind == FOLDED or entry.deletes:
                    whole.add(folder)
                named.setdefault(folder, []).extend(t for _, t in entry.moves if t.rpartition("/")[0] == folder)
        return {
            folder: tuple(self._folder(folder, head) if folder in whole else self._placed(targets, head))
            for folder, targets in named.items()
        }

    def _everything(self, head: Entry) -> dict[str, tuple[Path, ...]]:
        found = {
            str(Path(place).relative_to(self._root)): None
            for place, _, names in os.walk(self.log.layout.dataset(self.dataset))
            if any(name.endswith(".parquet") for name in names)
        }
        for _, target in head.moves:
            if self._is_data(target):
                found.setdefault(target.rpartition("/")[0], None)
        return {folder: tuple(self._folder(folder, head)) for folder in found}

    def _folder(self, folder: str, head: Entry) -> Iterator[Path]:
        """The files of a folder as if the head was applied: its writer may have died halfway, and stay away."""
        there = {f"{folder}/{path.name}" for path in (self._root / folder).glob("*.parquet")} - {*head.deletes}
        coming = {target for source, target in head.moves if self._is_coming(folder, source, target)}
        return self._placed(sorted(there | coming), head)

    def _is_coming(self, folder: str, source: str, target: str) -> bool:
        """Whether the head brings the file: it waits in staging, or has just got here. Else somebody removed it."""
        if target.rpartition("/")[0] != folder:
            return False
        return (self._root / source).exists() or (self._root / target).exists()

    def _placed(self, targets: Iterable[str], head: Entry) -> Iterator[Path]:
        staged = {target: source for source, target in head.moves}
        for target in targets:
            path = self._root / target
            source = staged.get(target)
            yield self._root / source if source and not path.exists() and (self._root / source).exists() else path

    def _head(self) -> Entry:
        head = self.log.head()
        if head is None:
            raise LogDamaged(f"the log of {self.dataset} was removed while it was read")
        return head

    def _is_data(self, path: str) -> bool:
        return path.startswith(f"{self.dataset}/")


def _position(origin: Origin, entry: Entry) -> Position:
    return Position(origin.id, entry.seq, _next_offset(entry), entry.rows.get("total"))


def _next_offset(entry: Entry) -> dict[str, int]:
    return {p: end for state in entry.position.values() for p, end in state["next_offset"].items()}


def _has_been_at(newest: Position, position: Position) -> bool:
    is_older = newest.seq >= position.seq and not newest.is_behind(position.next_offset)
    return is_older and newest.log == position.log


def _rows_between(ours: Position | None, theirs: Position, entries: list[Entry] | None) -> int | None:
    """How many rows lie between, by the totals, else by the entries where they begin just after ours."""
    if ours is None:
        return theirs.rows
    by_total = None if ours.rows is None or theirs.rows is None else theirs.rows - ours.rows
    if by_total is None and entries is not None and entries[:1] and entries[0].first_seq == ours.seq + 1:
        return sum(entry.rows.get("written", 0) for entry in entries)
    return by_total
