from datetime import datetime, timedelta

import pytest

from tests.analytics.tiles import NOON, TilesInMemory, bikes, outputs, report, the_last

NAME = "temporal_correlations"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
RUSH = NOON + 5 * HOUR  # Wednesday 17:00


def windows(*cases: tuple[datetime, int, float]) -> TilesInMemory:
    """(start, rentals, temperature) -> tiles"""
    return TilesInMemory(
        bike_trips=[bikes(at, rentals) for at, rentals, _ in cases],
        weather_data=[report(at + MINUTE, temperature) for at, _, temperature in cases],
    )


def test_only_windows_of_the_same_segment_count() -> None:
    tiles = windows(
        (RUSH - 24 * HOUR, 10, 10.0),
        (NOON, 500, -5.0),
        (NOON + 15 * MINUTE, 1, 40.0),
        (RUSH, 20, 20.0),
        (RUSH + 15 * MINUTE, 40, 20.0),
    )
    row = the_last(NAME, tiles)
    # x = 10, 20, 20, y = 10, 20, 40: Sxy = 400/3, Sxx = 200/3, Syy = 1400/3
    assert (row["temporal_segment"], row["bike_temp_n"]) == ("weekday_rush_hour", 3)
    assert row["bike_temp_correlation"] == pytest.approx((400 / 3) / ((200 / 3) * (1400 / 3)) ** 0.5, rel=1e-9)
    assert row["bike_temp_ci_low"] is None  # three samples
    assert row["segment_weather_sensitivity"] == "very_high"
    assert (row["taxi_temp_correlation"], row["taxi_temp_n"]) == (None, 3)


def test_successors_lie_in_the_same_segment() -> None:
    # 16:00 to 16:45 and 20:00 are off peak, 17:00 is rush hour and no successor of 16:45. Three are left, 1 3, 3 2, 2 5
    # (and ten times as many rentals): products of deviations (1 - 4 + 0) / 3, squares 2 and 14 / 3, k = 3 / 28.
    tiles = windows(
        (RUSH - 60 * MINUTE, 10, 1.0),
        (RUSH - 45 * MINUTE, 30, 3.0),
        (RUSH - 30 * MINUTE, 20, 2.0),
        (RUSH - 15 * MINUTE, 50, 5.0),
        (RUSH, 999, 40.0),
        (RUSH + 3 * HOUR, 44, 4.0),
    )
    row = the_last(NAME, tiles)
    assert (row["temporal_segment"], row["bike_temp_n"]) == ("weekday_off_peak", 5)
    assert row["bike_temp_effective_n"] == pytest.approx(5 * 25 / 31, rel=1e-9)
    assert row["bike_temp_eff_ci_low"] < row["bike_temp_ci_low"] < row["bike_temp_correlation"]


def test_a_week_back_is_just_outside() -> None:
    tiles = windows(
        (NOON - timedelta(days=7), 1, 1.0), (NOON - timedelta(days=7) + 15 * MINUTE, 1, 1.0), (NOON, 1, 1.0)
    )
    assert the_last(NAME, tiles)["bike_temp_n"] == 2


INTENSITY_CASES = {49: "very_low", 50: "low", 149: "low", 150: "moderate", 300: "high", 499: "high", 500: "very_high"}


def test_intensity() -> None:
    rows = outputs(NAME, windows(*[(NOON + n * 15 * MINUTE, count, 1.0) for n, count in enumerate(INTENSITY_CASES)]))
    assert [row["usage_intensity_category"] for row in rows] == list(INTENSITY_CASES.values())


def test_no_weather_no_sensitivity() -> None:
    row = the_last(NAME, TilesInMemory(bike_trips=[bikes(NOON, 1)]))
    assert (row["segment_weather_sensitivity"], row["bike_temp_n"]) == ("unknown", 0)
