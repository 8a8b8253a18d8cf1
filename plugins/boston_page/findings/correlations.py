"""Correlation of demand and weather with its effective interval, as `pearson_correlations` has it."""

from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from boston_page.findings.finding import BIKES, GREY, Figure, Finding, axis, table_of, within, written_times
from boston_page.findings.reading import Outputs
from boston_page.period import Period
from spark_jobs.arrow_values import rows_of, texts

OUTPUT = "pearson_correlations"
_PAIRS = tuple(f"{y}_{x}" for y in ("bike", "taxi", "total") for x in ("temp", "wind", "weather_score", "precip"))
_FIGURES = ("correlation", "n", "ci_low", "ci_high", "effective_n", "eff_ci_low", "eff_ci_high")
_WEEK, _DAY = 168, 24


def rows(outputs: Outputs, period: Period) -> pa.Table | None:
    columns = [f"{pair}_{figure}" for pair in _PAIRS for figure in _FIGURES]
    found = outputs.newest_rows(OUTPUT, ("window_end", "lookback_hours", *columns), period)
    if found is None:
        return None
    by_pair = [_of_pair(found, pair) for pair in _PAIRS]
    return pa.concat_tables(by_pair).sort_by([("lookback_hours", "ascending"), ("pair", "ascending")])


def _of_pair(found: pa.Table, pair: str) -> pa.Table:
    names = ["window_end", "lookback_hours", *(f"{pair}_{figure}" for figure in _FIGURES)]
    renamed = found.select(names).rename_columns(["window_end", "lookback_hours", *_FIGURES])
    return renamed.add_column(2, "pair", texts([pair] * renamed.num_rows))


def query(outputs: Outputs, period: Period) -> str:
    newest = (
        f"WITH newest AS (\n  SELECT * FROM {table_of(outputs, OUTPUT)}\n  WHERE {within(period)}\n"
        "  QUALIFY window_start = max(window_start) OVER ()\n)\n"
    )
    selects = [
        f"SELECT window_end, lookback_hours, '{pair}' AS pair, "
        + ", ".join(f"{pair}_{figure} AS {figure}" for figure in _FIGURES)
        + " FROM newest"
        for pair in _PAIRS
    ]
    return newest + "\nUNION ALL ".join(selects) + "\nORDER BY lookback_hours, pair"


def figure(found: pa.Table, zone: ZoneInfo, _period: Period) -> Figure:
    of_week, of_day = ([row for row in rows_of(found) if row["lookback_hours"] == hours] for hours in (_WEEK, _DAY))
    data = [
        _whiskers(of_week, "7 days, effective interval", "eff_ci"),
        {**_whiskers(of_week, "7 days, nominal interval", "ci"), "visible": "legendonly"},
        {**_whiskers(of_day, "24 hours, effective interval", "eff_ci"), "visible": "legendonly"},
    ]
    layout = {
        "xaxis": axis("Pearson r", range=[-1, 1], zeroline=True),
        "yaxis": {"autorange": "reversed", "automargin": True},
    }
    clear = [row["pair"] for row in of_week if _is_clear(row, "eff_ci")]
    until = written_times(found["window_end"], zone)[0]
    counts = [row["n"] for row in of_week if row["n"] is not None]
    sentence = (
        f"7 days before {until}, n = {max(counts, default=0)} quarter hours. "
        f"Different from 0 by the effective interval: {', '.join(clear) or 'none'}."
    )
    return Figure(data, layout, sentence)


def _whiskers(found: list[dict[str, Any]], name: str, interval: str) -> dict[str, Any]:
    known = [row for row in found if row["correlation"] is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [row["correlation"] for row in known],
        "y": [row["pair"] for row in known],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [_distance(row[f"{interval}_high"], row["correlation"]) for row in known],
            "arrayminus": [_distance(row["correlation"], row[f"{interval}_low"]) for row in known],
            "color": GREY,
        },
        "text": [f"n = {row['n']}, effective n = {_n(row['effective_n'])}" for row in known],
        "marker": {"size": 10, "color": [BIKES if _is_clear(row, interval) else GREY for row in known]},
    }


def _n(effective: float | None) -> str:
    return "unknown" if effective is None else f"{effective:.0f}"


def _distance(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else high - low


def _is_clear(row: dict[str, Any], interval: str) -> bool:
    """Whether there is an interval and it leaves out 0."""
    low, high = row[f"{interval}_low"], row[f"{interval}_high"]
    return low is not None and high is not None and (low > 0 or high < 0)


CORRELATIONS = Finding(
    "correlations",
    "Correlation of demand and weather",
    "Whiskers are 95 % intervals by the effective n: neighbouring quarter hours are alike, so there is less in them "
    "than n says. Grey: the interval holds 0, or there is none. The nominal interval is in the legend. Not a cause: "
    "time of day moves both.",
    (OUTPUT,),
    rows,
    query,
    figure,
)
