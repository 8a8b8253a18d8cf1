"""Make an output look some days older than it is: its folders, its log and its tiles, not its volume.

Each hour of each dataset gets a folder with a small Parquet file, and its log one entry per hour, all of
them hard links: a job lists and looks up names, and reads only the newest entry. The rollup gets real
tiles for every day, as the analytics look back over four weeks of them.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import decode_entry
from spark_jobs.rollup.day_files import ONE_DAY, day_file

_BEFORE = datetime(2018, 1, 1, tzinfo=UTC)


def age_output(root: Path, days: int) -> None:
    """Give every feed below `root` folders and log entries for every hour of so many days."""
    layout = Layout(root)
    for feed in FEEDS:
        _add_folders(layout.dataset(feed.name), days)
        _add_entries(layout, feed.name, days * 24, {})


def age_analytics(root: Path, days: int) -> None:
    """Give the nine outputs below `root` the same, and the rollup tiles of every day; no analytic has work left."""
    layout = Layout(root)
    for feed in FEEDS:
        _add_days(layout.dataset(ROLLUP), feed.name, days)
    newest = _add_entries(layout, ROLLUP, days * 24, {})
    for analytic in ANALYTICS:
        _add_folders(layout.dataset(analytic.name), days)
        _add_entries(layout, analytic.name, days * 24, {"rollup_seq": newest, "settled_seq": newest})


def _add_folders(dataset: Path, days: int) -> None:
    smallest = min(dataset.rglob("*.parquet"), key=lambda file: file.stat().st_size)
    for hour in range(days * 24):
        folder = dataset / hour_folder(_BEFORE - timedelta(hours=hour + 1))
        if not folder.exists():
            folder.mkdir(parents=True)
            os.link(smallest, folder / smallest.name)


def _add_days(rollup: Path, feed: str, days: int) -> None:
    """Repeat the existing days before the first one; whole weeks of them keep their weekdays."""
    existing = sorted(date.fromisoformat(file.stem) for file in (rollup / feed).glob("*.parquet"))
    for number in range(1, days + 1):
        day = _BEFORE.date() - number * ONE_DAY
        source, target = existing[-number % len(existing)], day_file(rollup, feed, day)
        if not target.exists():
            pq.write_table(shifted(pq.read_table(day_file(rollup, feed, source)), day - source), target)


def shifted(tiles: pa.Table, by: timedelta) -> pa.Table:
    """Return the tiles with every time in them shifted."""
    return pa.table({name: _shifted_column(tiles[name].combine_chunks(), by) for name in tiles.column_names})


def _shifted_column(column: pa.Array, by: timedelta) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return pc.add(column, pa.scalar(by, pa.duration(column.type.unit))).cast(column.type)
    if pa.types.is_struct(column.type):
        parts = [_shifted_column(part, by) for part in column.flatten()]
        return pa.StructArray.from_arrays(parts, fields=list(column.type), mask=column.is_null())
    return column


def _add_entries(layout: Layout, dataset: str, entries: int, position: Mapping[str, Any]) -> int:
    """Add entries with the head's content up to a count; the newest has `position` besides. Return its number."""
    log = PublicationLog(layout, dataset)
    head = log.head()
    assert head is not None
    for seq in range(head.seq + 1, entries):
        os.link(log.path(head.seq), log.path(seq))
    newest = max(entries - 1, head.seq)
    if newest > head.seq:
        _number_newest(log.path(newest), newest, position)
        applied = json.loads(log.applied_path.read_bytes())
        log.applied_path.write_text(json.dumps({**applied, "up_to": newest}))
    return newest


def _number_newest(entry: Path, seq: int, position: Mapping[str, Any]) -> None:
    document = json.loads(entry.read_bytes())
    document["seq"] = seq
    document["position"] |= position
    entry.unlink()
    entry.write_text(json.dumps(document))
    assert decode_entry(entry.read_bytes()).seq == seq
