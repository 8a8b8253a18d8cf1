"""A query from Kafka into a dataset with a publication log: where it starts, and how each batch is published once."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.diagnosis import START_OVER, StreamFault
from spark_jobs.documents.status import Driver
from spark_jobs.kafka import checkpoint, offsets
from spark_jobs.kafka.checkpoint import Offsets
from spark_jobs.kafka.lag import OldestUnread, lag_of
from spark_jobs.kafka.offsets import Position, TopicOnBroker
from spark_jobs.publication.log import Entry, PublicationLog
from spark_jobs.runtime.dataset import Dataset, driver_of_staging
from spark_jobs.runtime.stream_record import Lag, StreamRecord
from spark_jobs.runtime.supervisor import BatchGate, Failures, StreamSupervisor
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings, in_words
from spark_jobs.supervision import driver_processes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unread:
    """The part of a batch that the dataset does not hold yet."""

    rows: DataFrame
    most_rows: int
    """how many messages it spans: an upper bound of its rows"""
    staging: Path
    """an empty folder for the files of this publication"""
    seq: int
    """the log entry that will bring them in"""


@dataclass(frozen=True)
class Staged:
    """What `stage` made of the unread rows: files in the staging folder and where they belong."""

    moves: Sequence[tuple[str, str]]
    written: int
    refused: int
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class KafkaStream:
    """All that one query from Kafka needs; `start` is what its supervisor calls for every try.

    `frame` makes the streaming frame from the start offsets; it has columns topic, kafka_partition and kafka_offset.
    `stage` turns the unread rows of a batch into files. `output_dirs` are the folders that only this log may fill.
    """

    name: str
    topics: tuple[str, ...]
    output_dirs: tuple[Path, ...]
    frame: Callable[[Offsets], DataFrame]
    stage: Callable[[Unread], Staged]
    settings: Settings
    spark: SparkSession
    broker: AdminClient
    log: PublicationLog
    checkpoint: Path
    trigger: timedelta
    record: StreamRecord
    writer: Writer
    now: Callable[[], datetime]

    def start(self, gate: BatchGate, failures: Failures) -> StreamingQuery:
        """Recover the dataset, agree with the broker where to read on, and start the query there."""
        start = offsets.end_offsets(self._position_to_read_from())
        set_aside_if_astray(self.name, self.checkpoint, checkpoint.resumes_at(self.checkpoint, start), self.now())

        def publish(batch: DataFrame, batch_id: int) -> None:
            with failures.noted(), gate.batch():
                self._publish(batch, batch_id, start)

        return (
            self.frame(start)
            .writeStream.queryName(self.name)
            .option("checkpointLocation", str(self.checkpoint))
            .trigger(processingTime=in_words(self.trigger))
            .foreachBatch(publish)
            .start()
        )

    def owned_by(self, supervisor: StreamSupervisor) -> Dataset:
        return Dataset(self.name, self.log, self.checkpoint, supervisor.held, lambda: supervisor.is_on)

    def lag_watch(self) -> Callable[[], None]:
        """What notes the stream's lag in its record, asked of the broker."""
        oldest = {topic: OldestUnread(self.settings.KAFKA_BOOTSTRAP_SERVERS, topic, self.now) for topic in self.topics}

        def look() -> None:
            head = self.log.head()
            if head is None:
                return
            lags = [
                lag_of(head.position[topic]["next_offset"], self._topic(topic), oldest[topic]) for topic in self.topics
            ]
            waiting = [lag.oldest for lag in lags if lag.oldest is not None]
            self.record.lag_seen(Lag(sum(lag.records for lag in lags), min(waiting, default=None)), self.now())

        return look

    def _topic(self, name: str) -> TopicOnBroker:
        return offsets.topic_on_broker(self.broker, self.settings.KAFKA_BOOTSTRAP_SERVERS, name)

    def _position_to_read_from(self) -> Position:
        with self.log.lock:
            head = self.log.recover()
            topics = [self._topic(name) for name in self.topics]
            if head is None:
                head = self._first_entry(topics)
        clear_dead_staging(self.log, self.writer.driver)
        return offsets.checked_position(head.position, topics, self.settings.ON_LOST_MESSAGES)

    def _first_entry(self, topics: Sequence[TopicOnBroker]) -> Entry:
        refuse_data_without_log(self.name, self.output_dirs, self.log)
        self.log.reached("before the first entry")
        self.writer.check()
        draft = Entry(kind="origin", position=offsets.origin(topics), writer=self.writer.named())
        return self.log.declare_origin(draft, self.now())

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
            _refuse_gap(self.name, offsets.end_offsets(head.position), query_start, start)
            return self._staged(batch, batch_id, head, start, end)

        entry = self.log.publish(stage, self.writer.check, self.now)
        rows = entry.rows if entry else {}
        seconds = time.monotonic() - began
        self.record.batch_finished(batch_id, seconds, rows.get("written", 0), rows.get("refused", 0), self.now())
        self.log.reached("before Spark's commit")

    def _staged(self, batch: DataFrame, batch_id: int, head: Entry, start: Offsets, end: Offsets) -> Entry | None:
        """Stage what the head does not hold yet; None where it holds everything."""
        reached = offsets.end_offsets(head.position)
        ahead = {topic: _furthest(offsets, end.get(topic, {})) for topic, offsets in reached.items()}
        if ahead == reached:
            return None
        seq = head.seq + 1
        folder = new_staging_folder(self.log, self.writer.driver, seq)
        staged = self.stage(
            Unread(
                rows=batch if start == reached else _beyond(batch, reached),
                most_rows=_messages(ahead) - _messages(reached),
                staging=folder,
                seq=seq,
            )
        )
        self._refuse_recreated_topics(head)
        return Entry(
            kind="batch",
            position={topic: {**head.position[topic], "next_offset": offsets} for topic, offsets in ahead.items()},
            moves=tuple(staged.moves),
            rows={"written": staged.written, "refused": staged.refused},
            writer=self.writer.named(),
            details={"spark": {"batch_id": batch_id}, **staged.details},
        )

    def _refuse_recreated_topics(self, head: Entry) -> None:
        """Asked once the rows are read: Spark knows topics by name only, and would go on in a new one's history."""
        for name, known in head.position.items():
            now = offsets.topic_id_on_broker(self.broker, self.settings.KAFKA_BOOTSTRAP_SERVERS, name)
            offsets.refuse_other_topic_id(name, known["topic_id"], now)


