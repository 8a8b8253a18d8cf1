"""The one entrance to the analytics, for live queries, rebuild and tests: output hours in, their tables out."""

import hashlib
import importlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.analytics.combined_windows import WEATHER_HOLDS, WEATHER_MACROS, Durations
from spark_jobs.analytics.declaration import TIMESTAMP, Declaration, checked
from spark_jobs.analytics.statistics import STATISTICS_MACROS
from spark_jobs.completeness import HOUR
from spark_jobs.planned_queries import PlannedQueries
from spark_jobs.rollup.day_files import TileReader, tiles_between
from spark_jobs.rollup.tile_schemas import BUCKET_START
from spark_jobs.settings import TILE

_MACROS = {**WEATHER_MACROS, **STATISTICS_MACROS}
LONGEST_CHUNK = timedelta(days=7)
"""hours computed in one go: as many as the usual lookback, so that a refresh of everything reads each tile twice"""
LARGEST_GAP = timedelta(hours=3)
"""hours nearer to each other than this are computed together: a second query costs more than the hours between"""


def declaration_of(name: str) -> Declaration:
    """The declaration in `spark_jobs/analytics/<name>.py`."""
    declaration: Declaration = importlib.import_module(f"spark_jobs.analytics.{name}").DECLARATION
    return declaration


def definition_of(declaration: Declaration, durations: Durations) -> str:
    """Changes exactly when columns, query or durations do: an output made by another definition is made anew."""
    told = (str(declaration.schema), declaration.query(durations), sorted(_MACROS.items()), repr(durations))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def analytics_queries() -> PlannedQueries:
    """A private in-process database for one analytic: bounded memory, nothing on disk."""
    return PlannedQueries(_MACROS, {"memory_limit": "512MB", "temp_directory": ""})


def refresh(
    queries: PlannedQueries,
    tiles: TileReader,
    declaration: Declaration,
    durations: Durations,
    hours: Sequence[datetime],
) -> Iterator[tuple[datetime, pa.Table]]:
    """Each wanted UTC hour with all its rows, in time order; no rows: a file of that hour must go."""
    query = declaration.query(durations)
    for chunk in chunks(hours):
        start, end = chunk[0], chunk[-1] + HOUR
        needed_from, needed_to = tile_span(declaration, durations, start, end)
        read = {
            f"{feed}_tiles": _without_zone(tiles_between(tiles, feed, needed_from, needed_to))
            for feed in declaration.reads
        }
        computed = queries.result({**read, "span": _span(start, end)}, query)
        yield from _by_hour(checked(_with_zone(computed), declaration), chunk)


def _span(start: datetime, end: datetime) -> pa.Table:
    ends = {"span_start": start, "span_end": end}
    return pa.table({name: pa.array([at.replace(tzinfo=None)], pa.timestamp("us")) for name, at in ends.items()})


def tile_span(
    declaration: Declaration, durations: Durations, start: datetime, end: datetime
) -> tuple[datetime, datetime]:
    """Where the tiles lie that outputs with start <= window_start < end may depend on."""
    longest = max(durations.medium, durations.long)
    return start - declaration.lookback - longest - WEATHER_HOLDS - TILE, end + longest


def chunks(hours: Sequence[datetime]) -> list[list[datetime]]:
    """The hours in runs to compute together, in time order."""
    runs: list[list[datetime]] = []
    for hour in sorted({hour.astimezone(UTC) for hour in hours}):
        if runs and hour - runs[-1][-1] <= LARGEST_GAP and hour - runs[-1][0] < LONGEST_CHUNK:
            runs[-1].append(hour)
        else:
            runs.append([hour])
    return runs


def _without_zone(tiles: pa.Table) -> pa.Table:
    # DuckDB would take arithmetic on times with a zone through the calendar of the session's zone.
    return tiles.set_column(0, BUCKET_START, tiles[BUCKET_START].cast(pa.timestamp("us")))


def _with_zone(computed: pa.Table) -> pa.Table:
    for position, name in enumerate(computed.column_names):
        if name in ("window_start", "window_end"):
            computed = computed.set_column(position, name, computed[name].cast(TIMESTAMP))
    return computed


def _by_hour(computed: pa.Table, hours: list[datetime]) -> Iterator[tuple[datetime, pa.Table]]:
    # Rows are sorted by window_start, so an hour's rows are one slice.
    counts = pc.value_counts(pc.floor_temporal(computed["window_start"], unit="hour"))
    slices: dict[datetime, pa.Table] = {}
    first = 0
    for hour, rows in zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True):
        slices[hour] = computed.slice(first, rows)
        first += rows
    for hour in hours:
        yield hour, slices.get(hour, computed.slice(0, 0))
