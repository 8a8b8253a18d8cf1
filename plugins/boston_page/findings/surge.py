"""Lyft's surge beside the weather that the quotes report, as `surge_weather_correlation` has it."""

from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.finding import (
    BIKES,
    GREY,
    TAXIS,
    Figure,
    Finding,
    axis,
    column,
    in_utc,
    number,
    table_of,
    within,
    written_times,
)
from boston_page.findings.kept_days import Part
from boston_page.findings.reading import Outputs
from boston_page.period import Period
from spark_jobs.arrow_values import integers, texts

OUTPUT = "surge_weather_correlation"
CAB = "Lyft"
_QUARTER_MIN = 15
_MEASURED = ("surge_precip_correlation", "surge_precip_ci_low", "surge_precip_ci_high", "surge_precip_n")
_COLUMNS = (
    "window_start",
    "ride_count",
    "avg_surge",
    "surge_ride_pct",
    "avg_temperature_c",
    "avg_precip_mm_per_h",
    "is_raining",
    *_MEASURED,
)


def rows(outputs: Outputs, period: Period) -> pa.Table | None:
    found = outputs.rows(OUTPUT, Part(("cab_type", *_COLUMNS), _of_cab), period)
    return None if found is None else found.sort_by("window_start")


def _of_cab(found: pa.Table) -> pa.Table:
    """Every third window: they begin every 5 minutes and last 15, so each quote is in three."""
    apart = pc.is_in(pc.minute(found["window_start"]), value_set=integers(range(0, 60, _QUARTER_MIN)))
    return found.filter(pc.and_(pc.equal(found["cab_type"], texts([CAB])[0]), apart)).select(list(_COLUMNS))


def query(outputs: Outputs, period: Period) -> str:
    return (
        f"SELECT {', '.join(_COLUMNS)}\nFROM {table_of(outputs, OUTPUT)}\nWHERE {within(period)}\n"
        f"  AND cab_type = '{CAB}' AND minute({in_utc('window_start')}) % {_QUARTER_MIN} = 0\nORDER BY window_start"
    )


def figure(found: pa.Table, zone: ZoneInfo, _period: Period) -> Figure:
    data = [
        _dots(found, zone, "in rain", 1, BIKES),
        _dots(found, zone, "dry", 0, TAXIS),
        _dots(found, zone, "rain not known", None, GREY),
    ]
    layout = {"xaxis": axis("temperature, °C"), "yaxis": axis("mean surge of a quarter hour, factor")}
    return Figure([trace for trace in data if trace["x"]], layout, _sentence(found, zone))


def _dots(found: pa.Table, zone: ZoneInfo, name: str, is_raining: int | None, colour: str) -> dict[str, Any]:
    known = (
        pc.is_null(found["is_raining"])
        if is_raining is None
        else pc.equal(found["is_raining"], integers([is_raining])[0])
    )
    of_kind = found.filter(known)
    counts, times = column(of_kind, "ride_count"), written_times(of_kind["window_start"], zone)
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": name,
        "x": column(of_kind, "avg_temperature_c"),
        "y": column(of_kind, "avg_surge"),
        "text": [f"{at}, n = {n}" for at, n in zip(times, counts, strict=True)],
        "marker": {"color": colour, "opacity": 0.6, "size": [4 + min(12.0, n**0.5) for n in counts]},
    }


def _sentence(found: pa.Table, zone: ZoneInfo) -> str:
    last = found.slice(found.num_rows - 1)
    r, low, high, n = (column(last, name)[0] for name in _MEASURED)
    quotes, at = pc.sum(found["ride_count"]).as_py(), written_times(last["window_start"], zone)[0]
    interval = (
        "no interval" if low is None or high is None else f"95 % interval {number(low)} to {number(high)}, nominal"
    )
    measured = f"r with rain over the 24 hours before {at}: {number(r)} ({interval}, n = {n} quotes)"
    return f"{found.num_rows} quarter hours with {quotes} quotes of {CAB}. {measured}."


SURGE = Finding(
    "surge",
    "Surge and weather",
    "Lyft only: Uber never surges in this feed. These are quotes, not trips: nobody says who rode. The dot's size is "
    "the number of quotes; the weather is that of the quotes.",
    (OUTPUT,),
    rows,
    query,
    figure,
    only=f"windows of {CAB} that begin on a quarter hour",
)
