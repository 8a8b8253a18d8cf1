"""The rollup as a stream: four topics parsed once, summed up to 5-minute tiles, day files replaced through the log."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from spark_jobs.catalog import FEEDS, ROLLUP
from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.codec import iso
from spark_jobs.kafka.checkpoint import Offsets
from spark_jobs.kafka.offsets import broker_client, kafka_messages
from spark_jobs.kafka.query import KafkaStream, Staged, Unread
from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files
from spark_jobs.publication.log import PublicationLog
from spark_jobs.rollup.day_files import DayFiles, changed_tiles, day_tables
from spark_jobs.rollup.tile_schemas import merged
from spark_jobs.rollup.tiles import TASK_COLUMNS, TASK_SCHEMA, rollup_task, tiles_from_stream
from spark_jobs.runtime.driver import Start, Stream
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import StreamSupervisor

# The measure that counts a tile's events.
_EVENTS = {
    "bike_trips": "rental_count",
    "taxi_trips": "ride_count",
    "weather_data": "observation_count",
    "accidents": "accident_count",
}
_ONE_TASK_UP_TO_ROWS = 20_000


def rollup_stream(start: Start, log: PublicationLog, tiles: DayFiles) -> Stream:
    settings, layout = start.settings, start.layout
    feed_of_topic = {settings.topic(feed): feed for feed in FEEDS}

    def frame(offsets: Offsets) -> DataFrame:
        return kafka_messages(start.spark, settings.KAFKA_BOOTSTRAP_SERVERS, offsets, settings.MAX_OFFSETS_PER_TRIGGER)

    def stage(unread: Unread) -> Staged:
        refuse_lost_days(log)
        rows = unread.rows.coalesce(1) if unread.most_rows <= _ONE_TASK_UP_TO_ROWS else unread.rows
        task = rollup_task(feed_of_topic, settings.ACCIDENT_TIME_ZONE)
        new = _tiles(rows.select(*TASK_COLUMNS).mapInArrow(task, TASK_SCHEMA))
        events = events_in(new)
        return Staged(
            moves=staged_days(new, tiles, layout, unread.staging),
            written=events,
            refused=unread.most_rows - events,
            details={"changed": changes(new)},
        )

    record = StreamRecord(ROLLUP, settings.BATCH_INTERVAL, start.now())
    stream = KafkaStream(
        name=ROLLUP,
        topics=tuple(settings.topic(feed) for feed in FEEDS),
        output_dirs=(layout.dataset(ROLLUP),),
        frame=frame,
        stage=stage,
        settings=settings,
        spark=start.spark,
        broker=broker_client(settings.KAFKA_BOOTSTRAP_SERVERS),
        log=log,
        checkpoint=Path(settings.ANALYTICS_CHECKPOINT_PATH) / ROLLUP,
        trigger=settings.BATCH_INTERVAL,
        record=record,
        writer=start.writer,
        now=start.now,
    )
    supervisor = StreamSupervisor(ROLLUP, start.spark, stream.start, record, start.now, start.lease_lost)
    return Stream(supervisor, stream.lag_watch(), stream.owned_by(supervisor))


def _tiles(parts: DataFrame) -> dict[str, pa.Table]:
    """feed -> the tiles of the batch, from those of its tasks."""
    of_feed: dict[str, list[pa.Table]] = {}
    for feed, stream in parts.collect():
        of_feed.setdefault(feed, []).append(tiles_from_stream(bytes(stream)))
    return {feed: merged(tables, feed) for feed, tables in of_feed.items()}


def events_in(new: Mapping[str, pa.Table]) -> int:
    """How many messages the tiles were made of. A feed whose messages were all refused has none."""
    return sum(pc.sum(of_feed[_EVENTS[feed]], min_count=0).as_py() for feed, of_feed in new.items())


def refuse_lost_days(rollup: PublicationLog) -> None:
    """A day file that the newest entry brought in and that is gone: adding to nothing would lose all it held."""
    head = rollup.head()
    for _, target in head.moves if head else ():
        if not (rollup.layout.root / target).exists():
            raise StreamFault(
                f"{rollup.layout.root / target} is gone, though the log says that it is there: the rollup was removed",
                "see docs/troubleshoot.md, 'The rollup is lost'",
                retryable=False,
            )


def staged_days(new: Mapping[str, pa.Table], tiles: DayFiles, layout: Layout, staging: Path) -> list[tuple[str, str]]:
    """Stage what the day files that the new tiles touch must hold; the moves that bring them in."""
    source = staging.relative_to(layout.root)
    target = layout.dataset(ROLLUP).relative_to(layout.root)
    written = _written(day_tables(tiles.day, new), staging)
    return [(str(source / name), str(target / place)) for name, place in written]


def _written(tables: Mapping[tuple[str, date], pa.Table], staging: Path) -> Iterator[tuple[str, str]]:
    """Staged name -> place below the rollup's folder."""
    for (feed, day), tiles in tables.items():
        name = f"{feed}-{day}.parquet"
        pq.write_table(tiles, staging / name, compression="zstd")
        durable_files.sync_file(staging / name)
        yield name, f"{feed}/{day}.parquet"


def changes(new: Mapping[str, pa.Table]) -> dict[str, list[str]]:
    """feed -> starts of the tiles that an entry changes, as the log keeps them: the change feed of the analytics."""
    return {feed: [iso(start) for start in starts] for feed, starts in changed_tiles(new).items()}


def read_changes(entry: Mapping[str, object]) -> dict[str, list[datetime]]:
    """The same, read back from an applied marker."""
    changed = entry.get("changed", {})
    assert isinstance(changed, dict)
    return {feed: [datetime.fromisoformat(start) for start in starts] for feed, starts in changed.items()}
