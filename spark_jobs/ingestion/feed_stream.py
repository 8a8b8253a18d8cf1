"""One feed as a query: its messages parsed, valid rows into its dataset, refused ones into its dead letters.

Each batch is published once, whatever crashes in between: the publication log says what is there, the query always
starts where the log stands, and a batch that another writer was faster with is dropped.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.catalog import DEAD_LETTERS, Feed
from spark_jobs.completeness import FeedProgress
from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.ingestion.complete_hours import AllFeeds, HoursOfFeed
from spark_jobs.ingestion.copies import judged_copies
from spark_jobs.ingestion.feed_start import position_to_read_from, recently_lost
from spark_jobs.ingestion.last_read import latest
from spark_jobs.ingestion.quality import Key, Measure, Quality
from spark_jobs.ingestion.quality_days import QualityDays, new_layout
from spark_jobs.ingestion.staging_writer import REPORT_SCHEMA, StagedFile, TaskReport, staging_task
from spark_jobs.kafka import offsets
from spark_jobs.kafka.broker_client import BrokerClient
from spark_jobs.kafka.checkpoint import batch_range
from spark_jobs.kafka.connection import connection_of
from spark_jobs.kafka.lag import OpenTransactions, reached_and_end
from spark_jobs.kafka.offsets import FeedPosition, TopicOnBroker
from spark_jobs.kafka.query import kafka_messages
from spark_jobs.paths import hour_of_folder
from spark_jobs.publication.commit import CommitConflict, PublicationLog, Transaction
from spark_jobs.publication.entry import Entry
from spark_jobs.runtime.checkpoints import fresh_checkpoint
from spark_jobs.runtime.looks import unread
from spark_jobs.runtime.query import start_query
from spark_jobs.runtime.stream import Stream, StreamContext, assembled, new_record
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import BatchGate

# Below this a batch is one task and so one file per hour: a second task would cost more than it saves.
_ONE_TASK_UP_TO_ROWS = 20_000


def feed_stream(feed: Feed, context: StreamContext, together: AllFeeds) -> Stream:
    """The feed's query, ready to begin."""
    record = new_record(context, feed.name, context.settings.BATCH_INTERVAL)
    topic = context.settings.topic(feed)
    log = context.log(feed.name)
    stream = FeedStream(
        feed=feed,
        topic=topic,
        context=context,
        log=log,
        hours=HoursOfFeed(feed, log, together),
        record=record,
        broker=BrokerClient(connection_of(context.settings)),
        open_transactions=OpenTransactions(time.monotonic),
    )
    return assembled(context, record, log, stream.start, stream.look_at_lag)


