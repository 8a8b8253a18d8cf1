"""The rollup: follows the four feeds' logs, sums their new rows up to 5-minute tiles, replaces day files.

Feeds are independent: one that is missing, damaged or started over does not stop the other three.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from spark_jobs.catalog import FEEDS, ROLLUP, Feed
from spark_jobs.diagnosis import StreamFault
from spark_jobs.paths import day_folder
from spark_jobs.publication.commit import PublicationLog, Transaction
from spark_jobs.publication.entry import ANEW, CHANGED, Entry
from spark_jobs.publication.log import LogDamaged
from spark_jobs.publication.reader import DatasetReader, Increment, Position
from spark_jobs.rollup.day_files import (
    DayFiles,
    UnreadableDay,
    days_of,
    encoded_changes,
    merged_day,
    place,
    staged_days,
)
from spark_jobs.rollup.day_rows import needs_folder, refuse_doubled, rows_of_day
from spark_jobs.rollup.feed_position import Anew, document_of, everything, known_position, plan, topic_of
from spark_jobs.rollup.fewer_events import fewer_events, in_brackets, refuse_fewer
from spark_jobs.rollup.increments import (
    OtherRows,
    damaged_files,
    read_increment,
    rows_in_files,
    without,
)
from spark_jobs.rollup.tile_schemas import no_tiles
from spark_jobs.rollup.tiles import events_in, formula
from spark_jobs.rollup.waiting_feeds import Head, WaitingFeeds
from spark_jobs.runtime.dataset import open_log
from spark_jobs.runtime.writer import Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """What was read of one feed in one go."""

    feed: Feed
    topic: str
    position: Position
    tiles: pa.Table
    days: Mapping[date, pa.Table]
    """what the day files that they touch must hold afterwards"""
    anew: bool


def _needs_person(fault: Exception | None) -> bool:
    """Whether only a person can help. A damaged log is no such fault: a look at it costs nothing."""
    return isinstance(fault, StreamFault) and not fault.diagnosis.retryable


@dataclass
class Rollup:
    """The rollup of one root. `spark` is None where a request is done without a job."""

    log: PublicationLog
    ingested: Path
    """the root of the feeds"""
    spark: SparkSession | None
    writer: Writer
    now: Callable[[], datetime]
    stations: frozenset[str]
    """whose weather reports count; none: those of all"""
    moved: Callable[[], None] = lambda: None
    """called whenever a part of what is new is read"""
    waiting: WaitingFeeds = field(default_factory=WaitingFeeds)

    def __post_init__(self) -> None:
        self.tiles = DayFiles(self.log.layout.dataset(ROLLUP))
        self.readers = {feed.name: DatasetReader(self.ingested, feed.name) for feed in FEEDS}

    def begin(self) -> None:
        """Recover, or declare the first entry; what was seen before and not published is looked at again."""
        self.waiting.look_again()
        first = Entry("origin", {}, writer=self.writer.as_document())
        open_log(self.log, first, self.writer, self.now())

    def has_news(self) -> bool:
        """Whether a feed's log has another head than at the last look. A few `stat`s each, no lock."""
        return any(self.waiting.has_news(feed.name, self._head_of(feed)) for feed in FEEDS)

    def update(self) -> list[Entry]:
        """Bring all new rows in; the entries, none where nothing is new.

        Feeds that are read anew come in an entry of their own: nobody else's rows wait for all of theirs.
        """
        with self.log.lock:  # a request in between may make them anew itself
            with self.log.transaction(self.writer.check) as transaction:
                due = [feed for feed in FEEDS if self.waiting.is_due(feed.name, self._head_of(feed))]
                found = {feed: self._take(feed, transaction.head) for feed in due}
                entries = self._bring_in(transaction, found.values())
            anew = {feed: one for feed, one in found.items() if isinstance(one, Anew)}
            if anew:
                with self.log.transaction(self.writer.check) as transaction:
                    taken = [self._take(feed, transaction.head, one) for feed, one in anew.items()]
                    entries += self._bring_in(transaction, taken)
            return entries

    def accept_fewer_events(self) -> list[str]:
        """Read, as they are, the feeds that wait for somebody to confirm that events are lost; their names.

        Raises: StreamFault where there is more wrong with one than that; none is taken then.
        """
        with self.log.transaction(self.writer.check) as transaction:
            waiting = [feed for feed in FEEDS if _needs_person(self._fault_of(feed, transaction.head))]
            read = [self._read(feed, transaction.head, confirmed=True) for feed in waiting]
            taken = [one for one in read if one is not None]
            if taken:
                self._commit(transaction, taken)
            for feed in waiting:
                self.waiting.remove(feed.name)
            return [feed.name for feed in waiting]

    # -- reading ------------------------------------------------------------------------------------------------

    def _head_of(self, feed: Feed) -> Head | None:
        try:
            position = self.readers[feed.name].position()
        except (LogDamaged, OSError):
            return None  # who reads the feed finds it too, and says why
        return None if position is None else (position.log, position.seq)

    def _take(self, feed: Feed, head: Entry, anew: Anew | None = None) -> Taken | Anew | None:
        """What is new of the feed, or all of it where that is known to be due; `Anew` where it is found to be.

        None where nothing is new, or where it cannot be read: `waiting` then says why.
        """
        try:
            taken = self._read_news(feed, head) if anew is None else self._read_anew(feed, anew)
        except (StreamFault, LogDamaged, OSError) as fault:
            self.waiting.add(feed.name, fault, needs_person=_needs_person(fault))
            return None
        if not isinstance(taken, Anew):
            self.waiting.remove(feed.name)
        return taken

    def _read(self, feed: Feed, head: Entry, confirmed: bool = False) -> Taken | None:
        found = self._read_news(feed, head, confirmed)
        return self._read_anew(feed, found, confirmed) if isinstance(found, Anew) else found

    def _read_news(self, feed: Feed, head: Entry, confirmed: bool = False) -> Taken | Anew | None:
        reader = self.readers[feed.name]
        found = plan(feed, reader, head.position, self.stations)
        if not isinstance(found, Anew) and self._has_lost_days(feed, head):
            log.warning("day files of %s are gone below %s: all are made again", feed.name, self.log.layout.root)
            return Anew(head.position[feed.name]["log"], head.position[feed.name]["next_offset"])
        if not isinstance(found, Increment):
            return found
        try:
            tiles = self.summed(feed, found, confirmed)
        except OtherRows as odd:
            # A backup may have been restored while we were off: the log has been at our position, on another way.
            return Anew(found.position.log, head.position[feed.name]["next_offset"], odd)
        days = {
            day: merged_day(self._sound_day(feed, day, head, confirmed), new, feed.name)
            for day, new in days_of(tiles).items()
        }
        return Taken(feed, topic_of(reader), found.position, tiles, days, anew=False)

    def _read_anew(self, feed: Feed, anew: Anew, confirmed: bool = False) -> Taken:
        reader = self.readers[feed.name]
        found = everything(feed, reader, anew)
        if anew.odd is not None and not confirmed and rows_in_files(found) != found.rows:
            raise anew.odd
        try:
            tiles = self.summed(feed, found, confirmed)
        except OtherRows as odd:
            raise self._naming_days(feed, odd) from odd
        if confirmed:
            lost = in_brackets(fewer_events(self.tiles, feed, tiles))
            log.warning("%s: the tiles lose events, as confirmed%s", feed.name, lost)
        elif anew.counted is not None:
            ends = found.position.next_offset
            has_more = any(end > anew.counted.get(partition, 0) for partition, end in ends.items())
            counted = self.summed(feed, reader.up_to(found, anew.counted)) if has_more else tiles
            refuse_fewer(self.tiles, feed, counted)
        return Taken(feed, topic_of(reader), found.position, tiles, days_of(tiles), anew=True)

    def _sound_day(self, feed: Feed, day: date, head: Entry, confirmed: bool) -> pa.Table | None:
        """The day's tiles; made again where they are damaged. None where there are none."""
        try:
            return self.tiles.day(feed.name, day)
        except UnreadableDay as damaged:
            log.warning("%s: the day is made again of its rows", damaged)
            return self.day_again(feed, day, head, confirmed)

    def day_again(self, feed: Feed, day: date, head: Entry, confirmed: bool) -> pa.Table:
        """The day's tiles, made of the rows that the rollup had read by `head`; `confirmed`: as `summed`.

        Raises: StreamFault where they cannot be read, or are there twice.
        """
        increment = rows_of_day(self.readers[feed.name], feed, day, Position.from_document(head.position[feed.name]))
        tiles = self.summed(feed, increment, confirmed)
        if not confirmed:
            refuse_doubled(increment)
        return days_of(tiles).get(day, no_tiles(feed.name))

    def summed(self, feed: Feed, increment: Increment, confirmed: bool = False) -> pa.Table:
        """The tiles of the increment's rows; `confirmed`: of those that are left in sound files.

        Raises: as `read_increment`; where it is confirmed, StreamFault where rows are there twice.
        """
        left_out = self._left_out(feed, increment) if confirmed else None
        reader = self.readers[feed.name]
        return read_increment(reader, feed, increment, self.spark, self.stations, self.moved, left_out)

    def _left_out(self, feed: Feed, increment: Increment) -> Collection[Path]:
        """The damaged files; of what is left no count can tell whether it is there twice, so that is looked for."""
        damaged = damaged_files(increment, feed, self.moved)
        for fault in damaged.values():
            log.warning("%s: it is left out, as confirmed", fault)
        refuse_doubled(without(increment, damaged), self.moved)
        return damaged

    def _fault_of(self, feed: Feed, head: Entry) -> Exception | None:
        try:
            self._read(feed, head)
        except (StreamFault, LogDamaged, OSError) as fault:
            return fault
        return None

    def _naming_days(self, feed: Feed, odd: OtherRows) -> OtherRows:
        """The fault, with the days that have tiles and no folder of rows: whole folders that somebody removed."""
        rows = self.readers[feed.name].log.layout.dataset(feed.name)
        without_folder = (day for day in self.tiles.days(feed.name) if not (rows / day_folder(day)).exists())
        bare = [day for day in without_folder if needs_folder(feed, day, self.tiles.readable_day(feed.name, day))]
        if not bare:
            return odd
        days = f"{len(bare)} days from {bare[0]} to {bare[-1]}" if len(bare) > 1 else str(bare[0])
        return OtherRows(f"{odd}; the folder of {days} is gone", odd.diagnosis.next_step, retryable=False)

    def _still_holds(self, taken: Taken) -> bool:
        """Whether the feed was not started over while it was read; one that cannot be looked at waits."""
        name = taken.feed.name
        try:
            newest = self.readers[name].position()
        except (LogDamaged, OSError) as fault:
            self.waiting.add(name, fault, needs_person=False)
            return False
        return newest is not None and newest.log == taken.position.log

    def _has_lost_days(self, feed: Feed, head: Entry) -> bool:
        """Whether day files were removed by hand: nothing may be added to those that are left, or computed of them."""
        known = known_position(head.position, feed)
        return known is not None and len(self.tiles.days(feed.name)) < known.get("days", 0)

    # -- writing ------------------------------------------------------------------------------------------------

    def _bring_in(self, transaction: Transaction, found: Iterable[Taken | Anew | None]) -> list[Entry]:
        self.log.reached("read")
        taken = [one for one in found if isinstance(one, Taken) and self._still_holds(one)]
        return [self._commit(transaction, taken)] if taken else []

    def _commit(self, transaction: Transaction, taken: Sequence[Taken]) -> Entry:
        position: dict[str, Any] = dict(transaction.head.position)
        added = {one.feed.name: one.tiles for one in taken if not one.anew}
        replaced = [one.feed.name for one in taken if one.anew]
        tables = {(one.feed.name, day): tiles for one in taken for day, tiles in one.days.items()}
        for one in taken:
            position.pop(one.topic, None)  # where v0.1 kept it
            there = 0 if one.anew else len(self.tiles.days(one.feed.name))
            new = sum(one.anew or not self.tiles.has(one.feed.name, day) for day in one.days)
            position[one.feed.name] = document_of(one.position, formula(one.feed, self.stations), there + new)
        layout = self.log.layout
        going = [
            place(layout, feed, day) for feed in replaced for day in self.tiles.days(feed) if (feed, day) not in tables
        ]
        changed = encoded_changes(added)
        details = ({CHANGED: changed} if changed else {}) | ({ANEW: sorted(replaced)} if replaced else {})
        staging = transaction.new_staging(self.writer.driver.instance)
        draft = Entry(
            "batch",
            position,
            moves=tuple(staged_days(tables, staging, layout)),
            deletes=tuple(going),
            rows={"written": sum(events_in(one.tiles, one.feed.name) for one in taken)},
            writer=self.writer.as_document(),
            details=details,
        )
        return transaction.commit(draft, self.now())
