"""One analytic as a stream: at every trigger it asks the rollup what changed and replaces the hours that it reaches."""

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.analytics.backlog import Backlog
from spark_jobs.analytics.change_feed import Changes, changes_since, newest_applied, rollup_origin
from spark_jobs.analytics.declaration import Declaration
from spark_jobs.analytics.refresh import analytics_connection, declaration_of, refresh
from spark_jobs.contracts import local_files
from spark_jobs.contracts.publication_log import Entry, PublicationLog
from spark_jobs.contracts.settings import in_words
from spark_jobs.contracts.streams import Analytic, hour_folder
from spark_jobs.rollup.combined_windows import DurationName, Durations
from spark_jobs.rollup.reach import every_hour, output_hours
from spark_jobs.rollup.rollup_store import DayFiles
from spark_jobs.runtime.job import Start, Stream
from spark_jobs.runtime.kafka_stream import clear_dead_staging, new_staging_folder, refuse_data_without_log
from spark_jobs.runtime.owned_stream import OwnedStream
from spark_jobs.runtime.step_pauses import step_listener
from spark_jobs.runtime.stream_record import Lag, StreamRecord
from spark_jobs.runtime.stream_supervisor import BatchGate, Failures, StreamSupervisor

_NOTHING_YET = -1
_OUTPUT = "data.parquet"
_ANY_HOUR = "year=*/month=*/date=*/hour=*"
_DURATIONS: tuple[DurationName, ...] = ("medium", "long", "slide")
# A position that only moves on, with no hour to replace, is written this rarely.
_IDLE_ENTRIES = 100


