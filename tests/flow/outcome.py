"""What a reader finds: the Parquet as DuckDB sees it, compared with what was produced."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from spark_jobs.catalog import FEEDS
from spark_jobs.paths import Layout


def _rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def _has_parquet(folder: Path) -> bool:
    return next(folder.glob("**/*.parquet"), None) is not None


def _scan(folder: Path) -> str:
    return f"read_parquet('{folder}/**/*.parquet', hive_partitioning=true)"


def read_messages(output: Path) -> list[tuple[str, int, int]]:
    """(feed, partition, offset) of every row in the feed folders and the dead letters, duplicates included."""
    layout = Layout(output)
    rows: list[tuple[str, int, int]] = []
    for feed in FEEDS:
        for folder in (layout.dataset(feed.name), layout.dead_letters(feed.name)):
            if _has_parquet(folder):
                rows += _rows(f"SELECT '{feed.name}', kafka_partition, kafka_offset FROM {_scan(folder)}")
    return rows


def content_hash(output: Path) -> dict[str, str]:
    """feed -> hash of its sorted rows, all columns; of its dead letters all but the moment of refusal."""
    layout = Layout(output)
    hashes = {}
    for feed in FEEDS:
        for name, folder, columns in (
            (feed.name, layout.dataset(feed.name), "*"),
            (f"{feed.name} refused", layout.dead_letters(feed.name), "* EXCLUDE (refused_at, date)"),
        ):
            if _has_parquet(folder):
                rows = _rows(f"SELECT {columns} FROM {_scan(folder)} ORDER BY kafka_partition, kafka_offset")
                hashes[name] = hashlib.sha256("\n".join(map(repr, rows)).encode()).hexdigest()
    return hashes


def assert_each_message_once(output: Path, ends: Mapping[str, Mapping[str, int]], topics: Mapping[str, str]) -> None:
    """Every produced (feed, partition, offset) is read exactly once. `ends`: topic -> partition -> end offset."""
    read = read_messages(output)
    produced = {
        (feed, int(partition), offset)
        for feed, topic in topics.items()
        for partition, end in ends[topic].items()
        for offset in range(end)
    }
    assert len(read) == len(set(read)), f"{len(read) - len(set(read))} rows are doubled"
    assert set(read) == produced, _difference(set(read), produced)


def _difference(read: set[tuple[str, int, int]], produced: set[tuple[str, int, int]]) -> str:
    return f"lost {_some(produced - read)}, never produced {_some(read - produced)}"


def _some(rows: Iterable[tuple[str, int, int]]) -> str:
    listed = sorted(rows)
    return f"{len(listed)} rows {listed[:3]}"
