"""Staging: complete files by event hour in UTC, refused messages as they came."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.ingestion.staging_writer import staging_task

REFUSED_AT = datetime(2026, 3, 4, 5, tzinfo=UTC)
NINE, TEN = datetime(2018, 1, 15, 9, 59, 59, 999_999, UTC), datetime(2018, 1, 15, 10, tzinfo=UTC)


def rows(*given: tuple[datetime | None, str | None, bytes | None]) -> list[pa.RecordBatch]:
    """(event time, refusal, raw) rows in the form of a parsed frame with one data column."""
    times, refusals, raws = zip(*given, strict=True)
    offsets = range(len(given))
    table = pa.table(
        {
            "start_time_ts": pa.array(times, pa.timestamp("us", tz="UTC")),
            "kafka_timestamp": pa.array([TEN] * len(given), pa.timestamp("us", tz="UTC")),
            "kafka_partition": pa.array([0] * len(given), pa.int32()),
            "kafka_offset": pa.array(offsets, pa.int64()),
            "refusal": pa.array(refusals, pa.string()),
            "topic": pa.array(["bike-trips"] * len(given)),
            "raw": pa.array(raws, pa.binary()),
        }
    )
    batches: list[pa.RecordBatch] = table.to_batches(max_chunksize=2)
    return batches


def staged(folder: Path, batches: list[pa.RecordBatch]) -> list[dict[str, object]]:
    task = staging_task(folder, "start_time_ts", REFUSED_AT)
    return [file for manifest in task(batches) for file in manifest.to_pylist()]


def test_each_hour_is_a_file_and_the_first_instant_of_an_hour_belongs_to_it(tmp_path: Path) -> None:
    files = staged(tmp_path, rows((TEN, None, None), (NINE, None, None), (TEN, None, None)))
    assert [(file["folder"], file["rows"], file["refused"]) for file in files] == [
        ("year=2018/month=1/date=2018-01-15/hour=9", 1, False),
        ("year=2018/month=1/date=2018-01-15/hour=10", 2, False),
    ]
    nine = pq.ParquetFile(tmp_path / str(files[0]["staged"])).read()
    assert nine.column_names == ["start_time_ts", "kafka_timestamp", "kafka_partition", "kafka_offset"]
    assert nine["kafka_offset"].to_pylist() == [1]


def test_refused_messages_keep_their_bytes_and_reason(tmp_path: Path) -> None:
    files = staged(tmp_path, rows((None, "the_message_is_not_json", b"\xff{"), (None, "the_message_is_empty", None)))
    assert [(file["folder"], file["rows"], file["refused"]) for file in files] == [("date=2026-03-04", 2, True)]
    letters = pq.ParquetFile(tmp_path / str(files[0]["staged"])).read().to_pylist()
    assert [(letter["reason"], letter["raw"]) for letter in letters] == [
        ("the_message_is_not_json", b"\xff{"),
        ("the_message_is_empty", None),
    ]
    assert {letter["refused_at"] for letter in letters} == {REFUSED_AT}
    assert list(letters[0]) == [
        "topic",
        "kafka_partition",
        "kafka_offset",
        "kafka_timestamp",
        "reason",
        "raw",
        "refused_at",
    ]


def test_no_rows_make_no_files(tmp_path: Path) -> None:
    assert staged(tmp_path, []) == []
    assert list(tmp_path.iterdir()) == []
