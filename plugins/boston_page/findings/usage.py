"""Rides hour by hour with the hours of rain, as `transport_usage_summary` and `precipitation_impact` have them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.finding import (
    BIKES,
    GREY,
    RAIN,
    TAXIS,
    Figure,
    Finding,
    axis,
    column,
    drawn_times,
    table_of,
    within,
    written_times,
)
from boston_page.findings.reading import Outputs
from boston_page.period import Period
from spark_jobs.completeness import HOUR, hour_of

OUTPUT, WEATHER = "transport_usage_summary", "precipitation_impact"
_COLUMNS = ("window_start", "bike_count", "taxi_count", "total_transport_count")
_HOUR_MS = 3_600_000


def rows(outputs: Outputs, period: Period) -> pa.Table | None:
    usage = outputs.rows(OUTPUT, _COLUMNS, period)
    if usage is None:
        return None
    joined = usage.join(_rain(outputs, period), "window_start", join_type="left outer")
    return joined.select([*_COLUMNS, "wet", "precipitation_mm_per_h"]).sort_by("window_start")


def _rain(outputs: Outputs, period: Period) -> pa.Table:
    """By hour: whether any quarter hour was wet, and the greatest rate."""
    columns = ("window_start", "precipitation_binary", "precipitation_mm_per_h")
    found = outputs.rows(WEATHER, columns, period)
    if found is None:
        types = (pa.timestamp("us", "UTC"), pa.int32(), pa.float64())
        found = pa.table({name: pa.array([], kind) for name, kind in zip(columns, types, strict=True)})
    hour = pc.floor_temporal(found["window_start"], unit="hour")
    by_hour = found.set_column(0, "window_start", hour).group_by("window_start")
    rain = by_hour.aggregate([("precipitation_binary", "max"), ("precipitation_mm_per_h", "max")])
    return rain.select(["window_start", "precipitation_binary_max", "precipitation_mm_per_h_max"]).rename_columns(
        ["window_start", "wet", "precipitation_mm_per_h"]
    )


def query(outputs: Outputs, period: Period) -> str:
    return (
        "WITH rain AS (\n  SELECT date_trunc('hour', window_start) AS window_start, max(precipitation_binary) AS wet,\n"
        "    max(precipitation_mm_per_h) AS precipitation_mm_per_h\n"
        f"  FROM {table_of(outputs, WEATHER)}\n  WHERE {within(period)}\n  GROUP BY ALL\n)\n"
        f"SELECT {', '.join(_COLUMNS)}, wet, precipitation_mm_per_h\n"
        f"FROM {table_of(outputs, OUTPUT)} LEFT JOIN rain USING (window_start)\n"
        f"WHERE {within(period)}\nORDER BY window_start"
    )


def figure(found: pa.Table, zone: ZoneInfo, period: Period) -> Figure:
    whole = _with_gaps(found, period, datetime.now(UTC))
    x, hours = (times(whole["window_start"], zone) for times in (drawn_times, written_times))
    bikes, taxis = (_known(column(whole, name)) for name in ("bike_count", "taxi_count"))
    wet = [value == 1 for value in column(whole, "wet")]
    gaps = [bike is None and taxi is None for bike, taxi in zip(bikes, taxis, strict=True)]
    data = [
        _band("rain", x, wet, {"color": RAIN}, 0.35),
        _band("nothing came", x, gaps, {"color": GREY, "pattern": {"shape": "/"}}, 0.5),
        _line("bikes", x, bikes, hours, BIKES),
        _line("taxis (quotes)", x, taxis, hours, TAXIS),
    ]
    layout = {
        "xaxis": {"type": "date"},
        "yaxis": axis("rides per hour", rangemode="tozero"),
        "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        "bargap": 0,
        "barmode": "overlay",
    }
    return Figure(data, layout, _sentence(found, sum(gaps), sum(wet)))


def _sentence(found: pa.Table, gaps: int, wet: int) -> str:
    bikes, taxis = (pc.sum(found[name]).as_py() for name in ("bike_count", "taxi_count"))
    return (
        f"{found.num_rows} hours with {bikes} rentals and {taxis} quotes; "
        f"{wet} wet hours, {gaps} hours in which nothing came."
    )


def _with_gaps(found: pa.Table, period: Period, now: datetime) -> pa.Table:
    """Every hour of the period that is over, and those that have a row: one that the output does not have is null."""
    kind, first = found["window_start"].type, hour_of(period.start + HOUR - timedelta(microseconds=1))
    last = max(min(period.end - timedelta(microseconds=1), now - HOUR), pc.max(found["window_start"]).as_py())
    hours = [first + number * HOUR for number in range(int((last - first) / HOUR) + 1)]
    whole = pa.table({"window_start": pa.array(hours, kind)})
    return whole.join(found, "window_start", join_type="left outer").sort_by("window_start")


def _known(counts: list[int | None]) -> list[int | None]:
    """An hour without a single ride of a mode is no zero: the feed may have been down."""
    return [count or None for count in counts]


def _line(name: str, x: list[str], y: list[int | None], hours: list[str], colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "text": hours,
        "hoverinfo": "text+y+name",
        "connectgaps": False,
        "line": {"color": colour},
    }


def _band(name: str, x: list[str], is_so: list[bool], marker: dict[str, Any], opacity: float) -> dict[str, Any]:
    shown = [at for at, so in zip(x, is_so, strict=True) if so]
    return {
        "type": "bar",
        "name": name,
        "x": shown,
        "y": [1] * len(shown),
        "width": _HOUR_MS,
        "offset": 0,
        "yaxis": "y2",
        "marker": marker,
        "opacity": opacity,
        "hoverinfo": "skip",
    }


USAGE = Finding(
    "usage",
    "Rides by hour",
    "A gap is an hour without a ride of the mode: nobody can tell from it whether nobody rode or the feed was down. "
    "Taxis are quotes, not trips. An hour is wet where one of its quarter hours has measured rain.",
    (OUTPUT, WEATHER),
    rows,
    query,
    figure,
)
