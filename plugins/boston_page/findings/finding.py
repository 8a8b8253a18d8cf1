"""One chart: which rows it shows, the query that gives the same rows, and how they are drawn.

`rows` and `query` say the same twice, once for pyarrow and once for people with DuckDB; a test compares them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.reading import Outputs
from boston_page.period import Period

GREY = "#8a8a8a"
BIKES, TAXIS, RAIN, MODEL = "#2563eb", "#d97706", "#60a5fa", "#2563eb"


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
    figure: Callable[[pa.Table, ZoneInfo], Figure]


def table_of(outputs: Outputs, output: str) -> str:
    """SQL: all hours of an output."""
    folder = str(outputs.layout.dataset(output)).replace("'", "''")
    return f"read_parquet('{folder}/*/*/*/*/*.parquet', hive_partitioning = true)"


def within(period: Period) -> str:
    """SQL: windows that start in the period; the date lets DuckDB skip the folders of other days."""
    days = list(period.days())
    start, end = (f"TIMESTAMPTZ '{instant:%Y-%m-%d %H:%M:%S%z}'" for instant in (period.start, period.end))
    return f"date BETWEEN '{days[0]}' AND '{days[-1]}'\n  AND window_start >= {start} AND window_start < {end}"


def local_times(times: pa.ChunkedArray, zone: ZoneInfo) -> list[str]:
    """Instants as plotly draws them: clock times of the zone."""
    local = times.cast(pa.timestamp("s", zone.key), safe=False)
    found: list[str] = pc.strftime(local, format="%Y-%m-%dT%H:%M:%S").to_pylist()
    return found


def column(rows: pa.Table, name: str) -> list[Any]:
    """A column as a list; null is None."""
    found: list[Any] = rows[name].to_pylist()
    return found


def number(value: float | None, digits: int = 2) -> str:
    """A figure in a sentence."""
    return "unknown" if value is None else f"{value:.{digits}f}"


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its title."""
    return {"title": {"text": title}, **more}
