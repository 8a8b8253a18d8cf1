"""The rollup: follows the four feeds' logs, sums their new rows up to 5-minute tiles, replaces day files.

Feeds are independent: one that is missing, damaged or started over does not stop the other three.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from spark_jobs.catalog import FEEDS, ROLLUP, Feed
from spark_jobs.diagnosis import Diagnosis, StreamFault, diagnose
from spark_jobs.documents.codec import iso
from spark_jobs.paths import day_folder
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.folding import ANEW, CHANGED
from spark_jobs.publication.log import LogDamaged, PublicationLog, Transaction
from spark_jobs.publication.reader import DatasetReader, Increment, Position
from spark_jobs.publication.staged_parquet import staged_file
from spark_jobs.rollup.day_files import DayFiles, changed_tiles, day_file, day_tables, days_of
from spark_jobs.rollup.feed_position import Plan, document_of, everything, known_position, plan, topic_of
from spark_jobs.rollup.increments import OtherRows, read_increment, rows_in_files
from spark_jobs.rollup.tile_schemas import BUCKET_START, no_tiles
from spark_jobs.rollup.tiles import events_in, formula
from spark_jobs.runtime.dataset import begin_log, request_instance
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import TILE

log = logging.getLogger(__name__)

TRY_AGAIN_S = 60.0
"""a feed that cannot be read is looked at this often"""
ASK_AGAIN_S = 900.0
"""one that waits for a person is read this often, whatever news it has: each time it is all of its rows"""


@dataclass(frozen=True)
class Taken:
    """What was read of one feed in one go."""

    feed: Feed
    position: Position
    tiles: pa.Table
    anew: bool


class FewerEvents(StreamFault):
    """The ingested rows make fewer events than the tiles hold; only a person can say that this is right."""


@dataclass
class Rollup:
    """The rollup of one root. `spark` is None where a request is done without a job."""

    log: PublicationLog
    tiles: DayFiles
    readers: Mapping[str, DatasetReader]
    spark: SparkSession | None
    writer: Writer
    now: Callable[[], datetime]
    stations: frozenset[str] = frozenset()
    """whose weather reports count; none: those of all"""
    moved: Callable[[], None] = lambda: None
    """called whenever a part of what is new is read"""
    waits: dict[str, Diagnosis] = field(default_factory=dict)
    """feed -> why it is not read at the moment"""
    _looked_at: dict[str, tuple[str, int]] = field(default_factory=dict)
    _try_again_at: dict[str, float] = field(default_factory=dict)
    _ask: set[str] = field(default_factory=set)
    """the feeds that wait for a person"""

    @classmethod
    def below(
        cls,
        log: PublicationLog,
        ingested: Path,
        spark: SparkSession | None,
        writer: Writer,
        now: Callable[[], datetime],
        stations: frozenset[str] = frozenset(),
    ) -> "Rollup":
        """The rollup whose log this is, of the feeds below `ingested`."""
        readers = {feed.name: DatasetReader(ingested, feed.name) for feed in FEEDS}
        return cls(log, DayFiles(log.layout.dataset(ROLLUP)), readers, spark, writer, now, stations)

    def begin(self) -> None:
        """Recover, or declare the first entry; what was seen before and not published is looked at again."""
        self._looked_at.clear()
        self._try_again_at.clear()
        self._ask.clear()
        if self.log.recover() is None:
            draft = Entry("origin", {}, writer=self.writer.named())
            begin_log(self.log, [self.log.layout.dataset(ROLLUP)], draft, self.writer, self.now())

    def has_news(self) -> bool:
        """Whether a feed's log has another head than at the last look. A few `stat`s each, no lock."""
        return any(self._head_of(feed) != self._looked_at.get(feed.name) for feed in FEEDS)

    def has_retries_due(self) -> bool:
        """Whether a feed that could not be read is to be looked at again."""
        return any(due <= time.monotonic() for due in self._try_again_at.values())

    def update(self) -> Entry | None:
        """Bring all new rows in, in one entry; None where there are none."""
        with self.log.transaction(self.writer.check) as transaction:
            self._refuse_lost_days(transaction.head)
            taken = [one for feed in FEEDS if (one := self._take(feed, transaction.head)) is not None]
            self.log.reached("read")
            taken = [one for one in taken if self._still_holds(one)]
            return self._commit(transaction, taken) if taken else None

    def accept_fewer_events(self) -> list[str]:
        """Read anew, as they are, the feeds that wait for somebody to confirm that events are lost; their names."""
        with self.log.transaction(self.writer.check) as transaction:
            waiting = [feed for feed in FEEDS if isinstance(self._fault_of(feed, transaction.head), FewerEvents)]
            taken = [self._read(feed, transaction.head, confirmed=True) for feed in waiting]
            if taken:
                self._commit(transaction, [one for one in taken if one is not None])
            for feed in waiting:
                self._waits_no_more(feed)
            return [feed.name for feed in waiting]

    # -- reading ------------------------------------------------------------------------------------------------

    def _head_of(self, feed: Feed) -> tuple[str, int] | None:
        try:
            position = self.readers[feed.name].position()
        except LogDamaged:
            return None
        return None if position is None else (position.log, position.seq)

    def _take(self, feed: Feed, head: Entry) -> Taken | None:
        """What is new of the feed; None where nothing is, or where it cannot be read: `waits` then says why."""
        seen, due = self._head_of(feed), self._try_again_at.get(feed.name, 0.0)
        is_old_news = feed.name in self._ask or seen == self._looked_at.get(feed.name)
        if seen is not None:
            self._looked_at[feed.name] = seen
        if due > time.monotonic() and is_old_news:
            return None
        try:
            taken = self._read(feed, head)
        except (StreamFault, LogDamaged, OSError) as fault:
            self._note(feed, fault)
            return None
        self._waits_no_more(feed)
        return taken

    def _note(self, feed: Feed, fault: Exception) -> None:
        why = diagnose(fault)
        if self.waits.get(feed.name) != why:
            log.warning("%s waits: %s", feed.name, why)
        self._waits_no_more(feed)
        self.waits[feed.name] = why
        if isinstance(fault, FewerEvents):
            self._ask.add(feed.name)
        self._try_again_at[feed.name] = time.monotonic() + (ASK_AGAIN_S if feed.name in self._ask else TRY_AGAIN_S)

    def _waits_no_more(self, feed: Feed) -> None:
        self.waits.pop(feed.name, None)
        self._try_again_at.pop(feed.name, None)
        self._ask.discard(feed.name)

    def _read(self, feed: Feed, head: Entry, confirmed: bool = False) -> Taken | None:
        reader = self.readers[feed.name]
        found = plan(feed, reader, head.position, formula(feed, self.stations))
        if found is None:
            return None
        try:
            return self._read_as_planned(feed, found, confirmed)
        except OtherRows:
            # A backup may have been restored while we were off: the log has been at our position, on another way.
            anew = everything(reader, head.position[feed.name]["next_offset"]) if not found.anew else None
            if anew is None or rows_in_files(anew.increment) != anew.increment.rows:
                raise
            return self._read_as_planned(feed, anew, confirmed)

    def _read_as_planned(self, feed: Feed, found: Plan, confirmed: bool) -> Taken:
        reader, position = self.readers[feed.name], found.increment.position
        tiles = self._tiles(feed, found.increment)
        if found.counted is not None and not confirmed:
            has_more = any(end > found.counted.get(partition, 0) for partition, end in position.next_offset.items())
            counted = reader.up_to(found.increment, found.counted)
            self._refuse_fewer(feed, self._tiles(feed, counted) if has_more else tiles)
        return Taken(feed, position, tiles, found.anew)

    def _tiles(self, feed: Feed, increment: Increment) -> pa.Table:
        return read_increment(self.readers[feed.name], feed, increment, self.spark, self.stations, self.moved)

    def _fault_of(self, feed: Feed, head: Entry) -> Exception | None:
        try:
            self._read(feed, head)
        except (StreamFault, LogDamaged, OSError) as fault:
            return fault
        return None

    def _refuse_fewer(self, feed: Feed, tiles: pa.Table) -> None:
        """Where Kafka lost messages that the rollup had counted and ingestion never read. `tiles`: of those it has."""
        new = {day: events_in(of_day, feed.name) for day, of_day in days_of(tiles).items()}
        fewer = {}
        for day in self.tiles.days(feed.name):
            old = self.tiles.day(feed.name, day)
            held = 0 if old is None else events_in(old, feed.name)
            if held > new.get(day, 0):
                fewer[day] = held - new.get(day, 0)
        if fewer:
            days = ", ".join(f"{day}: {count}" for day, count in list(fewer.items())[:10])
            raise FewerEvents(
                f"{feed.name}: {sum(fewer.values())} events that the tiles hold are not among the ingested rows "
                f"({days}{', …' if len(fewer) > 10 else ''}); the tiles stay as they are",
                "if those messages are lost for good, confirm it: trigger analytics_rebuild with 'confirm' "
                "(docs/troubleshoot.md, 'The rebuild finds fewer events')",
                retryable=False,
            )

    def _still_holds(self, taken: Taken) -> bool:
        """Whether the feed was not started over while it was read."""
        newest = self._head_of(taken.feed)
        return newest is not None and newest[0] == taken.position.log

    def _refuse_lost_days(self, head: Entry) -> None:
        """A day file that the newest entry brought in and that is gone: adding to nothing would lose all it held."""
        for _, target in head.moves:
            if not (self.log.layout.root / target).exists():
                raise StreamFault(
                    f"{self.log.layout.root / target} is gone, though the log says that it is there: "
                    "the rollup was removed",
                    "see docs/troubleshoot.md, 'The rollup is lost'",
                    retryable=False,
                )

    # -- writing ------------------------------------------------------------------------------------------------

    def _commit(self, transaction: Transaction, taken: Sequence[Taken]) -> Entry:
        position: dict[str, Any] = dict(transaction.head.position)
        for one in taken:
            position.pop(topic_of(self.readers[one.feed.name]), None)  # where v0.1 kept it
            position[one.feed.name] = document_of(one.position, formula(one.feed, self.stations))
        added = {one.feed.name: one.tiles for one in taken if not one.anew}
        replaced = {one.feed.name: one.tiles for one in taken if one.anew}
        tables = day_tables(self.tiles, added) | {
            (feed, day): of_day for feed, tiles in replaced.items() for day, of_day in days_of(tiles).items()
        }
        going = [
            self._place(feed, day) for feed in replaced for day in self.tiles.days(feed) if (feed, day) not in tables
        ]
        changed = changes(added)
        details = ({CHANGED: changed} if changed else {}) | ({ANEW: sorted(replaced)} if replaced else {})
        staging = transaction.new_staging(self.writer.driver.instance)
        draft = Entry(
            "batch",
            position,
            moves=tuple(self._staged(tables, staging)),
            deletes=tuple(going),
            rows={"written": sum(events_in(one.tiles, one.feed.name) for one in taken)},
            writer=self.writer.named(),
            details=details,
        )
        return transaction.commit(draft, self.now())

    def _staged(self, tables: Mapping[tuple[str, date], pa.Table], staging: Path) -> Iterator[tuple[str, str]]:
        """Stage day files; the moves that bring them in."""
        for (feed, day), tiles in tables.items():
            yield staged_file(tiles, staging / f"{feed}-{day}.parquet", self._file(feed, day), self.log.layout.root)

    def _place(self, feed: str, day: date) -> str:
        return str(self._file(feed, day).relative_to(self.log.layout.root))

    def _file(self, feed: str, day: date) -> Path:
        return day_file(self.log.layout.dataset(ROLLUP), feed, day)

    # -- one day again ------------------------------------------------------------------------------------------

    def rebuild_day(self, day: date, confirmed: bool) -> int:
        """Make a day again from the rows that the rollup has read, in one entry; how many tiles changed.

        Raises: FewerEvents where the rows make fewer events than the tiles hold, unless that is confirmed.
        """
        with self.log.transaction(self.writer.check) as transaction:
            changed: dict[str, list[str]] = {}
            tables: dict[tuple[str, date], pa.Table] = {}
            going: list[str] = []
            for feed in FEEDS:
                before, after = self._readable_day(feed, day), self._day_again(feed, day, transaction.head)
                if before is not None and after.equals(before):
                    continue
                if before is not None and not confirmed:
                    self._refuse_fewer_of_day(feed, day, before, after)
                starts = _starts(after) | (_every_start(day) if before is None else _starts(before))
                changed[feed.name] = [iso(start) for start in sorted(starts)]
                if after.num_rows:
                    tables[feed.name, day] = after
                elif (self.log.layout.root / self._place(feed.name, day)).exists():
                    going.append(self._place(feed.name, day))
            if not tables and not going:
                return 0
            staging = transaction.new_staging(request_instance(self.writer))
            draft = Entry(
                "rebuild",
                transaction.head.position,
                moves=tuple(self._staged(tables, staging)),
                deletes=tuple(going),
                writer=self.writer.named(),
                details={CHANGED: changed},
            )
            transaction.commit(draft, self.now())
            return sum(map(len, changed.values()))

    def _readable_day(self, feed: Feed, day: date) -> pa.Table | None:
        """The tiles of the day; None where nobody can read them."""
        try:
            return self._day(feed, day)
        except (OSError, pa.ArrowInvalid):
            return None

    def _day(self, feed: Feed, day: date) -> pa.Table:
        tiles = self.tiles.day(feed.name, day)
        return no_tiles(feed.name) if tiles is None else tiles

    def _day_again(self, feed: Feed, day: date, head: Entry) -> pa.Table:
        known, reader = known_position(head.position, feed), self.readers[feed.name]
        if known is None:
            return self._day(feed, day)  # never read: there is nothing to make again
        position = Position.from_document(known)
        if not reader.holds(position):
            raise StreamFault(
                f"{feed.name} was started over since the rollup read it", "wait until the rollup has read it again"
            )
        tiles = self._tiles(feed, reader.below(position, day_folders(feed, day)))
        return days_of(tiles).get(day, no_tiles(feed.name))

    def _refuse_fewer_of_day(self, feed: Feed, day: date, before: pa.Table, after: pa.Table) -> None:
        missing = events_in(before, feed.name) - events_in(after, feed.name)
        if missing > 0:
            raise FewerEvents(
                f"{feed.name} on {day}: {missing} events that the tiles hold are not among the ingested rows; "
                "nothing was changed",
                "see whether files of that day are missing; if the events are lost for good, ask again with 'confirm'",
                retryable=False,
            )


def day_folders(feed: Feed, day: date) -> list[str]:
    """The folders, relative to the root, whose rows may belong to tiles of the day."""
    # A weather report belongs to the tile that it ends: at midnight, to that of the day before.
    following = day.toordinal() + 1
    next_day = date.fromordinal(following)
    hours = [f"{feed.name}/{day_folder(day)}/hour={hour}" for hour in range(24)]
    return [*hours, f"{feed.name}/{day_folder(next_day)}/hour=0"]


def changes(new: Mapping[str, pa.Table]) -> dict[str, list[str]]:
    """feed -> starts of the tiles that an entry changes, as the log keeps them: the change feed of the analytics."""
    return {feed: [iso(start) for start in starts] for feed, starts in changed_tiles(new).items()}


def _starts(tiles: pa.Table) -> set[datetime]:
    return set(pc.unique(tiles[BUCKET_START]).to_pylist())


def _every_start(day: date) -> set[datetime]:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {midnight + number * TILE for number in range(24 * 12)}
