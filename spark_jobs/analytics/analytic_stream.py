"""One analytic as a stream: at every trigger it asks the rollup what changed and replaces the hours that it affects."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.analytics.affected_hours import every_hour, output_hours
from spark_jobs.analytics.backlog import Backlog
from spark_jobs.analytics.declaration import Declaration
from spark_jobs.analytics.folded_days import stale_days
from spark_jobs.analytics.refresh import analytics_connection, declaration_of, definition_of, refresh
from spark_jobs.catalog import ROLLUP, Analytic
from spark_jobs.paths import hour_folder
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.folding import ANEW, CHANGED, folded_entry
from spark_jobs.publication.log import PublicationLog, Transaction
from spark_jobs.publication.staged_parquet import staged_file
from spark_jobs.rollup.combined_windows import DurationName, Durations
from spark_jobs.rollup.day_files import DayFiles
from spark_jobs.rollup.rollup_stream import Upstream
from spark_jobs.runtime.dataset import begin_log, clear_dead_staging
from spark_jobs.runtime.looks import Due
from spark_jobs.runtime.query import clock_query
from spark_jobs.runtime.step_pauses import step_listener
from spark_jobs.runtime.stream import Start, Stream, assembled, new_record
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import BatchGate, Failures
from spark_jobs.setting_values import in_words

_NOTHING_YET = -1
_OUTPUT = "data.parquet"
_ANY_HOUR = "year=*/month=*/date=*/hour=*"
_DURATIONS: tuple[DurationName, ...] = ("medium", "long", "slide")
# A position that only moves on, with no hour to replace, is written this rarely.
_IDLE_ENTRIES = 100


def analytic_stream(
    analytic: Analytic, start: Start, rollup: PublicationLog, tiles: DayFiles, upstream: Upstream
) -> Stream:
    """The query of one analytic, ready to begin."""
    record = new_record(start, analytic.name, start.settings.analytics_interval)
    stream = AnalyticStream(
        declaration=declaration_of(analytic.name),
        durations=Durations.of(start.settings),
        start_of=start,
        rollup=rollup,
        tiles=tiles,
        log=PublicationLog(start.layout, analytic.name, step_listener(start.env, analytic.name)),
        record=record,
        upstream=upstream,
    )
    return assembled(start, record, stream.log, stream.start, stream.look_at_lag, stream.has_taken)


@dataclass
class AnalyticStream:
    """The query of one analytic, and what it still has to do."""

    declaration: Declaration
    durations: Durations
    start_of: Start
    rollup: PublicationLog
    tiles: DayFiles
    log: PublicationLog
    record: StreamRecord
    upstream: Upstream = field(default_factory=Upstream)
    _backlog: Backlog = field(default_factory=Backlog)
    _seen: int = _NOTHING_YET
    _done: int = _NOTHING_YET
    """the rollup's entry up to which all consequences are in the output"""
    _has_left_over: bool = False
    """the last go did not do all that was due"""
    _basis: Mapping[str, Any] | None = None
    _settled_at: float = 0.0

    @property
    def name(self) -> str:
        """The output's name."""
        return self.declaration.name

    def has_taken(self, rollup_seq: int) -> bool:
        """Whether the rollup is in the output up to this entry, with all consequences."""
        return self._seen >= rollup_seq and not self._backlog

    def start(self, gate: BatchGate, failures: Failures) -> StreamingQuery:
        """Recover the output, take up what is not done yet, and tick from now on."""
        self.resume()
        connection = analytics_connection()
        interval = self.start_of.settings.analytics_interval

        def tick(_batch: DataFrame, batch_id: int) -> None:
            with failures.noted(), gate.batch():
                # The rollup's trigger is the same moment: its news come within this tick, not after the next.
                # Half an interval at the most: a longer tick would miss the next trigger.
                if not self._backlog:
                    gate.wait_for(self._has_news, interval.total_seconds() / 2)
                self.catch_up(connection, batch_id)

        return clock_query(self.start_of, self.name, interval, tick)

    def resume(self) -> None:
        """Finish what a crash left half done, and forget what was only in memory: the log says where to go on."""
        if self.log.recover() is None:
            self._first_entry()
        clear_dead_staging(self.log, self.start_of.writer.driver)
        self._backlog, self._seen, self._done, self._basis = Backlog(), _NOTHING_YET, _NOTHING_YET, None
        self._take_up()

    def look_at_lag(self) -> None:
        """Note what of the rollup is not in the output yet: its entries, and the hours that are due."""
        complete = self.upstream.complete_to(self.declaration.reads)  # before the rollup is looked at
        newest = self._newest()
        if self.log.head() is not None and newest is not None:
            due = self._saw(newest)
            self.record.complete_to(None if due else complete)
        self.record.waits(self.upstream.of(self.declaration.reads))

    def _saw(self, newest: int) -> Due:
        # In this order: a go first adds to the backlog, then notes what it has seen, and works it off at last.
        seen, done, backlog = self._seen, self._done, self._backlog
        reached = min(done if backlog else seen, newest)
        # What entries that nobody has looked at lead to is not known.
        hours = len(backlog) if seen == newest else None
        is_much = bool(backlog) and self._has_left_over
        return self.record.saw({ROLLUP: reached}, {ROLLUP: newest}, hours, is_more_than_a_batch=is_much)

    def _has_news(self) -> bool:
        newest = self._newest()
        return newest is not None and newest != self._seen

    def _newest(self) -> int | None:
        """The newest entry of the rollup whose files are in place; None before it has begun."""
        newest = self.rollup.applied_up_to()
        return None if newest < 0 else newest

    def _first_entry(self) -> None:
        output_dirs = (self.log.layout.dataset(self.name), self.log.layout.folded_days(self.name))
        draft = self._entry("origin", _NOTHING_YET, _NOTHING_YET)
        begin_log(self.log, output_dirs, draft, self.start_of.writer, self.start_of.now())

    def _entry(self, kind: str, rollup_seq: int, settled_seq: int, **more: Any) -> Entry:
        """`rollup_seq`: new tiles are in up to here; `settled_seq`: so are all their later consequences."""
        return Entry(
            kind=kind,
            position={"rollup_seq": rollup_seq, "settled_seq": settled_seq},
            writer=self.start_of.writer.named(),
            details=self._basis or {},
            **more,
        )

    def _take_up(self) -> None:
        """Go on where the log stands, or from nothing where it counts on another rollup, durations or formula."""
        origin, head = self.rollup.origin(), self.log.head()
        if origin is None or head is None:
            return
        lengths = {name: in_words(self.durations.named(name)) for name in _DURATIONS}
        definition = definition_of(self.declaration, self.durations)
        self._basis = {"durations": lengths, "rollup": origin.id, "definition": definition}
        self._seen = self._done = head.position["settled_seq"] if self._rests_on_basis(head) else _NOTHING_YET

    def _rests_on_basis(self, head: Entry) -> bool:
        return self._basis is not None and all(head.details.get(name) == known for name, known in self._basis.items())

    def catch_up(self, connection: duckdb.DuckDBPyConnection, batch_id: int) -> None:
        """One go: publish the hours that are due, if any."""
        if self._basis is None:
            self._take_up()
        newest = self._newest()
        if newest is None or self._basis is None:
            return
        quiet = newest == self._seen
        if quiet and not self._backlog:
            return
        with self.record.working():
            self._go(connection, batch_id, newest, quiet)

    def _go(self, connection: duckdb.DuckDBPyConnection, batch_id: int, newest: int, quiet: bool) -> None:
        began = time.monotonic()
        if not quiet:
            self._look(newest)
        hours = self._backlog.next_hours(quiet, timedelta(seconds=began - self._settled_at))
        with self.log.transaction(self.start_of.writer.check) as transaction:
            entry = self._commit(transaction, connection, newest, hours)
        left = self._backlog.without(hours)
        self._has_left_over = bool(left)
        if not left:
            self._done = newest
        self._backlog = left
        if not left.later:
            self._settled_at = time.monotonic()
        written = entry.rows["written"] if entry else 0
        self.record.batch_finished(batch_id, time.monotonic() - began, written)

    def _look(self, newest: int) -> None:
        """Add what changed since the last look to the backlog. Many entries are one change, as when they are folded."""
        entries = self.rollup.since(self._seen, newest) if _NOTHING_YET < self._seen <= newest else None
        together = folded_entry(entries) if entries else None
        if together is None or set(together.details.get(ANEW, ())) & set(self.declaration.reads):
            self._backlog = Backlog(later=frozenset(self._every_hour()))
        else:
            self._add(changed_tiles_of(together))
        self._seen = newest

    def _add(self, change: Mapping[str, list[datetime]]) -> None:
        changed = [tile for feed in self.declaration.reads for tile in change.get(feed, ())]
        newest_tile = self.tiles.newest_tile(self.declaration.reads)
        # A rebuild may have taken tiles away: what was computed from later ones than there are now goes too.
        last = max([*changed, *([] if newest_tile is None else [newest_tile])], default=None)
        if last is None:
            return
        affected = output_hours(change, self.declaration, self.durations, last)
        window = self.durations.named(self.declaration.window)
        self._backlog = self._backlog.with_more(affected, changed, window)

    def _every_hour(self) -> Iterable[datetime]:
        """All hours that may have an output, and those that have one: it may be one too many now."""
        first, last = self.tiles.oldest_tile(self.declaration.reads), self.tiles.newest_tile(self.declaration.reads)
        if first is not None and last is not None:
            yield from every_hour(first, last, self.declaration, self.durations)
        for file in self.log.layout.dataset(self.name).glob(f"{_ANY_HOUR}/{_OUTPUT}"):
            date, hour = (folder.name.split("=")[1] for folder in (file.parents[1], file.parents[0]))
            yield datetime.fromisoformat(f"{date}T{int(hour):02}:00:00+00:00")

    def _settled(self, head: Entry, newest: int) -> int:
        """What is settled while later hours are left to do."""
        settled: int = head.position["settled_seq"]
        return settled if self._rests_on_basis(head) and settled <= newest else _NOTHING_YET

    def _commit(
        self,
        transaction: Transaction,
        connection: duckdb.DuckDBPyConnection,
        newest: int,
        hours: Sequence[datetime],
    ) -> Entry | None:
        head, left = transaction.head, self._backlog.without(hours)
        settled = newest if not left else self._settled(head, newest)
        root = self.log.layout.root
        moves, deletes, rows, changed = [], [], 0, []
        staging: Path | None = None
        for hour, table in self._changed_hours(connection, hours):
            target = self._place(hour)
            changed.append(hour)
            if table.num_rows:
                staging = staging or transaction.new_staging(self.start_of.writer.driver.instance)
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
        draft = self._entry(
            "refresh", newest, settled, moves=tuple(moves), deletes=tuple(deletes), rows={"written": rows}
        )
        return transaction.commit(draft, self.start_of.now())

    def _changed_hours(
        self, connection: duckdb.DuckDBPyConnection, hours: Sequence[datetime]
    ) -> Iterator[tuple[datetime, pa.Table]]:
        """The hours whose rows are other than those in their file; without rows: the file has to go."""
        for hour, table in refresh(connection, self.tiles, self.declaration, self.durations, hours):
            path = self.log.layout.root / self._place(hour)
            known = _read(path)
            if known is None and not table.num_rows and not path.exists():
                continue
            if known is None or not table.equals(known):
                yield hour, table

    def _place(self, hour: datetime) -> str:
        return f"{self.name}/{hour_folder(hour.astimezone(UTC))}/{_OUTPUT}"


def _read(path: Path) -> pa.Table | None:
    """An output file; None where there is none that can be read."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read(use_threads=False)
    except (OSError, pa.ArrowInvalid):
        return None


def changed_tiles_of(entry: Entry) -> dict[str, list[datetime]]:
    """feed -> starts of the tiles that an entry of the rollup changed."""
    changed: Mapping[str, list[str]] = entry.details.get(CHANGED, {})
    return {feed: [datetime.fromisoformat(start) for start in starts] for feed, starts in changed.items()}
