"""One analytic, kept current: it asks the rollup what changed and replaces the hours that this affects."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from spark_jobs.analytics.affected_hours import every_hour, output_hours
from spark_jobs.analytics.backlog import Backlog
from spark_jobs.analytics.combined_windows import DurationName, Durations
from spark_jobs.analytics.declaration import Declaration
from spark_jobs.analytics.folded_days import days_with_hours, hours_of_day, stale_days
from spark_jobs.analytics.refresh import declaration_of, definition_of, refresh
from spark_jobs.catalog import Analytic
from spark_jobs.completeness import hour_of
from spark_jobs.paths import hour_folder, hour_of_folder
from spark_jobs.planned_queries import PlannedQueries
from spark_jobs.publication.commit import PublicationLog, Transaction
from spark_jobs.publication.entry import ANEW, Entry
from spark_jobs.publication.folding import folded_entry
from spark_jobs.publication.log import LogReader
from spark_jobs.publication.parquet_files import DamagedParquet, read_parquet, staged_file
from spark_jobs.rollup.day_files import changes_in
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.runtime.dataset import open_log
from spark_jobs.runtime.writer import Writer
from spark_jobs.setting_values import in_words
from spark_jobs.settings import Settings

_NOTHING_YET = -1
_OUTPUT = "data.parquet"
_DURATIONS: tuple[DurationName, ...] = ("medium", "long", "slide")
# A position that only moves on, with no hour to replace, is written this rarely.
_IDLE_ENTRIES = 100


@dataclass
class AnalyticUpdater:
    """The output of one analytic, and what it still has to do."""

    declaration: Declaration
    durations: Durations
    rollup: Rollup
    log: PublicationLog
    writer: Writer
    now: Callable[[], datetime]
    backlog: Backlog = field(default_factory=Backlog)
    _seen: int = _NOTHING_YET
    _done: int = _NOTHING_YET
    """the rollup's entry up to which all consequences are in the output"""
    _has_left_over: bool = False
    """the last go did not do all that was due"""
    _basis: Mapping[str, Any] | None = None
    _settled_at: float = 0.0

    def resume(self) -> None:
        """Finish what a crash left half done, and forget what was only in memory: the log says where to go on."""
        first = self._entry("origin", {"rollup_seq": _NOTHING_YET, "settled_seq": _NOTHING_YET})
        open_log(self.log, first, self.writer, self.now())
        self.backlog, self._seen, self._done, self._basis = Backlog(), _NOTHING_YET, _NOTHING_YET, None
        self._take_up()

    def newest(self) -> int | None:
        """The newest entry of the rollup whose files are in place; None before it has begun."""
        newest = self.rollup.log.applied_up_to()
        return None if newest < 0 else newest

    def has_news(self) -> bool:
        """Whether the rollup has entries that nobody has looked at."""
        newest = self.newest()
        return newest is not None and newest != self._seen

    def has_taken(self, rollup_seq: int) -> bool:
        """Whether the rollup is in the output up to this entry, with all consequences."""
        return self._seen >= rollup_seq and not self.backlog

    def lag(self, newest: int) -> tuple[int, int | None, bool]:
        """The entry that is reached, how many hours are due, None where nobody knows, and whether one go leaves some.

        For a thread beside the one that updates.
        """
        # In this order: a go first adds to the backlog, then notes what it has seen, and works it off at last.
        seen, done, backlog = self._seen, self._done, self.backlog
        # What entries that nobody has looked at lead to is not known.
        hours = len(backlog) if seen == newest else None
        return min(done if backlog else seen, newest), hours, bool(backlog) and self._has_left_over

    def is_due(self) -> bool:
        """Whether there is something to do, as far as the rollup has begun."""
        if self._basis is None:
            self._take_up()
        newest = self.newest()
        return self._basis is not None and newest is not None and (newest != self._seen or bool(self.backlog))

    def update(self, queries: PlannedQueries) -> Entry | None:
        """One go: publish the hours that are due; None where no file nor position changes."""
        newest = self.newest() if self.is_due() else None
        if newest is None:
            return None
        began, quiet = time.monotonic(), newest == self._seen
        if not quiet:
            self._look(newest)
        hours = self.backlog.next_hours(quiet, timedelta(seconds=began - self._settled_at))
        with self.log.transaction(self.writer.check) as transaction:
            entry = self._commit(transaction, queries, newest, hours)
        left = self.backlog.without(hours)
        self._has_left_over = bool(left)
        if not left:
            self._done = newest
        self.backlog = left
        if not left.later:
            self._settled_at = time.monotonic()
        return entry

    def _entry(self, kind: str, position: Mapping[str, Any], **more: Any) -> Entry:
        return Entry(
            kind=kind,
            position=position,
            writer=self.writer.as_document(),
            details=self._basis or {},
            **more,
        )

    def _take_up(self) -> None:
        """Go on where the log stands, or from nothing where it counts on another rollup, durations or formula."""
        origin, head = self.rollup.log.origin(), self.log.head()
        if origin is None or head is None:
            return
        lengths = {name: in_words(self.durations.length(name)) for name in _DURATIONS}
        definition = definition_of(self.declaration, self.durations)
        self._basis = {"durations": lengths, "rollup": origin.id, "definition": definition}
        is_current = self._rests_on_basis(head) and _is_known(self.rollup.log, head.position)
        self._seen = self._done = head.position["settled_seq"] if is_current else _NOTHING_YET

    def _rests_on_basis(self, head: Entry) -> bool:
        return self._basis is not None and all(head.details.get(name) == known for name, known in self._basis.items())

    def _look(self, newest: int) -> None:
        """Add what changed since the last look to the backlog. Many entries are one change, as when they are folded."""
        entries = self.rollup.log.since(self._seen, newest) if _NOTHING_YET < self._seen <= newest else None
        together = folded_entry(entries) if entries else None
        if together is None or set(together.details.get(ANEW, ())) & set(self.declaration.reads):
            self.backlog = Backlog(later=frozenset(self._every_hour()))
        else:
            self._add(changes_in(together))
        self._seen = newest

    def _add(self, change: Mapping[str, list[datetime]]) -> None:
        changed = [tile for feed in self.declaration.reads for tile in change.get(feed, ())]
        newest_tile = self.rollup.tiles.newest_tile(self.declaration.reads)
        # A rebuild may have taken tiles away: what was computed from later ones than there are now goes too.
        last = max([*changed, *([] if newest_tile is None else [newest_tile])], default=None)
        if last is None:
            return
        affected = output_hours(change, self.declaration, self.durations, last)
        window = self.durations.length(self.declaration.window)
        self.backlog = self.backlog.with_more(affected, changed, window)

    def _every_hour(self) -> Iterable[datetime]:
        """All hours that may have an output, and those that have one: it may be one too many now."""
        tiles, reads = self.rollup.tiles, self.declaration.reads
        first, last = tiles.oldest_tile(reads), tiles.newest_tile(reads)
        if first is not None and last is not None:
            yield from every_hour(first, last, self.declaration, self.durations)
        dataset = self.log.layout.dataset(self.log.dataset)
        for day in days_with_hours(dataset):
            yield from (hour_of_folder(str(file.parent)) for file in hours_of_day(dataset, day))

    def _position(self, head: Entry, newest: int, is_settled: bool) -> dict[str, Any]:
        """`rollup_seq`: new tiles are in up to here; `settled_seq`: so are all their later consequences."""
        known = head.position
        if is_settled:
            reached = self.rollup.log.standing_for(newest)
            settled = {"settled_seq": newest, "settled_at": reached.at if reached else ""}
        elif self._rests_on_basis(head) and known["settled_seq"] <= newest:
            settled = {name: known[name] for name in ("settled_seq", "settled_at") if name in known}
        else:
            settled = {"settled_seq": _NOTHING_YET}
        return {"rollup_seq": newest, **settled}

    def _commit(
        self, transaction: Transaction, queries: PlannedQueries, newest: int, hours: Sequence[datetime]
    ) -> Entry | None:
        head, left = transaction.head, self.backlog.without(hours)
        root = self.log.layout.root
        moves, deletes, rows, changed = [], [], 0, []
        staging: Path | None = None
        for hour, table in self._changed_hours(queries, hours):
            target = self._place(hour)
            changed.append(hour)
            if table.num_rows:
                staging = staging or transaction.new_staging(self.writer.driver.instance)
                path = staging / f"{hour:%Y%m%dT%H}.parquet"
                # A few rows of 109 columns: zstd and dictionaries would cost three times the time and save nothing.
                moves.append(staged_file(table, path, root / target, root, compression="snappy", use_dictionary=False))
                rows += table.num_rows
            else:
                deletes.append(target)
        deletes += stale_days(self.log, changed)
        has_moved_on = newest - head.position["rollup_seq"] >= _IDLE_ENTRIES
        # Others read from the position what the output rests on, also where no row of it had to change.
        is_caught_up = not left and (hours or not self._rests_on_basis(head))
        if not (moves or deletes or has_moved_on or is_caught_up):
            return None
        position = self._position(head, newest, is_settled=not left)
        draft = self._entry("refresh", position, moves=tuple(moves), deletes=tuple(deletes), rows={"written": rows})
        return transaction.commit(draft, self.now())

    def _changed_hours(self, queries: PlannedQueries, hours: Sequence[datetime]) -> Iterator[tuple[datetime, pa.Table]]:
        """The hours whose rows are other than those in their file; without rows: the file has to go."""
        for hour, table in refresh(queries, self.rollup.tiles, self.declaration, self.durations, hours):
            path = self.log.layout.root / self._place(hour)
            known = _read(path)
            if known is None and not table.num_rows and not path.exists():
                continue
            if known is None or not table.equals(known):
                yield hour, table

    def _place(self, hour: datetime) -> str:
        return f"{self.log.dataset}/{hour_folder(hour.astimezone(UTC))}/{_OUTPUT}"


def updater_of(
    analytic: Analytic,
    settings: Settings,
    rollup: Rollup,
    log: PublicationLog,
    writer: Writer,
    now: Callable[[], datetime],
) -> AnalyticUpdater:
    """Make the updater of an analytic, with its declaration and the durations that are set."""
    return AnalyticUpdater(declaration_of(analytic.name), Durations.of(settings), rollup, log, writer, now)


def _is_known(rollup: LogReader, position: Mapping[str, Any]) -> bool:
    """Whether the rollup has not been restored from a backup, and has gone over these numbers once more, since."""
    seq: int = position["settled_seq"]
    at: str | None = position.get("settled_at")
    entry = rollup.standing_for(seq)
    if entry is None or not at:
        return True
    if entry.seq == seq:
        return entry.at == at
    folded_hour, hour = (hour_of(datetime.fromisoformat(one)) for one in (entry.at, at))
    return folded_hour == hour  # all of a folded hour is looked at


def _read(path: Path) -> pa.Table | None:
    """An output file; None where there is none that can be read."""
    try:
        return read_parquet(path)
    except (OSError, DamagedParquet):
        return None
