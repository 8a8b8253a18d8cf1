"""The ingestion job by hand: rows with offsets into the feeds' datasets through their logs; no Kafka, no Spark."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.backlog import TOPICS
from spark_jobs.catalog import FEEDS, Feed, feed_named
from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import JobState, Status, StreamState, StreamStatus, write_status
from spark_jobs.feeds.parsed_messages import OUTCOME_COLUMNS
from spark_jobs.ingestion.feed_start import rows_in
from spark_jobs.ingestion.feed_stream import moves_of
from spark_jobs.ingestion.staging_writer import StagedFile, staged_hours
from spark_jobs.maintenance.compaction import closed_folders, compact
from spark_jobs.maintenance.start_over import start_over
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication import durable_files
from spark_jobs.publication.commit import PublicationLog, Transaction
from spark_jobs.publication.entry import LOST, Entry, encode_entry
from spark_jobs.publication.folding import fold
from spark_jobs.publication.log import LogDamaged
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.driver_process import driver_identity, new_instance
from spark_jobs.runtime.writer import Writer
from tests.analytics.flow.feeds import Feeds

Counts = Mapping[str, int]
"""feed -> how many of its messages"""
Clock = Callable[[], datetime]

NAMES_OF_FEEDS = tuple(feed.name for feed in FEEDS)


def now() -> datetime:
    return datetime.now(UTC)


class FakeClock:
    """A clock that goes on when it is told to."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def go_on(self, by: timedelta) -> None:
        self.time += by


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_at(log: PublicationLog, step: str) -> None:
    """From now on, whoever reaches this step with this log dies there."""

    def reached(name: str) -> None:
        if name == step:
            raise Killed(step)

    log.reached = reached


def may_write() -> None:
    """Nobody has taken over."""


def tell(*_: Any) -> None:
    """Nobody listens."""


def position(reached: Counts) -> dict[str, Any]:
    """As a log keeps it: each feed's messages are the offsets 0, 1, 2, ... of one partition."""
    return {TOPICS[feed]: {"topic_id": f"id-{feed}", "next_offset": {"0": offset}} for feed, offset in reached.items()}


