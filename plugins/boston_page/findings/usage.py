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
    in_utc,
    table_of,
    within,
    written_times,
)
from boston_page.findings.kept_days import Part
from boston_page.findings.reading import Outputs
from boston_page.period import Period
from spark_jobs.arrow_values import INSTANT, instants, rows_with
from spark_jobs.completeness import HOUR, hour_of

OUTPUT, WEATHER = "transport_usage_summary", "precipitation_impact"
_COLUMNS = ("window_start", "bike_count", "taxi_count", "total_transport_count")
_RAIN = ("precipitation_binary", "precipitation_mm_per_h")
_OF_RAIN = pa.schema([("window_start", INSTANT), (_RAIN[0], pa.int32()), (_RAIN[1], pa.float64())])
_HOUR_MS = 3_600_000


def rows(outputs: Outputs, period: Period) -> pa.Table | None:
    usage = outputs.rows(OUTPUT, Part(_COLUMNS), period)
    if usage is None:
        return None
    rain = outputs.rows(WEATHER, Part(tuple(_OF_RAIN.names)), period)
    quarters = pa.Table.from_batches([], _OF_RAIN) if rain is None else rain
    hour = pc.floor_temporal(quarters["window_start"], unit="hour")
    wet, rate = (_greatest(quarters.set_column(0, "hour", hour), name, usage["window_start"]) for name in _RAIN)
    return usage.append_column("wet", wet).append_column("precipitation_mm_per_h", rate).sort_by("window_start")


def _greatest(quarters: pa.Table, name: str, hours: pa.ChunkedArray) -> pa.ChunkedArray:
    """The greatest value of each hour; null where none is known."""
    falling = quarters.sort_by([("hour", "ascending"), (name, "descending")])  # null comes last
    return rows_with(hours, falling, "hour")[name]


def query(outputs: Outputs, period: Period) -> str:
    return (
        f"WITH rain AS (\n  SELECT date_trunc('hour', {in_utc('window_start')}) AT TIME ZONE 'UTC' AS window_start,\n"
        "    max(precipitation_binary) AS wet, max(precipitation_mm_per_h) AS precipitation_mm_per_h\n"
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
        _band("no row", x, gaps, {"color": GREY, "pattern": {"shape": "/"}}, 0.5),
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
        f"{found.num_rows} hours with {bikes} rentals and {taxis} quotes; {wet} wet hours, {gaps} hours without a row."
    )


def _with_gaps(found: pa.Table, period: Period, now: datetime) -> pa.Table:
    """Every hour of the period that is over, and those that have a row: one that the output does not have is null."""
    first = hour_of(period.start + HOUR - timedelta(microseconds=1))
    last = max(min(period.end - timedelta(microseconds=1), now - HOUR), max(column(found, "window_start")))
    hours = instants(first + number * HOUR for number in range(int((last - first) / HOUR) + 1))
    return rows_with(hours, found, "window_start").set_column(0, "window_start", hours)


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
