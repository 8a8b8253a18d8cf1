"""`make bench-catch-up`: what it costs to come back after a long time off.

A weekend of ingestion at a trigger every 10 seconds, its hours compacted and its log folded, is read by an analytics
job that was off for all of it; then one analytic was off for a week of 60,480 entries of the rollup. Entries and files
are written here as the jobs write them, the job that reads them is the real one. CPU-seconds of the whole job, its
start included; the hours that did not change must not be written again.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from bench.backlog import TOPICS
from bench.options import Record
from bench.process_tree import Meter
from bench.record import command_line, progress, report, target
from spark_jobs.catalog import FEEDS, ROLLUP, Feed
from spark_jobs.feeds.parsed_messages import dataset_columns
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import CHANGED, Entry, encode_entry
from spark_jobs.publication.folding import fold
from tests.flow.analytics_place import AnalyticsDriver, AnalyticsPlace

TRIGGER = timedelta(seconds=10)
HOUR = timedelta(hours=1)
A_TRIGGERS_ROWS = {"bike_trips": 2, "taxi_trips": 2, "weather_data": 0, "accidents": 0}
"""weather and accidents come once an hour"""
SLEEPER = "pearson_correlations"
MOST_CPU_S = 60


def main(
    weekend_hours: Annotated[int, typer.Option(help="Hours that the whole job is off.")] = 60,
    week_entries: Annotated[int, typer.Option(help="Entries of the rollup that one analytic misses.")] = 60_480,
    record: Record = False,
) -> None:
    """Measure what a weekend off costs the job, and a week off an analytic."""
    command, now = command_line("bench.catch_up"), datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="catch-up-") as name:
        place = AnalyticsPlace(Path(name), settings={"BATCH_INTERVAL": "10 seconds"}, ingested=Path(name) / "feeds")
        begun = now - weekend_hours * HOUR
        progress("ingesting the hour before")
        for feed in FEEDS:
            ingest(place.ingested, feed, begun - HOUR, begun)
        until_settled(place)
        progress(f"ingesting {weekend_hours} hours while the analytics are off")
        for feed in FEEDS:
            ingest(place.ingested, feed, begun, now)
            fold(PublicationLog(Layout(place.ingested), feed.name), timedelta(hours=3), timedelta(days=30), now)
        weekend_s = until_settled(place)
        progress(f"{week_entries} entries of the rollup while {SLEEPER} is off")
        written = files_of(place.layout, SLEEPER)
        missed_entries(place.layout, week_entries, begun, now)
        week_s = until_settled(place)
        again = sum(files_of(place.layout, SLEEPER)[path] != inode for path, inode in written.items())
    weekend = (
        f"all of the analytics off for {weekend_hours} hours of a trigger every 10 s (entries of four feeds folded, "
        "hours compacted), CPU-s until current again, the start of the job included"
    )
    targets = [
        target(weekend, weekend_s, at_most=MOST_CPU_S),
        target(f"{week_entries:,} entries of the rollup missed, CPU-s", week_s, at_most=MOST_CPU_S),
        target(f"of {len(written)} files of {SLEEPER}, written again though nothing in them changed", again, at_most=0),
    ]
    report("catch-up", command, "\n".join(targets), record)
    raise typer.Exit(int(weekend_s > MOST_CPU_S or week_s > MOST_CPU_S or again > 0))


def until_settled(place: AnalyticsPlace) -> float:
    """Run the real job until nothing is left to do; its CPU-seconds."""
    driver = AnalyticsDriver(place)
    meter = Meter(driver.process.pid)
    began = time.time()
    try:
        driver.wait_until_settled(timeout_s=1200)
        ended = time.time()
        restarts = {stream["name"]: stream["restarts"] for stream in driver.status()["streams"]}
        assert not any(restarts.values()), restarts
        time.sleep(1)
        return meter.cpu_s(began, ended)
    finally:
        meter.close()
        driver.stop(120)
        driver.end()


def ingest(root: Path, feed: Feed, start: datetime, end: datetime) -> None:
    """Write what ingestion and an hourly compaction leave of these hours: entries, and one file for a closed hour."""
    log = PublicationLog(Layout(root), feed.name)
    head = log.head()
    if head is None:
        position = {TOPICS[feed.name]: {"topic_id": "t", "next_offset": {"0": 0}}}
        head = log.begin(Entry("origin", position, rows={"total": 0}), start, end_offsets={"0": 0})
    hour = start.replace(minute=0, second=0)
    while hour < end:
        is_closed = hour + 2 * HOUR <= end
        head = _ingest_hour(log, feed, head, max(hour, start), min(hour + HOUR, end), is_closed)
        hour += HOUR


def _ingest_hour(
    log: PublicationLog, feed: Feed, head: Entry, start: datetime, end: datetime, is_closed: bool
) -> Entry:
    root, folder = log.layout.root, f"{feed.name}/{hour_folder(start)}"
    (root / folder).mkdir(parents=True, exist_ok=True)
    every = TRIGGER if A_TRIGGERS_ROWS[feed.name] else HOUR
    batches, files, at = [], [], start
    while at < end:
        rows = _rows(feed, at, max(1, A_TRIGGERS_ROWS[feed.name]), head.rows["total"])
        target = f"{folder}/{head.seq + 1}-0-catchup.parquet"
        head = _entry(head, "batch", at, ((f"_staging/{target}", target),), added=rows.num_rows)
        _write(log, head)
        batches.append(rows)
        files.append(target)
        if not is_closed:
            pq.write_table(rows, root / target)
        at += every
    if is_closed:
        target = f"{folder}/{head.seq + 1}-0-catchup.parquet"
        pq.write_table(pa.concat_tables(batches), root / target)
        moves = ((f"_staging/{target}", target),)
        head = replace(_entry(head, "compaction", end, moves), deletes=tuple(files))
        _write(log, head)
    return head


def _entry(head: Entry, kind: str, at: datetime, moves: tuple[tuple[str, str], ...], added: int = 0) -> Entry:
    ((topic, state),) = head.position.items()
    total = head.rows["total"] + added
    position = {topic: {**state, "next_offset": {"0": total}}}
    rows = {"written": added, "refused": 0, "total": total}
    return Entry(kind, position, moves, rows=rows, seq=head.seq + 1, at=at.isoformat())


def _write(log: PublicationLog, entry: Entry) -> None:
    log.path(entry.seq).write_bytes(encode_entry(entry))


def _rows(feed: Feed, at: datetime, count: int, first_offset: int) -> pa.Table:
    """Rows of one moment, with the columns that the tiles are made of."""
    known = {
        feed.event_time: at,
        "user_type": "Subscriber",
        "duration_seconds": 600,
        "cab_type": "Lyft",
        "price": 10.0,
        "surge_multiplier": 1.0,
        "report_type": "FM-15",
        "station": "72509",
        "temperature_celsius": 5.0 + at.hour / 4,
        "wind_speed_ms": 3.0,
        "visibility_m": 16000.0,
        "precipitation_mm_per_h": 0.0,
        "mode_type": "mv",
        "kafka_partition": 0,
        "kafka_timestamp": at,
    }
    rows = [{**known, "kafka_offset": first_offset + number} for number in range(count)]
    return pa.Table.from_pylist(rows, schema=pa.schema(list(dataset_columns(feed).items())))


def missed_entries(layout: Layout, count: int, start: datetime, now: datetime) -> None:
    """Entries of the rollup that touch tiles which are there, spread over the time up to now, and folded."""
    log = PublicationLog(layout, ROLLUP)
    head = log.head()
    assert head is not None
    began = now - count * TRIGGER
    for seq in range(1, head.seq + 1):  # they were written just now, and entries are in the order of their times
        _write(log, replace(log.entry(seq), at=began.isoformat()))
    for number, at in enumerate(_moments(began, count)):
        tile = (start + (at - began) * ((now - start) / (now - began))).replace(second=0, microsecond=0)
        starts = [tile.replace(minute=tile.minute // 5 * 5).isoformat()]
        changed = {"bike_trips": starts, "taxi_trips": starts}
        entry = Entry("batch", head.position, rows={"written": 4}, details={CHANGED: changed}, at=at.isoformat())
        _write(log, replace(entry, seq=head.seq + 1 + number))
    document = json.loads(log.applied_path.read_text())
    log.applied_path.write_text(json.dumps({**document, "up_to": head.seq + count}))
    fold(PublicationLog(layout, ROLLUP), timedelta(hours=3), timedelta(days=30), now)


def _moments(start: datetime, count: int) -> Iterator[datetime]:
    for number in range(count):
        yield start + number * TRIGGER


def files_of(layout: Layout, dataset: str) -> dict[Path, int]:
    """Output file -> inode: a file that is replaced has another."""
    return {path: path.stat().st_ino for path in layout.dataset(dataset).glob("**/*.parquet")}


if __name__ == "__main__":
    typer.run(main)
