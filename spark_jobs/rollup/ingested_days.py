"""The ingested rows again, as tiles of one day: what a rebuild is made of.

Reads another job's outputs while that job writes. Its log tells what to look out for: files only ever come, except
where a compaction or clean-up takes some out, and then the day is read once more.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_jobs.bounded_tables import bounded_tables
from spark_jobs.catalog import FEEDS, Feed
from spark_jobs.diagnosis import StreamFault
from spark_jobs.paths import Layout
from spark_jobs.publication.log import Entry, PublicationLog
from spark_jobs.rollup.tile_schemas import BUCKET_START, merged, no_tiles
from spark_jobs.rollup.tiles import MEASURED, tiles_of
from spark_jobs.runtime.request_queue import Refused
from spark_jobs.settings import Settings

Offsets = Mapping[str, int]
"""partition as text -> next offset"""
_READ_AT_MOST = 20
_PAUSE_S = 0.2


class IngestedDays:
    """The feeds' Parquet below OUTPUT_BASE_PATH, by day of the tile."""

    def __init__(self, settings: Settings, pause: Callable[[float], None] = time.sleep) -> None:
        self._layout = Layout(Path(settings.OUTPUT_BASE_PATH))
        self._topics = {feed.name: settings.topic(feed) for feed in FEEDS}
        self._logs = {feed.name: PublicationLog(self._layout, feed.name) for feed in FEEDS}
        self._pause = pause

    def refuse_shorter(self, origin: Entry) -> None:
        """A rollup that was begun at `origin` must not be made from rows that begin later."""
        for feed in FEEDS:
            topic, log = self._topics[feed.name], self._logs[feed.name]
            if log.head() is None:
                raise Refused(
                    f"nothing of {feed.name} was ingested below {self._layout.root}; let the ingestion job run"
                )
            began, ingested = _offsets(origin, topic), _offsets(log.entry(0), topic)
            later = [p for p, offset in ingested.items() if offset > began.get(p, offset)]
            if later:
                raise Refused(
                    f"ingestion of {topic} began at offset {ingested[later[0]]} of partition {later[0]}, the rollup at "
                    f"{began[later[0]]}: a rebuild would lose what lies between"
                )

    def missing(self, head: Entry) -> str | None:
        """What the rollup at `head` has read and ingestion has not; None where the rows are all there."""
        for feed in FEEDS:
            topic, log = self._topics[feed.name], self._logs[feed.name]
            entry = log.head()
            if entry is None or not log.is_applied(entry.seq):
                return f"{feed.name} is just being written"
            ours, theirs = head.position.get(topic, {}), entry.position.get(topic, {})
            if ours.get("topic_id") != theirs.get("topic_id") and ours:
                raise Refused(f"the rollup and {feed.name} were read from two different topics called {topic}")
            behind = sum(
                max(0, offset - _offsets(entry, topic).get(p, 0)) for p, offset in _offsets(head, topic).items()
            )
            if behind:
                return f"{feed.name} is {behind} messages behind the rollup"
        return None

    def tiles(self, feed: Feed, day: date, head: Entry) -> pa.Table:
        """The tiles of the day, from the rows that the rollup had read at `head`."""
        log, below = self._logs[feed.name], _offsets(head, self._topics[feed.name])
        for _ in range(_READ_AT_MOST):
            before = log.head()
            assert before is not None
            if log.is_applied(before.seq):
                try:
                    made = self._read(feed, day, below)
                    if not _files_went(log, before):
                        return made
                except FileNotFoundError:
                    continue  # compacted just now
            self._pause(_PAUSE_S)
        raise StreamFault(
            f"the files of {feed.name} on {day} changed {_READ_AT_MOST} times while they were read", "wait"
        )

    def _read(self, feed: Feed, day: date, below: Offsets) -> pa.Table:
        parts = [tiles_of(rows, feed) for rows in bounded_tables(self._rows(feed, day, below))]
        tiles = merged(parts, feed.name) if parts else no_tiles(feed.name)
        midnight = pa.scalar(day, pa.date32())
        return tiles.filter(pc.equal(pc.cast(tiles[BUCKET_START], pa.date32()), midnight))

    def _rows(self, feed: Feed, day: date, below: Offsets) -> Iterator[pa.RecordBatch]:
        wanted = [feed.event_time, *MEASURED[feed.name]]
        for path in self._files(feed, day):
            with pq.ParquetFile(path) as file:
                for number in range(file.num_row_groups):
                    columns = [*wanted, "kafka_partition", "kafka_offset"]
                    rows = file.read_row_group(number, columns=columns, use_threads=False)
                    yield from rows.filter(_is_below(rows, below)).select(wanted).combine_chunks().to_batches()

    def _files(self, feed: Feed, day: date) -> Sequence[Path]:
        # A weather report belongs to the tile that it ends: at midnight, to that of the day before.
        folders = [self._day_folder(feed, day), self._day_folder(feed, day + timedelta(days=1)) / "hour=0"]
        return [*folders[0].glob("hour=*/*.parquet"), *folders[1].glob("*.parquet")]

    def _day_folder(self, feed: Feed, day: date) -> Path:
        return self._layout.dataset(feed.name) / f"year={day.year}/month={day.month}/date={day:%Y-%m-%d}"


def _offsets(entry: Entry, topic: str) -> Offsets:
    offsets: Offsets = entry.position.get(topic, {}).get("next_offset", {})
    return offsets


def _is_below(rows: pa.Table, below: Offsets) -> pa.ChunkedArray:
    known = pa.nulls(len(rows), pa.bool_()).fill_null(False)
    for partition, offset in below.items():
        in_partition = pc.equal(rows["kafka_partition"], int(partition))
        known = pc.or_(known, pc.and_(in_partition, pc.less(rows["kafka_offset"], offset)))
    return known


def _files_went(log: PublicationLog, since: Entry) -> bool:
    """Whether files were taken out since: then some may have been read twice, or not at all."""
    newest = log.head()
    assert newest is not None
    return any(log.entry(seq).deletes for seq in range(since.seq + 1, newest.seq + 1))
