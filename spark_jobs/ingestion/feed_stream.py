"""One feed: its messages parsed, valid rows into its dataset, refused ones into its dead letters."""

from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import DataFrame

from spark_jobs.catalog import DEAD_LETTERS, Feed
from spark_jobs.ingestion.staging_writer import MANIFEST_SCHEMA, StagedFile, staging_task
from spark_jobs.kafka.checkpoint import Offsets
from spark_jobs.kafka.offsets import broker_client, kafka_messages
from spark_jobs.kafka.query import KafkaStream, Staged, Unread
from spark_jobs.publication.log import PublicationLog
from spark_jobs.runtime.driver import Start, Stream
from spark_jobs.runtime.step_pauses import step_listener
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import StreamSupervisor

# Below this a batch is one task and so one file per hour: a second task would cost more than it saves.
_ONE_TASK_UP_TO_ROWS = 20_000


def feed_stream(feed: Feed, start: Start) -> Stream:
    settings, layout = start.settings, start.layout

    def frame(offsets: Offsets) -> DataFrame:
        return kafka_messages(start.spark, settings.KAFKA_BOOTSTRAP_SERVERS, offsets, settings.MAX_OFFSETS_PER_TRIGGER)

    def stage(unread: Unread) -> Staged:
        rows = unread.rows.coalesce(1) if unread.most_rows <= _ONE_TASK_UP_TO_ROWS else unread.rows
        task = staging_task(unread.staging, feed, settings.ACCIDENT_TIME_ZONE, start.now())
        manifest = rows.mapInArrow(task, MANIFEST_SCHEMA)
        files = [StagedFile(*file) for file in manifest.collect()]
        return Staged(
            moves=list(moves_of(feed, files, unread.staging.relative_to(layout.root), unread.seq)),
            written=sum(file.rows for file in files if not file.refused),
            refused=sum(file.rows for file in files if file.refused),
        )

    record = StreamRecord(feed.name, settings.BATCH_INTERVAL, start.now())
    stream = KafkaStream(
        name=feed.name,
        topics=(settings.topic(feed),),
        output_dirs=(layout.dataset(feed.name), layout.dead_letters(feed.name)),
        frame=frame,
        stage=stage,
        settings=settings,
        spark=start.spark,
        broker=broker_client(settings.KAFKA_BOOTSTRAP_SERVERS),
        log=PublicationLog(layout, feed.name, step_listener(start.env, feed.name)),
        checkpoint=Path(settings.CHECKPOINT_BASE_PATH) / feed.name,
        trigger=settings.BATCH_INTERVAL,
        record=record,
        writer=start.writer,
        now=start.now,
    )
    supervisor = StreamSupervisor(feed.name, start.spark, stream.start, record, start.now, start.lease_lost)
    return Stream(supervisor, stream.lag_watch(), stream.owned_by(supervisor))


def moves_of(feed: Feed, files: list[StagedFile], staging: Path, seq: int) -> Iterator[tuple[str, str]]:
    """Staged file -> its place; the files of one hour are numbered within the entry."""
    count: dict[str, int] = {}
    for file in sorted(files, key=lambda file: file.name):
        home = f"{DEAD_LETTERS}/{feed.name}" if file.refused else feed.name
        folder = f"{home}/{file.folder}"
        number = count.setdefault(folder, 0)
        count[folder] += 1
        yield str(staging / file.name), f"{folder}/{seq}-{number}.parquet"