class Ingested:
    """The four datasets below `root`; a new one at the same root is what a restart would be."""

    def __init__(self, root: Path, by_hour: bool = True, clock: Clock = now) -> None:
        """`by_hour` False: all rows of a batch in one folder, one file instead of one for each hour."""
        self.root = root
        self.layout = Layout(root)
        self.by_hour = by_hour
        self.clock = clock
        self.writer = Writer(driver_identity(new_instance(now()), None), 1, may_write)
        self.logs = {feed: PublicationLog(self.layout, feed) for feed in NAMES_OF_FEEDS}
        for log in self.logs.values():
            with suppress(LogDamaged):
                log.recover()

    def begin(self, feed: str, ends: int = 0, first: int = 0) -> None:
        """The first entry of a log; the broker holds the messages from `first` to before `ends`."""
        draft = Entry("origin", position({feed: first}), rows={"total": 0}, writer=self.writer.as_document())
        self.logs[feed].begin(draft, self.clock(), end_offsets={"0": ends})

    def begin_as_v01(self, feed: str) -> None:
        """The first entry of a log that counts no rows, and has no id."""
        first = Entry("origin", position({feed: 0}), seq=0, at=iso(self.clock()), writer=self.writer.as_document())
        durable_files.create_if_absent(self.logs[feed].path(0), encode_entry(first))
        self.logs[feed].recover()

    def take(self, feeds: Feeds, refused: int = 0) -> None:
        """A batch of each feed: the next messages of its topic are these rows, and so many that are refused."""
        for feed, rows in feeds.items():
            if len(rows) or refused:
                self._batch(feed_named(feed), rows, refused)

    def read(self, sent: Feeds, up_to: Counts) -> None:
        """A batch of each feed: what is not in yet of a topic that holds `sent`, up to this offset."""
        for feed, end in up_to.items():
            first = self.next_offset(feed)
            self.take({feed: sent[feed].slice(first, max(0, end - first))})

    def skip(self, feed: str, count: int) -> None:
        """Go on without so many messages, which Kafka has no more."""
        with self.logs[feed].transaction(may_write) as transaction:
            first, topic = self.next_offset(feed), TOPICS[feed]
            lost = {"topic": topic, "partition": "0", "first": first, "end": first + count}
            transaction.commit(self._skip(transaction, first + count, {LOST: [lost]}), self.clock())

    def next_offset(self, feed: str) -> int:
        head = self.logs[feed].head()
        return 0 if head is None else int(head.position[TOPICS[feed]]["next_offset"]["0"])

    def reached(self) -> dict[str, int]:
        return {feed: self.next_offset(feed) for feed in self.logs}

    def _batch(self, feed: Feed, rows: pa.Table, refused: int) -> None:
        log = self.logs[feed.name]
        if log.recover() is None:
            self.begin(feed.name)
        with log.transaction(may_write) as transaction:
            first, head = self.next_offset(feed.name), transaction.head
            staging = transaction.new_staging(self.writer.driver.instance)
            files = list(self._staged(with_offsets(rows, first), staging, feed))
            total = {"total": head.rows["total"] + len(rows)} if "total" in head.rows else {}
            draft = Entry(
                "batch",
                position({feed.name: first + len(rows) + refused}),
                moves=tuple(moves_of(feed, files, staging.relative_to(self.root), transaction)),
                rows={"written": len(rows), "refused": refused, **total},
                writer=self.writer.as_document(),
            )
            transaction.commit(draft, self.clock())

    def _staged(self, rows: pa.Table, staging: Path, feed: Feed) -> Iterator[StagedFile]:
        if self.by_hour:
            yield from staged_hours(rows, staging, "0", feed.event_time)
        elif len(rows):
            pq.write_table(rows.drop_columns(list(OUTCOME_COLUMNS)), staging / "0.parquet")
            yield StagedFile("0.parquet", hour_folder(rows[feed.event_time][0].as_py()), len(rows), refused=False)

    def _skip(self, transaction: Transaction, reached: int, details: Mapping[str, Any]) -> Entry:
        log, head = transaction.log, transaction.head
        total = head.rows["total"] if "total" in head.rows else rows_in(log)
        rows = {"written": 0, "refused": 0, "total": total}
        return Entry(
            "skip", position({log.dataset: reached}), rows=rows, writer=self.writer.as_document(), details=details
        )

    # -- what else happens to a dataset -------------------------------------------------------------------------

    def dataset(self, feed: str) -> Dataset:
        return Dataset(feed, self.logs[feed], self.root / "checkpoints" / feed)

    def compact(self, *feeds: str) -> None:
        """Every folder of these feeds (all where none is named) becomes one file."""
        for feed in feeds or NAMES_OF_FEEDS:
            closed = list(closed_folders(self.layout.dataset(feed), now() + timedelta(days=1), from_files=2))
            for folder in closed:
                compact(self.dataset(feed), folder, self.writer, self.clock)

    def fold(self, *feeds: str, kept: timedelta = timedelta(), folded_kept: timedelta = timedelta(days=30)) -> None:
        """Fold the entries of these feeds (all where none is named), and drop folded ones."""
        for feed in feeds or NAMES_OF_FEEDS:
            fold(self.logs[feed], kept, folded_kept, self.clock() + timedelta(hours=1))

    def start_over(self, feed: str, ends: int, first: int = 0) -> None:
        """As somebody asks for it: all that there is goes, and the next start begins again."""
        start_over([self.dataset(feed)])({"stream": feed, "confirm": feed}, tell)
        self.begin(feed, ends, first)

    def back_up(self, feed: str, to: Path) -> None:
        for folder in (self.layout.dataset(feed), self.layout.log(feed)):
            copytree(folder, to / folder.relative_to(self.root))

    def restore(self, feed: str, backup: Path) -> None:
        for folder in (self.layout.log(feed), self.layout.dataset(feed)):
            rmtree(folder, ignore_errors=True)
            copytree(backup / folder.relative_to(self.root), folder)
        self.logs[feed] = PublicationLog(self.layout, feed)

    def tell_status(self, state: JobState = JobState.RUNNING, **streams: StreamStatus) -> None:
        """What the job's heartbeat says: all is read, but for these streams."""
        of_feeds = [streams.get(feed, StreamStatus(feed, StreamState.IDLE)) for feed in NAMES_OF_FEEDS]
        at = iso(self.clock())
        write_status(
            self.layout, Status("ingestion", self.writer.driver, 1, at, at, state, "", streams=tuple(of_feeds))
        )


def with_offsets(rows: pa.Table, first: int) -> pa.Table:
    """The rows as the parsing gives them: valid, and with their place in Kafka."""
    count = len(rows)
    more = {
        "kafka_partition": pa.array([0] * count, pa.int32()),
        "kafka_offset": pa.array(range(first, first + count), pa.int64()),
        **{name: pa.nulls(count, kind) for name, kind in OUTCOME_COLUMNS.items()},
    }
    for name, column in more.items():
        rows = rows.append_column(name, column)
    return rows
