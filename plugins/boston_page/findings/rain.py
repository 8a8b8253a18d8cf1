"""What rain does to each mode in matched hours of the week, as `precipitation_impact` measures it over 7 days."""

from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.finding import (
    BIKES,
    TAXIS,
    Figure,
    Finding,
    axis,
    column,
    drawn_times,
    in_utc,
    number,
    table_of,
    within,
    written_times,
)
from boston_page.findings.kept_days import Part
from boston_page.findings.reading import Outputs
from boston_page.period import Period
from spark_jobs.arrow_values import integers

OUTPUT = "precipitation_impact"
FEW = 3
"""episodes: with fewer a dot is hollow"""
_COLUMNS = (
    "window_end",
    "precip_bike_impact_score",
    "precip_taxi_boost_score",
    "wet_window_count",
    "dry_window_count",
    "matched_wet_window_count",
    "wet_episode_count",
)
_MODES = (("bikes", "precip_bike_impact_score", BIKES), ("taxis (quotes)", "precip_taxi_boost_score", TAXIS))


def rows(outputs: Outputs, period: Period) -> pa.Table | None:
    found = outputs.rows(OUTPUT, Part(("window_start", *_COLUMNS), _hourly), period)
    return None if found is None else found.sort_by("window_end")


def _hourly(found: pa.Table) -> pa.Table:
    """The last window of each hour: the 7 days that four neighbours tell of are nearly the same."""
    return found.filter(pc.equal(pc.minute(found["window_end"]), integers([0])[0])).select(list(_COLUMNS))


def query(outputs: Outputs, period: Period) -> str:
    return (
        f"SELECT {', '.join(_COLUMNS)}\nFROM {table_of(outputs, OUTPUT)}\nWHERE {within(period)}\n"
        f"  AND minute({in_utc('window_end')}) = 0\nORDER BY window_end"
    )


def figure(found: pa.Table, zone: ZoneInfo, _period: Period) -> Figure:
    data = [_line(found, zone, *mode) for mode in _MODES]
    layout = {
        "xaxis": {"type": "date"},
        "yaxis": axis("rides in rain against dry hours, %", zeroline=True),
    }
    last = found.slice(found.num_rows - 1)
    values = {name: column(last, name)[0] for name in _COLUMNS}
    at = written_times(last["window_end"], zone)[0]
    sentence = (
        f"7 days before {at}: bikes {number(values['precip_bike_impact_score'], 0)} %, "
        f"taxis {number(values['precip_taxi_boost_score'], 0)} %, from n = {number(values['wet_episode_count'], 0)} "
        f"episodes of rain ({values['matched_wet_window_count']} wet quarter hours with a dry match)."
    )
    return Figure(data, layout, sentence)


def _line(found: pa.Table, zone: ZoneInfo, name: str, score: str, colour: str) -> dict[str, Any]:
    episodes, matched = column(found, "wet_episode_count"), column(found, "matched_wet_window_count")
    hollow = [n is None or n < FEW for n in episodes]
    told = zip(written_times(found["window_end"], zone), episodes, matched, strict=True)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": drawn_times(found["window_end"], zone),
        "y": column(found, score),
        "connectgaps": False,
        "text": [f"{at}: {number(n, 0)} episodes, {m} wet quarter hours" for at, n, m in told],
        "line": {"color": colour},
        "marker": {"color": colour, "size": 5, "symbol": ["circle-open" if few else "circle" for few in hollow]},
    }


RAIN_EFFECT = Finding(
    "rain",
    "What rain does",
    "Wet against dry quarter hours of the same hour of the week, over 7 days. Rain comes in episodes, and it is they "
    f"that are independent: hollow dots have fewer than {FEW}, or an unknown number. No interval is published for it. "
    "Where nothing matches, there is no dot.",
    (OUTPUT,),
    rows,
    query,
    figure,
    only="windows that end on the hour",
)