def set_aside_if_astray(name: str, path: Path, resumes: bool, now: datetime) -> None:
    """Keep only a checkpoint that goes on where the log stands: the log decides, the checkpoint is a cache."""
    if path.exists() and not resumes:
        aside = checkpoint.set_aside(path, now)
        log.warning(
            "%s: the checkpoint does not agree with the log; set aside as %s, reading on from the log", name, aside
        )


def refuse_data_without_log(name: str, output_dirs: Sequence[Path], dataset_log: PublicationLog) -> None:
    for folder in output_dirs:
        if next(folder.glob("**/*.parquet"), None) is not None:
            raise StreamFault(
                f"{folder} holds data but {dataset_log.layout.log(name)} has no log: nobody knows what was read",
                f"choose an empty output path, move these data away, or {START_OVER}",
                retryable=False,
            )


def new_staging_folder(dataset_log: PublicationLog, driver: Driver, seq: int) -> Path:
    """An empty folder for the files of entry `seq`; what earlier tries of this driver left is removed."""
    own = dataset_log.layout.staging(dataset_log.dataset) / driver.instance
    shutil.rmtree(own, ignore_errors=True)
    folder = own / str(seq)
    folder.mkdir(parents=True)
    return folder


def clear_dead_staging(dataset_log: PublicationLog, driver: Driver) -> None:
    """Remove what dead drivers left in staging: all of it that was promised has been moved by now."""
    for folder in dataset_log.layout.staging(dataset_log.dataset).glob("*"):
        own = folder.name == driver.instance  # not that of its requests: one may be carried out just now
        if own or driver_processes.instance_is_certainly_dead(dataset_log.layout, driver_of_staging(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)


def _furthest(reached: Mapping[str, int], end: Mapping[str, int]) -> dict[str, int]:
    return {p: max(reached.get(p, 0), end.get(p, 0)) for p in sorted({*reached, *end}, key=int)}


def _messages(offsets: Offsets) -> int:
    return sum(sum(of_topic.values()) for of_topic in offsets.values())


def _refuse_gap(name: str, reached: Offsets, query_start: Offsets, start: Offsets) -> None:
    """A batch may begin beyond the log only where the query was told to: new partitions, lost messages skipped."""
    for topic, starts in start.items():
        for partition, offset in starts.items():
            known = max(reached[topic].get(partition, 0), query_start[topic].get(partition, 0))
            if offset > known:
                raise StreamFault(
                    f"the checkpoint of {name} is ahead of its log ({topic} {partition}: {offset}, the log: {known})",
                    "nothing is lost; the query starts again from the log",
                )


def _beyond(batch: DataFrame, reached: Offsets) -> DataFrame:
    """Only the rows at or beyond the head, per partition; what is there is never written twice.

    Not for the usual batch that starts at the head: offsets in the plan would have Spark compile every batch anew.
    """
    unread = F.lit(True)
    for topic, ends in reached.items():
        for partition, offset in ends.items():
            elsewhere = (F.col("topic") != topic) | (F.col("kafka_partition") != int(partition))
            unread = unread & (elsewhere | (F.col("kafka_offset") >= offset))
    return batch.where(unread)
