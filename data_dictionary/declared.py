"""Every output as the code declares it: the columns of its files, in order, and those that stand in its path."""

import importlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.analytics.combined_windows import Durations
from spark_jobs.analytics.declaration import PARTITION_COLUMNS, Declaration
from spark_jobs.catalog import ANALYTICS, FEEDS, Feed, feed_named
from spark_jobs.feeds.parsed_messages import Parser, dataset_columns
from spark_jobs.ingestion import quality_days, redriven_days
from spark_jobs.ingestion.staging_writer import staged_dead_letters
from spark_jobs.rollup.tile_schemas import TILE_SCHEMAS
from spark_jobs.setting_values import in_words
from spark_jobs.settings import SETTING_FIELDS

Columns = Mapping[str, pa.DataType]

DEAD_LETTERS = "dead_letters"
QUALITY = "quality"
REDRIVEN = "redriven"
ROLLUP = "rollup"


@dataclass(frozen=True)
class Output:
    """One kind of file that people open."""

    name: str
    """that of its table of meanings"""
    page: str
    """tables of one page stand below each other"""
    facts: Mapping[str, str]
    """what the code says of the whole output: where it is, what it depends on"""
    columns: Columns
    in_path: Columns
    """values that stand in the folders' names, not in the files"""

    @property
    def all_columns(self) -> Columns:
        return {**self.columns, **self.in_path}


def outputs() -> list[Output]:
    return [
        *map(_feed, FEEDS),
        _dead_letters(),
        _of_days(REDRIVEN, redriven_days.SCHEMA),
        _of_days(QUALITY, quality_days.SCHEMA),
        *map(_tiles, TILE_SCHEMAS),
        *_analytics(),
    ]


def _feed(feed: Feed) -> Output:
    return Output(
        name=feed.name,
        page=feed.name,
        facts={
            "files": f"`OUTPUT_BASE_PATH/{feed.name}/year=/month=/date=/hour=/*.parquet`",
            "topic": f"`{SETTING_FIELDS[feed.topic_setting].default}` (`{feed.topic_setting}`)",
            "event time": f"`{feed.event_time}`",
        },
        columns=dataset_columns(feed),
        in_path=PARTITION_COLUMNS,
    )


def _dead_letters() -> Output:
    return Output(
        name=DEAD_LETTERS,
        page=DEAD_LETTERS,
        facts={"files": "`OUTPUT_BASE_PATH/_dead_letters/<feed>/date=/*.parquet`"},
        columns=_written_columns_of_a_refusal(feed_named("bike_trips")),
        in_path={"date": pa.string()},
    )


def _of_days(name: str, schema: pa.Schema) -> Output:
    """What has one file for each feed and day."""
    return Output(
        name=name,
        page=name,
        facts={"files": f"`OUTPUT_BASE_PATH/_{name}/<feed>/date=/data.parquet`"},
        columns=dict(zip(schema.names, schema.types, strict=True)),
        in_path={"date": pa.string()},
    )


def _written_columns_of_a_refusal(feed: Feed) -> Columns:
    """Those of a file, written as the ingestion job writes it."""
    read_at = datetime(2018, 1, 15, tzinfo=UTC)
    message = pa.table(
        {
            "value": pa.array([b"no JSON"]),
            "topic": ["a topic"],
            "kafka_partition": pa.array([0], pa.int32()),
            "kafka_offset": pa.array([0], pa.int64()),
            "kafka_timestamp": pa.array([read_at], pa.timestamp("us", tz="UTC")),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = Parser(feed, "UTC", read_at).parse(message)
        (file,) = staged_dead_letters(rows, Path(folder), "", read_at)
        schema = pq.read_schema(Path(folder) / file.name)
    return dict(zip(schema.names, schema.types, strict=True))


def _tiles(feed: str) -> Output:
    schema = TILE_SCHEMAS[feed]
    return Output(
        name=f"{feed}_tiles",
        page=ROLLUP,
        facts={"files": f"`ANALYTICS_OUTPUT_PATH/_rollup/{feed}/<yyyy-MM-dd>.parquet`, a UTC day of bucket_start each"},
        columns=dict(zip(schema.names, schema.types, strict=True)),
        in_path={},
    )


def _analytics() -> Iterator[Output]:
    for analytic in ANALYTICS:
        module = importlib.import_module(f"spark_jobs.analytics.{analytic.name}")
        declaration: Declaration = module.DECLARATION
        yield Output(
            name=analytic.name,
            page=analytic.name,
            facts={
                "files": f"`ANALYTICS_OUTPUT_PATH/{analytic.name}/year=/month=/date=/hour=/data.parquet`",
                "switch": f"`{analytic.flag}`",
                "window": _window(declaration),
                "looks back": _length(declaration.lookback) if declaration.lookback else "no further than its window",
                "made from": ", ".join(declaration.reads),
            },
            columns=dict(zip(declaration.schema.names, declaration.schema.types, strict=True)),
            in_path=PARTITION_COLUMNS,
        )


def _window(declaration: Declaration) -> str:
    window, slide = (Durations().length(name) for name in (declaration.window, declaration.slide))
    setting = f"`WINDOW_DURATION_{declaration.window.upper()}`"
    starts = "" if window == slide else f", one starts every {in_words(slide)} (`SLIDE_DURATION`)"
    return f"{in_words(window)} ({setting}){starts}"


def _length(lookback: timedelta) -> str:
    return "24 hours" if lookback == timedelta(days=1) else in_words(lookback)
