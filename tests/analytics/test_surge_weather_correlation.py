import math
from datetime import timedelta

import pytest

from tests.analytics.tiles import NOON, TilesInMemory, outputs, ride, shown, the_last

NAME = "surge_weather_correlation"
MINUTE = timedelta(minutes=1)


def test_a_ride_is_in_three_windows() -> None:
    rows = outputs(NAME, TilesInMemory(taxi_trips=[ride(NOON + MINUTE)]))
    assert [row["window_start"] for row in rows] == [NOON - 10 * MINUTE, NOON - 5 * MINUTE, NOON]
    assert {row["window_end"] - row["window_start"] for row in rows} == {15 * MINUTE}


def test_cab_types_stand_apart_and_an_unknown_one_stands_nowhere() -> None:
    tiles = TilesInMemory(taxi_trips=[ride(NOON, "Uber"), ride(NOON, "Lyft"), ride(NOON, "Lyft"), ride(NOON, None)])
    rows = [row for row in outputs(NAME, tiles) if row["window_start"] == NOON]
    assert [(row["cab_type"], row["ride_count"]) for row in rows] == [("Lyft", 2), ("Uber", 1)]


def test_prices_and_surges() -> None:
    tiles = TilesInMemory(
        taxi_trips=[ride(NOON, surge=2.0, price=30), ride(NOON, surge=1.0, price=None), ride(NOON, surge=None, price=6)]
    )
    columns = (
        "ride_count",
        "avg_surge",
        "max_surge",
        "surge_ride_count",
        "surge_ride_pct",
        "is_surge",
        "high_surge_indicator",
        "avg_price",
        "total_revenue",
        "revenue_per_ride",
    )
    assert tuple(shown(the_last(NAME, tiles), *columns).values()) == (3, 1.5, 2.0, 1, 50.0, 1, False, 18.0, 36.0, 12.0)


def test_without_a_known_surge_or_price_they_are_null() -> None:
    row = the_last(NAME, TilesInMemory(taxi_trips=[ride(NOON, surge=None, price=None)]))
    nothing_known = ("avg_surge", "max_surge", "surge_ride_pct", "is_surge", "high_surge_indicator", "surge_reason")
    assert [row[name] for name in nothing_known] == [None] * 6
    assert (row["avg_price"], row["total_revenue"], row["revenue_per_ride"]) == (None, None, None)
    assert (row["surge_ride_count"], row["surge_temp_n"], row["rain_surge_lift"]) == (0, 0, None)


def test_a_mean_meets_its_threshold_whatever_the_order_of_summing() -> None:
    assert sum([0.8, 0.8, 0.8]) / 3 > 0.8  # in doubles
    tiles = TilesInMemory(taxi_trips=[ride(NOON, humidity=0.8) for _ in range(3)])
    assert the_last(NAME, tiles)["is_humid"] == 0


REASON_CASES = {  # surge, temperature, rain, humidity -> score, reason
    "no surge": ((1.0, 20.0, 0.0, 0.5), 0, "no_surge"),
    "cold, wet and humid": ((1.5, -1.0, 0.1, 0.9), 60, "weather_driven"),
    "40 is not above 40": ((1.5, 20.0, 0.1, 0.9), 40, "partially_weather"),
    "20 is not above 20": ((1.5, -1.0, 0.0, 0.5), 20, "demand_driven"),
    "hot and humid": ((1.5, 31.0, 0.0, 0.9), 25, "partially_weather"),
    "an unknown term counts nothing": ((1.5, None, 0.1, None), 30, "partially_weather"),
    "all unknown": ((1.5, None, None, None), None, "demand_driven"),
    "30 and 0 degrees are neither hot nor cold": ((1.5, 30.0, 0.0, 0.0), 0, "demand_driven"),
}


@pytest.mark.parametrize(("reported", "score", "reason"), REASON_CASES.values(), ids=REASON_CASES)
def test_reason(
    reported: tuple[float, float | None, float | None, float | None], score: int | None, reason: str
) -> None:
    surge, temperature_c, rain, humidity = reported
    tiles = TilesInMemory(
        taxi_trips=[ride(NOON, surge=surge, temperature_c=temperature_c, rain_mm_per_h=rain, humidity=humidity)]
    )
    row = the_last(NAME, tiles)
    assert (row["weather_driven_surge_score"], row["surge_reason"]) == (score, reason)


def test_r_over_the_rides_of_the_last_day() -> None:
    # (T, S) = (0, 1), (10, 1), (20, 2), (30, 2): r = 2 / sqrt(5); Fisher's half width is 1.96 / sqrt(4 - 3)
    pairs = [(0.0, 1.0), (10.0, 1.0), (20.0, 2.0), (30.0, 2.0)]
    before = [ride(NOON - timedelta(hours=5), temperature_c=t, surge=s) for t, s in pairs[:2]]
    now = [ride(NOON, temperature_c=t, surge=s) for t, s in pairs[2:]]
    row = the_last(NAME, TilesInMemory(taxi_trips=before + now))
    r = 2 / math.sqrt(5)
    assert row["surge_temp_correlation"] == pytest.approx(r, rel=1e-9)
    assert row["surge_temp_n"] == 4
    assert row["surge_temp_ci_low"] == pytest.approx(math.tanh(math.atanh(r) - 1.959963984540054), rel=1e-9)
    assert row["surge_temp_ci_high"] == pytest.approx(math.tanh(math.atanh(r) + 1.959963984540054), rel=1e-9)
    assert (row["surge_wind_correlation"], row["surge_wind_n"]) == (None, 0)


def test_the_day_ends_with_the_window() -> None:
    # window 12:00-12:15, its day begins at 12:15 the day before
    tiles = TilesInMemory(
        taxi_trips=[
            ride(NOON - timedelta(days=1) + 10 * MINUTE, temperature_c=1.0),
            ride(NOON - timedelta(days=1) + 15 * MINUTE, temperature_c=1.0),
            ride(NOON, temperature_c=1.0),
        ]
    )
    row = the_last(NAME, tiles)
    assert (row["window_start"], row["surge_temp_n"]) == (NOON, 2)


def test_a_cab_that_never_surges_has_no_r_and_no_lift() -> None:
    rides = [ride(NOON, "Uber", temperature_c=t, rain_mm_per_h=p) for t, p in ((1.1, 0.0), (2.2, 0.3), (3.3, 0.0))]
    row = the_last(NAME, TilesInMemory(taxi_trips=rides))
    columns = ("surge_temp_correlation", "surge_temp_n", "surge_temp_ci_low", "rain_surge_lift")
    assert tuple(row[column] for column in columns) == (None, 3, None, 0.0)


def test_rain_lifts_the_surge_by_the_difference_of_the_means() -> None:
    rides = [ride(NOON, surge=s, rain_mm_per_h=p) for s, p in ((2.0, 1.0), (1.5, 1.0), (1.25, 0.0), (9.0, None))]
    assert the_last(NAME, TilesInMemory(taxi_trips=rides))["rain_surge_lift"] == 0.5