@dataclass(frozen=True)
class FeedStream:
    """The query of one feed; `start` is what its supervisor calls for every try."""

    feed: Feed
    topic: str
    context: StreamContext
    log: PublicationLog
    hours: HoursOfFeed
    record: StreamRecord
    broker: BrokerClient
    open_transactions: OpenTransactions

    @property
    def quality(self) -> QualityDays:
        """What was counted of its messages, day by day."""
        return QualityDays(self.log.layout, self.feed)

    def start(self, gate: BatchGate) -> StreamingQuery:
        """Recover the dataset, agree with the broker where to read on, and start a query there."""
        settings = self.context.settings
        start = self._position_to_read_from()[self.topic]["next_offset"]
        checkpoint = fresh_checkpoint(self.context.checkpoints / self.feed.name, self.context.writer.driver.instance)

        def publish(batch: DataFrame, batch_id: int) -> None:
            with gate.batch(), self.record.working():
                self._publish(batch, batch_id, checkpoint, start)

        most = settings.MAX_OFFSETS_PER_TRIGGER
        messages = kafka_messages(self.context.spark, self.broker.connection, {self.topic: start}, most)
        return start_query(self.feed.name, messages, settings.BATCH_INTERVAL, checkpoint, publish)

    def look_at_lag(self) -> None:
        """Note how far the log is behind the broker, and which hours are complete."""
        newest = self.log.newest()
        if newest is None:
            self.record.complete_to(None, None)
            return
        origin, head = newest
        passed = self.hours.passed(self.context.now())
        topic = self._on_broker()
        self.hours.look(passed, topic, self.context.now())  # first: where it fails, the stream says so and waits
        self.record.complete_to(self.hours.progress().complete_before, origin.id)
        reached, end = reached_and_end(head.position[self.topic]["next_offset"], topic)
        is_much = unread(reached, end) > self.context.settings.MAX_OFFSETS_PER_TRIGGER
        self.record.saw(reached, end, is_much=is_much)
        self.record.waits_for = self.open_transactions.look(topic, offsets.written_ends(self.broker, topic))

    def _on_broker(self) -> TopicOnBroker:
        return offsets.topic_on_broker(self.broker, self.topic)

    def _position_to_read_from(self) -> FeedPosition:
        position, head = position_to_read_from(self.feed, self.log, self._on_broker(), self.broker, self.context)
        self.record.lost = recently_lost(self.log, head.seq, self.context.now())
        self.record.new_layout = new_layout(self.quality.of(self.context.now().date()))
        return position

    # -- a batch ------------------------------------------------------------------------------------------------

    def _publish(self, batch: DataFrame, batch_id: int, checkpoint: Path, query_start: Mapping[str, int]) -> None:
        began = time.monotonic()
        start, end = batch_range(checkpoint, batch_id, self.topic, query_start)
        with self.log.transaction(self.context.writer.check) as transaction:
            known = transaction.head.position[self.topic]["next_offset"]
            if any(start.get(partition) != offset for partition, offset in known.items()):
                raise CommitConflict(f"the log of {self.feed.name} is at {known}, this batch starts at {dict(start)}")
            entry = self._commit(transaction, batch, batch_id, end) if end != known else None
        rows = entry.rows if entry else {}
        seconds = time.monotonic() - began
        self.record.batch_finished(batch_id, seconds, rows.get("written", 0) + rows.get("refused", 0))
        self.log.reached("before Spark's commit")

    def _commit(self, transaction: Transaction, batch: DataFrame, batch_id: int, end: Mapping[str, int]) -> Entry:
        """Stage the batch, which begins just where the head ends, and bring it in."""
        settings, head, now = self.context.settings, transaction.head, self.context.now()
        known = head.position[self.topic]
        most_rows = sum(end.values()) - sum(known["next_offset"].values())
        staging = transaction.new_staging(self.context.writer.driver.instance)
        rows = batch.coalesce(1) if most_rows <= _ONE_TASK_UP_TO_ROWS else batch
        parser = Parser(self.feed, settings.ACCIDENT_TIME_ZONE, now)
        task = staging_task(staging, parser)
        reports = [TaskReport.decoded(row[0]) for row in rows.mapInArrow(task, REPORT_SCHEMA).collect()]
        # Once the rows are read: Spark knows topics by name only, and would go on in a new one's history.
        offsets.refuse_recreated(self.broker, self.topic, known["topic_id"])
        copies = judged_copies(reports, staging, self.log, self.topic, parser)
        reports.append(copies.report)
        files = [file for report in reports for file in report.files]
        counted = [*(report.quality for report in reports), late_rows(files, self.hours.progress())]
        quality = self.quality.with_batch(now.date(), counted)
        written = sum(file.rows for file in files if not file.refused)
        next_offset = dict(sorted(end.items(), key=lambda one: int(one[0])))
        last_read = latest([known.get("last_read", {}), *(report.last_read for report in reports)])
        draft = Entry(
            "batch",
            {self.topic: {**known, "next_offset": next_offset, "last_read": last_read}},
            moves=(
                *moves_of(self.feed, files, staging.relative_to(self.log.layout.root), transaction),
                self.quality.staged(quality, now.date(), staging),
                *copies.moves,
            ),
            rows={
                "written": written,
                "refused": sum(file.rows for file in files if file.refused),
                "total": head.rows["total"] + written,
            },
            writer=self.context.writer.as_document(),
            details={"spark": {"batch_id": batch_id}},
        )
        entry = transaction.commit(draft, self.context.now())
        self.record.new_layout = new_layout(quality)
        return entry


def moves_of(
    feed: Feed, files: Iterable[StagedFile], staging: Path, transaction: Transaction
) -> Iterator[tuple[str, str]]:
    """Staged file -> its place; the files of one hour are numbered within the entry."""
    count: dict[str, int] = {}
    for file in sorted(files, key=lambda file: file.name):
        home = f"{DEAD_LETTERS}/{feed.name}" if file.refused else feed.name
        folder = f"{home}/{file.folder}"
        number = count.setdefault(folder, 0)
        count[folder] += 1
        yield str(staging / file.name), f"{folder}/{transaction.file_name(number)}"


def late_rows(files: Iterable[StagedFile], progress: FeedProgress) -> Quality:
    """Count the rows of hours that were complete before they came."""
    late = (file.rows for file in files if not file.refused and progress.is_late(hour_of_folder(file.folder)))
    return Quality({Key(Measure.LATE): sum(late)})
