"""One feed as a stream: from its Kafka topic, through parsing, into its dataset by the publication log."""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from confluent_kafka.admin import AdminClient
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.contracts.publication_log import Entry, PublicationLog
from spark_jobs.contracts.settings import Settings, in_words
from spark_jobs.contracts.streams import DEAD_LETTERS, Feed, Layout
from spark_jobs.feeds import kafka_source
from spark_jobs.feeds.kafka_source import TopicOnBroker
from spark_jobs.feeds.parsed_messages import parsed
from spark_jobs.ingestion.staging_writer import MANIFEST_SCHEMA, StagedFile, staging_task
from spark_jobs.runtime import checkpoint, driver_process
from spark_jobs.runtime.checkpoint import Offsets
from spark_jobs.runtime.faults import StreamFault
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.stream_supervisor import BatchGate, Failures
from spark_jobs.runtime.writer import Writer

log = logging.getLogger(__name__)

# Below this a batch is one task and so one file per hour: a second task would cost more than it saves.
_ONE_TASK_UP_TO_ROWS = 20_000
# The partition columns stand in the path only.
_PATH_COLUMNS = ("year", "month", "date", "hour")


@dataclass(frozen=True)
class FeedStream:
    """All that one feed's query needs; `start` is what the supervisor calls for every try."""

    feed: Feed
    settings: Settings
    spark: SparkSession
    broker: AdminClient
    log: PublicationLog
    record: StreamRecord
    writer: Writer
    now: Callable[[], datetime]

    @property
    def layout(self) -> Layout:
        return self.log.layout

    @property
    def checkpoint(self) -> Path:
        return Path(self.settings.CHECKPOINT_BASE_PATH) / self.feed.name

    @property
    def staging(self) -> Path:
        return self.layout.staging(self.feed.name) / self.writer.driver.instance

    def start(self, gate: BatchGate, failures: Failures) -> StreamingQuery:
        """Recover the dataset, agree with the broker where to read on, and start the query there."""
        start = kafka_source.end_offsets(self._position_to_read_from())
        if self.checkpoint.exists() and not checkpoint.resumes_at(self.checkpoint, start):
            aside = checkpoint.set_aside(self.checkpoint, self.now())
            log.warning("%s: the checkpoint does not agree with the log and was set aside as %s", self.feed.name, aside)
        messages = kafka_source.kafka_messages(
            self.spark, self.settings.KAFKA_BOOTSTRAP_SERVERS, start, self.settings.MAX_OFFSETS_PER_TRIGGER
        )

        def publish(batch: DataFrame, batch_id: int) -> None:
            with failures.noted(), gate.batch():
                self._publish(batch, batch_id, start)

        return (
            parsed(messages, self.feed, self.settings.ACCIDENT_TIME_ZONE)
            .drop(*_PATH_COLUMNS)
            .writeStream.queryName(self.feed.name)
            .option("checkpointLocation", str(self.checkpoint))
            .trigger(processingTime=in_words(self.settings.BATCH_INTERVAL))
            .foreachBatch(publish)
            .start()
        )

    def topic(self) -> TopicOnBroker:
        return kafka_source.topic_on_broker(
            self.broker, self.settings.KAFKA_BOOTSTRAP_SERVERS, self.settings.topic(self.feed)
        )

    def _position_to_read_from(self) -> kafka_source.Position:
        with self.log.lock:
            head = self.log.recover()
            topic = self.topic()
            if head is None:
                head = self._first_entry(topic)
        self._clear_dead_staging()
        return kafka_source.checked_position(head.position, [topic], self.settings.ON_LOST_MESSAGES)

    def _first_entry(self, topic: TopicOnBroker) -> Entry:
        for folder in (self.layout.dataset(self.feed.name), self.layout.dead_letters(self.feed.name)):
            if next(folder.glob("**/*.parquet"), None) is not None:
                raise StreamFault(
                    f"{folder} holds data but {self.layout.log(self.feed.name)} has no log: nobody knows what was read",
                    "choose an empty OUTPUT_BASE_PATH, move these data away, or 'make reprocess' to start over",
                    needs_person=True,
                )
        self.log.reached("before the first entry")
        self.writer.check()
        draft = Entry(kind="origin", position=kafka_source.origin([topic]), writer=self.writer.named())
        return self.log.declare_origin(draft, self.now())

    def _clear_dead_staging(self) -> None:
        """Remove what dead drivers left in staging: all of it that was promised has been moved by now."""
        for folder in self.layout.staging(self.feed.name).glob("*"):
            instance = folder.name
            if instance == self.writer.driver.instance or driver_process.instance_is_certainly_dead(
                self.layout, instance
            ):
                shutil.rmtree(folder, ignore_errors=True)

    def _publish(self, batch: DataFrame, batch_id: int, query_start: Offsets) -> None:
        began = time.monotonic()
        end = checkpoint.planned_offsets(self.checkpoint, batch_id)
        if end is None:
            raise StreamFault(
                f"the checkpoint {self.checkpoint} was removed while the query runs",
                "nothing is lost; the query starts again from the log",
            )
        start = checkpoint.planned_offsets(self.checkpoint, batch_id - 1) or query_start

        def stage(head: Entry) -> Entry | None:
            return self._staged(batch, batch_id, head, start, end)

        entry = self.log.publish(stage, self.writer.check, self.now)
        rows = entry.rows if entry else {}
        seconds = time.monotonic() - began
        self.record.batch_finished(batch_id, seconds, rows.get("written", 0), rows.get("refused", 0), self.now())
        self.log.reached("before Spark's commit")

    def _staged(self, batch: DataFrame, batch_id: int, head: Entry, start: Offsets, end: Offsets) -> Entry | None:
        """Stage what the head does not hold yet; None where it holds everything."""
        topic = self.settings.topic(self.feed)
        reached: Mapping[str, int] = head.position[topic]["next_offset"]
        _refuse_gap(self.feed.name, reached, start[topic])
        next_offset = {p: max(offset, reached.get(p, 0)) for p, offset in end[topic].items()}
        if next_offset == reached:
            return None
        seq = head.seq + 1
        folder = self.staging / str(seq)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        most_rows = sum(next_offset.values()) - sum(reached.values())
        rows = batch if start[topic] == reached else _unread(batch, reached)
        files = self._written(rows, folder, most_rows)
        return Entry(
            kind="batch",
            position={topic: {"topic_id": head.position[topic]["topic_id"], "next_offset": next_offset}},
            moves=tuple(self._moves(files, folder, seq)),
            rows={
                "written": sum(file.rows for file in files if not file.refused),
                "refused": sum(file.rows for file in files if file.refused),
            },
            writer=self.writer.named(),
            details={"spark": {"batch_id": batch_id}},
        )

    def _written(self, rows: DataFrame, folder: Path, most_rows: int) -> list[StagedFile]:
        tasks = rows.coalesce(1) if most_rows <= _ONE_TASK_UP_TO_ROWS else rows
        manifest = tasks.mapInArrow(staging_task(folder, self.feed.event_time, self.now()), MANIFEST_SCHEMA)
        return [StagedFile(*row) for row in manifest.collect()]

    def _moves(self, files: list[StagedFile], folder: Path, seq: int) -> Iterator[tuple[str, str]]:
        count: dict[str, int] = {}
        for file in sorted(files, key=lambda file: file.name):
            home = f"{DEAD_LETTERS}/{self.feed.name}" if file.refused else self.feed.name
            target = f"{home}/{file.folder}"
            number = count.setdefault(target, 0)
            count[target] += 1
            source = folder.relative_to(self.layout.root) / file.name
            yield str(source), f"{target}/{seq}-{number}.parquet"


def _refuse_gap(name: str, reached: Mapping[str, int], start: Mapping[str, int]) -> None:
    for partition, offset in start.items():
        if offset > reached.get(partition, 0):
            raise StreamFault(
                f"the checkpoint of {name} is ahead of its log (partition {partition}: {offset}, "
                f"the log: {reached.get(partition, 0)})",
                "nothing is lost; the query starts again from the log",
            )


def _unread(batch: DataFrame, reached: Mapping[str, int]) -> DataFrame:
    """Only the rows at or beyond the head, per partition; what is there is never written twice.

    Not applied to the usual batch that starts at the head: offsets in the plan would have Spark compile every batch.
    """
    beyond = F.lit(True)
    for partition, offset in reached.items():
        beyond = beyond & ((F.col("kafka_partition") != int(partition)) | (F.col("kafka_offset") >= offset))
    return batch.where(beyond)