def analytic_stream(analytic: Analytic, start: Start, rollup: PublicationLog, tiles: DayFiles) -> Stream:
    record = StreamRecord(analytic.name, start.settings.analytics_interval, start.now())
    stream = AnalyticStream(
        declaration=declaration_of(analytic.name),
        durations=Durations.of(start.settings),
        start_of=start,
        rollup=rollup,
        tiles=tiles,
        log=PublicationLog(start.layout, analytic.name, step_listener(start.env, analytic.name)),
        record=record,
    )
    supervisor = StreamSupervisor(analytic.name, start.spark, stream.start, record, start.now, start.outranked)
    supervisor.switch(start.settings.enabled(analytic))
    owned = OwnedStream(
        analytic.name,
        stream.log,
        stream.checkpoint,
        supervisor.held,
        lambda: supervisor.is_on,
        stream.has_taken,
    )
    return Stream(supervisor, stream.look_at_lag, owned)


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
    _backlog: Backlog = field(default_factory=Backlog)
    _seen: int = _NOTHING_YET
    _basis: Mapping[str, Any] | None = None
    _settled_at: float = 0.0

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def has_work(self) -> bool:
        """Whether hours are left that could not be done in the last go."""
        return bool(self._backlog)

    def has_taken(self, rollup_seq: int) -> bool:
        """Whether the rollup is in the output up to this entry, with all consequences."""
        return self._seen >= rollup_seq and not self._backlog

    @property
    def checkpoint(self) -> Path:
        return Path(self.start_of.settings.ANALYTICS_CHECKPOINT_PATH) / self.name

    @property
    def now(self) -> Callable[[], datetime]:
        return self.start_of.now

    def start(self, gate: BatchGate, failures: Failures) -> StreamingQuery:
        """Recover the output, take up what is not done yet, and tick from now on."""
        self.resume()
        connection = analytics_connection()

        def tick(_batch: DataFrame, batch_id: int) -> None:
            with failures.noted(), gate.batch():
                self.catch_up(connection, batch_id)

        # The source is a clock: what there is to do stands in the rollup's log, and how far we are in our own. A file
        # source on the markers would keep every name for ever (docs/decisions/0003-a-clock-for-the-analytics.md).
        shutil.rmtree(self.checkpoint, ignore_errors=True)
        return (
            self.start_of.spark.readStream.format("rate")
            .option("rowsPerSecond", 1)
            .load()
            .writeStream.queryName(self.name)
            .option("checkpointLocation", str(self.checkpoint))
            .trigger(processingTime=in_words(self.start_of.settings.analytics_interval))
            .foreachBatch(tick)
            .start()
        )

    def resume(self) -> None:
        """Finish what a crash left half done, and forget what was only in memory: the log says where to go on."""
        with self.log.lock:
            if self.log.recover() is None:
                self._first_entry()
            clear_dead_staging(self.log, self.start_of.writer.driver)
        self._backlog, self._seen, self._basis = Backlog(), _NOTHING_YET, None
        self._take_up()

    def look_at_lag(self) -> None:
        """Lag in rollup entries that are not in the output yet."""
        head, newest = self.log.head(), newest_applied(self.rollup)
        if head is None or newest is None:
            return
        behind = newest - self._seen
        self.record.lag_seen(Lag(behind, self._waiting_since(head) if behind > 0 else None), self.now())

    def _waiting_since(self, head: Entry) -> datetime:
        try:
            return datetime.fromisoformat(self.rollup.entry(self._seen + 1).at)
        except FileNotFoundError:  # cleaned up since: nothing was taken for longer than entries are kept
            return datetime.fromisoformat(head.at)

    def _first_entry(self) -> Entry:
        refuse_data_without_log(self.name, [self.log.layout.dataset(self.name)], self.log)
        self.log.reached("before the first entry")
        self.start_of.writer.check()
        return self.log.declare_origin(self._entry("origin", _NOTHING_YET, _NOTHING_YET), self.now())

    def _entry(self, kind: str, rollup_seq: int, settled_seq: int) -> Entry:
        """`rollup_seq`: new tiles are in up to here; `settled_seq`: so are all their later consequences."""
        return Entry(
            kind=kind,
            position={"rollup_seq": rollup_seq, "settled_seq": settled_seq},
            writer=self.start_of.writer.named(),
            details=self._basis or {},
        )

    def _take_up(self) -> None:
        """Go on where the log stands, or from nothing where it counts on other durations or another rollup."""
        origin, head = rollup_origin(self.rollup), self.log.head()
        if origin is None or head is None:
            return
        lengths = {name: in_words(self.durations.named(name)) for name in _DURATIONS}
        self._basis = {"durations": lengths, "rollup": origin}
        self._seen = head.position["settled_seq"] if self._rests_on_basis(head) else _NOTHING_YET

    def _rests_on_basis(self, head: Entry) -> bool:
        return self._basis is not None and all(head.details.get(name) == known for name, known in self._basis.items())

    def catch_up(self, connection: duckdb.DuckDBPyConnection, batch_id: int) -> None:
        """One go: publish the hours that are due, if any."""
        if self._basis is None:
            self._take_up()
        newest = newest_applied(self.rollup)
        if newest is None:
            return
        quiet = newest == self._seen
        if quiet and not self._backlog:
            return
        began = time.monotonic()
        if not quiet:
            self._look(newest)
        hours = self._backlog.next_hours(quiet, timedelta(seconds=began - self._settled_at))

        def stage(head: Entry) -> Entry | None:
            return self._staged(connection, head, newest, hours)

        entry = self.log.publish(stage, self.start_of.writer.check, self.now)
        self._backlog = self._backlog.without(hours)
        if not self._backlog.later:
            self._settled_at = time.monotonic()
        written = entry.rows["written"] if entry else 0
        self.record.batch_finished(batch_id, time.monotonic() - began, written, 0, self.now())

    def _look(self, newest: int) -> None:
        """Add what changed since the last look to the backlog."""
        changes = (
            changes_since(self.rollup.layout.applied(self.rollup.dataset), self._seen, newest)
            if _NOTHING_YET < self._seen <= newest
            else None
        )
        if changes is None:
            self._backlog = Backlog(later=frozenset(self._every_hour()))
        for change in changes or ():
            self._add(change)
        self._seen = newest

    def _add(self, change: Changes) -> None:
        changed = [tile for feed in self.declaration.reads for tile in change.get(feed, ())]
        newest_tile = self.tiles.newest_tile(self.declaration.reads)
        # A rebuild may have taken tiles away: what was computed from later ones than there are now goes too.
        last = max([*changed, *([] if newest_tile is None else [newest_tile])], default=None)
        if last is None:
            return
        reached = output_hours(change, self.declaration, self.durations, last)
        window = self.durations.named(self.declaration.window)
        self._backlog = self._backlog.with_more(reached, changed, window)

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

    def _staged(
        self, connection: duckdb.DuckDBPyConnection, head: Entry, newest: int, hours: Sequence[datetime]
    ) -> Entry | None:
        left = self._backlog.without(hours)
        settled = newest if not left else self._settled(head, newest)
        if not hours and newest - head.position["rollup_seq"] < _IDLE_ENTRIES:
            return None
        seq = head.seq + 1
        staging = new_staging_folder(self.log, self.start_of.writer.driver, seq)
        moves, deletes, rows = [], [], 0
        for hour, table in refresh(connection, self.tiles, self.declaration, self.durations, hours):
            target = f"{self.name}/{hour_folder(hour.astimezone(UTC))}/{_OUTPUT}"
            if table.num_rows:
                name = f"{hour:%Y%m%dT%H}.parquet"
                # A few rows of 109 columns: zstd and dictionaries would cost three times the time and save nothing.
                pq.write_table(table, staging / name, compression="snappy", use_dictionary=False)
                local_files.sync_file(staging / name)
                moves.append((str((staging / name).relative_to(self.log.layout.root)), target))
                rows += table.num_rows
            elif (self.log.layout.root / target).exists():
                deletes.append(target)
        entry = self._entry("refresh", newest, settled)
        return Entry(
            kind=entry.kind,
            position=entry.position,
            writer=entry.writer,
            details=entry.details,
            moves=tuple(moves),
            deletes=tuple(deletes),
            rows={"written": rows},
        )
