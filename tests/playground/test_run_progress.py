"""Rows are counted as a reader sees them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from playground.run.progress import RowCounts


def written(path: Path, rows: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"n": list(range(rows))}), path)


def test_rows_follow_files_that_come_and_go(tmp_path: Path) -> None:
    counts = RowCounts()
    assert counts.rows(tmp_path / "feed") == 0
    written(tmp_path / "feed" / "hour=1" / "1.parquet", 3)
    written(tmp_path / "feed" / "hour=2" / "2.parquet", 4)
    assert counts.rows(tmp_path / "feed") == 7
    (tmp_path / "feed" / "hour=1" / "1.parquet").unlink()
    assert counts.rows(tmp_path / "feed") == 4


def test_a_half_written_file_counts_once_it_is_whole(tmp_path: Path) -> None:
    counts = RowCounts()
    (tmp_path / "1.parquet").write_bytes(b"PAR1")
    assert counts.rows(tmp_path) == 0
    written(tmp_path / "1.parquet", 2)
    assert counts.rows(tmp_path) == 2
