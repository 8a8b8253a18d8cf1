"""Accidents by local hour and mode, summed from `weather_safety_analysis`; docs/spec/analytics.md, section 14.1."""

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.finding import BIKES, GREY, TAXIS, Figure, Finding, axis, column, table_of, within
from boston_page.findings.kept_days import Part
from boston_page.findings.reading import Outputs
from boston_page.period import Period
from spark_jobs.arrow_values import floats, integers, texts

OUTPUT = "weather_safety_analysis"
Z = 1.959963984540054
_BOSTON = "America/New_York"
_MODES = (("bike", "cyclists", BIKES), ("ped", "pedestrians", TAXIS), ("mv", "motor vehicles", GREY))


def rows(outputs: Outputs, period: Period) -> pa.Table | None:
    found = outputs.rows(OUTPUT, Part(("window_start", "mode_type", "accident_count")), period)
    if found is None:
        return None
    hours, accidents = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    local = pc.hour(found["window_start"].cast(pa.timestamp("us", _BOSTON)))
    keys = zip(local.to_pylist(), column(found, "mode_type"), strict=True)
    for key, count in zip(keys, column(found, "accident_count"), strict=True):
        hours[key] += 1
        accidents[key] += count
    groups = sorted(hours)
    bounds = [poisson_interval(accidents[key]) for key in groups]
    return pa.table(
        {
            "hour_of_day": integers(hour for hour, _ in groups),
            "mode_type": texts(mode for _, mode in groups),
            "hours": integers(hours[key] for key in groups),
            "accident_count": integers(accidents[key] for key in groups),
            "count_ci_low": floats(low for low, _ in bounds),
            "count_ci_high": floats(high for _, high in bounds),
        }
    )


def poisson_interval(count: int) -> tuple[float, float]:
    """95 % interval of a Poisson count by Byar's approximation (Breslow and Day 1987, volume II).

    Off the exact interval by less than 0.1 for any count above 0.
    """
    low = 0.0 if count == 0 else count * (1 - 1 / (9 * count) - Z / (3 * count**0.5)) ** 3
    above = count + 1
    return low, above * (1 - 1 / (9 * above) + Z / (3 * above**0.5)) ** 3


def query(outputs: Outputs, period: Period) -> str:
    return (
        f"WITH counted AS (\n  SELECT hour(window_start AT TIME ZONE '{_BOSTON}') AS hour_of_day, mode_type,\n"
        "    count(accident_count) AS hours, sum(accident_count) AS accident_count\n"
        f"  FROM {table_of(outputs, OUTPUT)}\n  WHERE {within(period)}\n  GROUP BY ALL\n)\n"
        "SELECT hour_of_day, mode_type, hours, accident_count,\n"
        f"  CASE WHEN accident_count = 0 THEN 0 ELSE accident_count * "
        f"(1 - 1 / (9 * accident_count) - {Z} / (3 * sqrt(accident_count))) ** 3 END AS count_ci_low,\n"
        f"  (accident_count + 1) * "
        f"(1 - 1 / (9 * (accident_count + 1)) + {Z} / (3 * sqrt(accident_count + 1))) ** 3 AS count_ci_high\n"
        "FROM counted ORDER BY hour_of_day, mode_type"
    )


def figure(found: pa.Table, _zone: ZoneInfo, _period: Period) -> Figure:
    data = [
        _dots(found.filter(pc.equal(found["mode_type"], texts([mode])[0])), name, colour)
        for mode, name, colour in _MODES
    ]
    layout = {
        "xaxis": axis("hour of the day in Boston", dtick=3, range=[-0.5, 23.9]),
        "yaxis": axis("accidents in the period, 95 % interval", rangemode="tozero"),
    }
    accidents, hours = pc.sum(found["accident_count"]).as_py(), pc.sum(found["hours"]).as_py() // len(_MODES)
    return Figure(data, layout, f"{accidents} accidents in {hours} hours.")


def _dots(found: pa.Table, name: str, colour: str) -> dict[str, Any]:
    counts = column(found, "accident_count")
    high, low = column(found, "count_ci_high"), column(found, "count_ci_low")
    shift = 0.2 * [label for _, label, _ in _MODES].index(name)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [hour + shift for hour in column(found, "hour_of_day")],
        "y": counts,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [end - count for end, count in zip(high, counts, strict=True)],
            "arrayminus": [count - end for end, count in zip(low, counts, strict=True)],
            "thickness": 1,
        },
        "text": [f"n = {count} in {hours} hours" for count, hours in zip(counts, column(found, "hours"), strict=True)],
        "marker": {"color": colour, "size": 7},
    }


RISK = Finding(
    "risk",
    "Accidents by hour",
    "Counts with a 95 % Poisson interval. How many were on the road is not known, so a high count is no high risk for "
    "the one who rides. The weights behind the risk index are conventions, not estimates.",
    (OUTPUT,),
    rows,
    query,
    figure,
)
