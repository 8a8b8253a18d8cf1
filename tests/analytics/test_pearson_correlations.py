import math
from datetime import datetime, timedelta

import pytest

from tests.analytics.tiles import NOON, TilesInMemory, bikes, outputs, report, ride, shown

NAME = "pearson_correlations"
MINUTE = timedelta(minutes=1)

# rentals and temperature of four quarter hours: r = 2 / sqrt(5), see below
QUARTERS = [(10, 0.0), (10, 10.0), (20, 20.0), (20, 30.0)]
R = 2 / math.sqrt(5)


def quarters(first: datetime) -> TilesInMemory:
    starts = [first + n * 15 * MINUTE for n in range(len(QUARTERS))]
    return TilesInMemory(
        bike_trips=[bikes(at, rentals) for at, (rentals, _) in zip(starts, QUARTERS, strict=True)],
        taxi_trips=[ride(starts[0])],
        weather_data=[report(at + MINUTE, t) for at, (_, t) in zip(starts, QUARTERS, strict=True)],
    )


def test_two_rows_per_window() -> None:
    rows = outputs(NAME, quarters(NOON))
    assert [row["lookback_hours"] for row in rows] == [24, 168] * 4
    assert [row["bike_temp_n"] for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_r_interval_and_strength() -> None:
    # x = 0, 10, 20, 30 (mean 15), y = 10, 10, 20, 20 (mean 15): Sxy 200, Sxx 500, Syy 100
    row = outputs(NAME, quarters(NOON))[-1]
    assert row["bike_temp_correlation"] == pytest.approx(200 / math.sqrt(500 * 100), rel=1e-9)
    assert row["bike_temp_ci_low"] == pytest.approx(math.tanh(math.atanh(R) - 1.959963984540054), rel=1e-9)
    assert row["bike_temp_ci_high"] == pytest.approx(math.tanh(math.atanh(R) + 1.959963984540054), rel=1e-9)
    assert row["bike_temp_correlation_strength"] == "strong_positive"


def test_totals_and_taxis_have_their_own_r() -> None:
    row = outputs(NAME, quarters(NOON))[-1]
    # taxis 1, 0, 0, 0: Sxy = -15, Syy = 3/4
    assert row["taxi_temp_correlation"] == pytest.approx(-15 / math.sqrt(500 * 0.75), rel=1e-9)
    # total 11, 10, 20, 20: mean 15.25, Sxy = 185, Syy = 90.75
    assert row["total_temp_correlation"] == pytest.approx(185 / math.sqrt(500 * 90.75), rel=1e-9)


def test_an_unknown_element_has_no_samples_and_no_r() -> None:
    row = outputs(NAME, quarters(NOON))[-1]
    columns = ("bike_wind_correlation", "bike_wind_n", "bike_wind_ci_low", "bike_wind_correlation_strength")
    assert tuple(shown(row, *columns).values()) == (None, 0, None, "unknown")
    assert (row["bike_wind_product"], row["taxi_wind_product"]) == (None, None)


def test_products_are_of_this_window() -> None:
    row = outputs(NAME, quarters(NOON))[-1]
    assert (row["bike_temp_product"], row["taxi_temp_product"]) == (600.0, 0.0)


def test_a_day_back_is_just_outside_the_day_and_inside_the_week() -> None:
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON - timedelta(hours=24), 1), bikes(NOON, 1)],
        weather_data=[report(NOON - timedelta(hours=24), 1.0), report(NOON, 2.0)],
    )
    day, week = outputs(NAME, tiles)[-2:]
    assert (day["bike_temp_n"], week["bike_temp_n"]) == (1, 2)
