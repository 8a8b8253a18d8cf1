"""The demand model against the naive baseline, from `multi_variable_summary`; docs/spec/analytics.md, section 14.2."""

from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from boston_page.findings.finding import (
    GREY,
    MODEL,
    Figure,
    Finding,
    axis,
    column,
    number,
    table_of,
    within,
    written_times,
)
from boston_page.findings.kept_days import Part
from boston_page.findings.reading import Outputs
from boston_page.period import Period

OUTPUT = "multi_variable_summary"
_PREDICTED, _NAIVE, _ACTUAL = "predicted_bike_demand_index", "naive_bike_demand_index", "actual_bike_demand_index"
_COLUMNS = (
    "window_start",
    _ACTUAL,
    _PREDICTED,
    "demand_prediction_error",
    _NAIVE,
    "naive_prediction_error",
    "model_sample_count",
)


def rows(outputs: Outputs, period: Period) -> pa.Table | None:
    found = outputs.rows(OUTPUT, Part(_COLUMNS, _predicted), period)
    return None if found is None else found.sort_by("window_start")


def _predicted(found: pa.Table) -> pa.Table:
    return found.filter(pc.is_valid(found[_PREDICTED]))


def query(outputs: Outputs, period: Period) -> str:
    return (
        f"SELECT {', '.join(_COLUMNS)}\nFROM {table_of(outputs, OUTPUT)}\nWHERE {within(period)}\n"
        f"  AND {_PREDICTED} IS NOT NULL\nORDER BY window_start"
    )


def figure(found: pa.Table, zone: ZoneInfo, _period: Period) -> Figure:
    naive = found.filter(pc.is_valid(found[_NAIVE]))
    actual = column(found, _ACTUAL)
    ends = [min([*column(found, _PREDICTED), *actual]), max([*column(found, _PREDICTED), *actual])]
    data = [
        _dots(found, _PREDICTED, "model", MODEL, zone),
        {**_dots(naive, _NAIVE, "a week before", GREY, zone), "visible": "legendonly"},
        {
            "type": "scatter",
            "mode": "lines",
            "name": "1 : 1",
            "x": ends,
            "y": ends,
            "line": {"color": GREY, "dash": "dot"},
        },
    ]
    layout = {"xaxis": axis("predicted demand index"), "yaxis": axis("actual, 100 = 100 rentals in 15 min")}
    return Figure(data, layout, _sentence(naive, found.num_rows))


def mean_error(found: pa.Table, error: str) -> float | None:
    """Mean absolute error; None without a row."""
    return pc.mean(pc.abs(found[error])).as_py()  # type: ignore[no-any-return]


def _sentence(both: pa.Table, predicted: int) -> str:
    model, naive = (mean_error(both, name) for name in ("demand_prediction_error", "naive_prediction_error"))
    compared = f"mean absolute error {number(model, 1)}, of the week before {number(naive, 1)}, n = {both.num_rows}"
    return f"{predicted} quarter hours predicted before they began; where both are known: {compared}."


def _dots(found: pa.Table, x: str, name: str, colour: str, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": name,
        "x": column(found, x),
        "y": column(found, _ACTUAL),
        "text": written_times(found["window_start"], zone),
        "marker": {"color": colour, "size": 5, "opacity": 0.5},
    }


PREDICTION = Finding(
    "prediction",
    "Prediction of demand",
    "Each dot is a quarter hour that the model had not seen. The naive baseline, in the legend, says what was a week "
    "before at the same time: a model that does not beat it is of no use. A straight line in weather knows no hour of "
    "the day.",
    (OUTPUT,),
    rows,
    query,
    figure,
    only="quarter hours with a prediction: the model needs eight before them, with rentals, temperature, wind and "
    "weather score that are known and not all the same",
)
