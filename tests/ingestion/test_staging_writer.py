"""Staging: complete files by event hour in UTC, refused messages as they came."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from spark_jobs.catalog import feed_named
from spark_jobs.feeds.parsed_messages import Parser, dataset_columns
from spark_jobs.ingestion.staging_writer import StagedFile, TaskReport, staging_task
from tests.feeds.kafka_messages import kafka_messages, naming

REFUSED_AT = datetime(2026, 3, 4, 5, tzinfo=UTC)
BIKES = feed_named("bike_trips")


def trip(start: str) -> bytes:
    return json.dumps({"starttime": start, "bikeid": 1}).encode()


def staged(folder: Path, values: list[bytes | None]) -> list[StagedFile]:
    task = staging_task(folder, Parser(BIKES, "America/New_York", REFUSED_AT))
    (report,) = task(naming(kafka_messages(values), {}).to_batches(max_chunksize=2))
    return list(TaskReport.decoded(report["report"][0].as_py()).files)


def test_each_hour_is_a_file_and_the_first_instant_of_an_hour_belongs_to_it(tmp_path: Path) -> None:
    files = staged(
        tmp_path, [trip("2018-01-15 05:00:00"), trip("2018-01-15 04:59:59.999999"), trip("2018-01-15 05:30")]
    )
    assert [(file.folder, file.rows, file.refused) for file in files] == [
        ("year=2018/month=1/date=2018-01-15/hour=9", 1, False),
        ("year=2018/month=1/date=2018-01-15/hour=10", 2, False),
    ]
    nine = pq.ParquetFile(tmp_path / files[0].name).read()
    assert nine.column_names == list(dataset_columns(BIKES))
    assert nine["kafka_offset"].to_pylist() == [1]


def test_refused_messages_keep_their_bytes_and_reason(tmp_path: Path) -> None:
    files = staged(tmp_path, [b"\xff{", None])
    assert [(file.folder, file.rows, file.refused) for file in files] == [("date=2026-03-04", 2, True)]
    letters = pq.ParquetFile(tmp_path / files[0].name).read().to_pylist()
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
