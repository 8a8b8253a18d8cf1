"""An output that looks as old as wanted, made cheaply: its folders and its log, not its volume.

Each hour of each feed gets a folder with a small Parquet file, and the log one entry and one applied marker per hour,
all hard links to one file each: a job lists and looks up names, it reads only the newest entry.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_jobs.contracts.publication_log import PublicationLog, entry_from_json
from spark_jobs.contracts.streams import FEEDS, Layout, hour_folder

_BEFORE = datetime(2018, 1, 1, tzinfo=UTC)


def age_output(root: Path, days: int) -> None:
    """Give every feed below `root` as many hours of folders and log entries as `days` days have."""
    layout = Layout(root)
    for feed in FEEDS:
        _add_folders(layout.dataset(feed.name), days)
        _add_entries(layout, feed.name, days * 24)


def _add_folders(dataset: Path, days: int) -> None:
    smallest = min(dataset.rglob("*.parquet"), key=lambda file: file.stat().st_size)
    for hour in range(days * 24):
        folder = dataset / hour_folder(_BEFORE - timedelta(hours=hour + 1))
        if not folder.exists():
            folder.mkdir(parents=True)
            os.link(smallest, folder / "0-0.parquet")


def _add_entries(layout: Layout, dataset: str, entries: int) -> None:
    log = PublicationLog(layout, dataset)
    head = log.head()
    assert head is not None
    folder, applied = layout.log(dataset), layout.applied(dataset)
    entry, marker = folder / f"{head.seq:020}.json", applied / f"{head.seq:020}.json"
    for seq in range(head.seq + 1, entries):
        os.link(entry, folder / f"{seq:020}.json")
        os.link(marker, applied / f"{seq:020}.json")
    if entries > head.seq + 1:
        _number_newest(folder / f"{entries - 1:020}.json", entries - 1)


def _number_newest(entry: Path, seq: int) -> None:
    document = json.loads(entry.read_bytes())
    document["seq"] = seq
    entry.unlink()
    entry.write_text(json.dumps(document))
    assert entry_from_json(entry.read_bytes()).seq == seq
