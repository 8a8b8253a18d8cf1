"""One chart: which rows it shows, the query that gives the same rows, and how they are drawn.

`rows` and `query` say the same twice, once for pyarrow and once for people with DuckDB; a test compares them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.reading import Outputs
from boston_page.period import Period
from spark_jobs.arrow_values import durations, listed

GREY = "#8a8a8a"
BIKES, TAXIS, RAIN, MODEL = "#2563eb", "#d97706", "#60a5fa", "#2563eb"

_PLACE = "%Y-%m-%dT%H:%M:%S"
_HOUR, _HALF_AN_HOUR = durations(timedelta(minutes=minutes) for minutes in (60, 30))


@dataclass(frozen=True)
class Figure:
    """What plotly draws, and its result in a sentence with its n."""

    data: Sequence[dict[str, Any]]
    layout: dict[str, Any]
    sentence: str


@dataclass(frozen=True)
class Finding:
    """A chart of the page."""

    name: str
    title: str
    caveat: str
    outputs: tuple[str, ...]
    """what it is made from; the first decides up to when there is something to show"""
    rows: Callable[[Outputs, Period], pa.Table | None]
    query: Callable[[Outputs, Period], str]
    figure: Callable[[pa.Table, ZoneInfo, Period], Figure]
    only: str = ""
    """which of the output's rows it shows, where not all"""


def table_of(outputs: Outputs, output: str) -> str:
    """SQL: all hours of an output."""
    folder = str(outputs.layout.dataset(output)).replace("'", "''")
    return f"read_parquet('{folder}/*/*/*/*/*.parquet', hive_partitioning = true)"


def within(period: Period) -> str:
    """SQL: windows that start in the period; the date lets DuckDB skip the folders of other days."""
    days = list(period.days())
    start, end = (f"TIMESTAMPTZ '{instant:%Y-%m-%d %H:%M:%S%z}'" for instant in (period.start, period.end))
    return f"date BETWEEN '{days[0]}' AND '{days[-1]}'\n  AND window_start >= {start} AND window_start < {end}"


def in_utc(instant: str) -> str:
    """SQL: its clock time in UTC. DuckDB takes hours and minutes of an instant by the clock of whoever asks."""
    return f"{instant} AT TIME ZONE 'UTC'"


def written_times(times: pa.ChunkedArray, zone: ZoneInfo) -> list[str]:
    """Return instants as people read them: clock times with the offset, as an hour may come twice."""
    return _local(times, zone, "%Y-%m-%dT%H:%M:%S%z")


def drawn_times(times: pa.ChunkedArray, zone: ZoneInfo) -> list[str]:
    """Return instants as plotly places them: clock times of the zone.

    In autumn an hour of the clock comes twice. The second time stands half an hour further on, not on the first one.
    """
    first, an_hour_ago = (_local(at, zone, _PLACE) for at in (times, pc.subtract(times, _HOUR)))
    later = _local(pc.add(times, _HALF_AN_HOUR), zone, _PLACE)
    both = zip(first, an_hour_ago, later, strict=True)
    return [moved if place == before else place for place, before, moved in both]


def _local(times: pa.ChunkedArray, zone: ZoneInfo, form: str) -> list[str]:
    local = times.cast(pa.timestamp("s", zone.key), safe=False)
    found: list[str] = pc.strftime(local, format=form).to_pylist()
    return found


def column(rows: pa.Table, name: str) -> list[Any]:
    """A column as a list; null is None."""
    return listed(rows[name])


def number(value: float | None, digits: int = 2) -> str:
    """A figure in a sentence."""
    return "unknown" if value is None else f"{value:.{digits}f}"


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its title."""
    return {"title": {"text": title}, **more}
