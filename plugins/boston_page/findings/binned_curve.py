"""Demand by temperature, wind and weather score: mean and spread per bin, as `weather_binned_metrics` has them."""

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.finding import BIKES, TAXIS, Figure, Finding, axis, column, table_of, within, written_times
from boston_page.findings.reading import Outputs
from boston_page.period import Period
from spark_jobs.arrow_values import texts

OUTPUT = "weather_binned_metrics"
THIN = 8
"""windows: a bin with fewer is drawn hollow"""
_BINS = ("temp_bin", "wind_bin", "weather_score_bin")
_FIGURES = (
    "bin_center",
    "sample_count",
    "avg_bike_rentals_in_bin",
    "stddev_bike_rentals",
    "avg_taxi_rides_in_bin",
    "stddev_taxi_rides",
)
_PANELS = (
    ("by_temperature_bin", "temperature, °C"),
    ("by_wind_bin", "wind, m/s"),
    ("by_weather_score_bin", "weather score"),
)
_MODES = (
    ("bikes", BIKES, "avg_bike_rentals_in_bin", "stddev_bike_rentals"),
    ("taxis", TAXIS, "avg_taxi_rides_in_bin", "stddev_taxi_rides"),
)


def rows(outputs: Outputs, period: Period) -> pa.Table | None:
    found = outputs.newest_rows(OUTPUT, ("window_end", "aggregation_type", *_BINS, *_FIGURES), period)
    if found is None:
        return None
    named = found.append_column("bin", pc.coalesce(*(found[name] for name in _BINS)))
    return named.select(["window_end", "aggregation_type", "bin", *_FIGURES]).sort_by(
        [("aggregation_type", "ascending"), ("bin_center", "ascending")]
    )


def query(outputs: Outputs, period: Period) -> str:
    return (
        f"SELECT window_end, aggregation_type, coalesce({', '.join(_BINS)}) AS bin,\n  {', '.join(_FIGURES)}\n"
        f"FROM {table_of(outputs, OUTPUT)}\nWHERE {within(period)}\n"
        "QUALIFY window_start = max(window_start) OVER ()\nORDER BY aggregation_type, bin_center"
    )


def figure(found: pa.Table, zone: ZoneInfo, _period: Period) -> Figure:
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"grid": {"rows": 1, "columns": len(_PANELS), "pattern": "independent"}}
    for number, (kind, title) in enumerate(_PANELS, start=1):
        suffix = "" if number == 1 else str(number)
        of_kind = found.filter(pc.equal(found["aggregation_type"], texts([kind])[0]))
        layout[f"xaxis{suffix}"] = axis(title)
        layout[f"yaxis{suffix}"] = axis("per quarter hour, mean ± 1 SD" if number == 1 else "", rangemode="tozero")
        data += [_trace(of_kind, mode, suffix, shown=number == 1) for mode in _MODES if of_kind.num_rows]
    windows = _windows(found)
    return Figure(
        data, layout, f"{windows} quarter hours of the 7 days before {written_times(found['window_end'], zone)[0]}."
    )


def _trace(found: pa.Table, mode: tuple[str, str, str, str], suffix: str, shown: bool) -> dict[str, Any]:
    name, colour, mean, spread = mode
    counts = column(found, "sample_count")
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "legendgroup": name,
        "showlegend": shown,
        "x": column(found, "bin_center"),
        "y": column(found, mean),
        "error_y": {"type": "data", "array": [value or 0 for value in column(found, spread)], "thickness": 1},
        "text": [f"{label}, n = {n}" for label, n in zip(column(found, "bin"), counts, strict=True)],
        "marker": {"color": colour, "size": 8, "symbol": ["circle-open" if n < THIN else "circle" for n in counts]},
        "line": {"color": colour},
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
    }


def _windows(found: pa.Table) -> int:
    """Each window is in one bin of each kind that is known: the kind with most says how many there are."""
    by_kind = Counter[str]()
    for kind, count in zip(column(found, "aggregation_type"), column(found, "sample_count"), strict=True):
        by_kind[kind] += count
    return max(by_kind.values())


BINNED_CURVE = Finding(
    "binned_curve",
    "Demand by weather",
    "The bars are one standard deviation of the quarter hours in a bin: how much they differ, not how sure the mean "
    f"is. Hollow: fewer than {THIN} quarter hours. Time of day is not held equal.",
    (OUTPUT,),
    rows,
    query,
    figure,
)
