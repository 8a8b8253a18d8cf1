from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.analytics.tiles import NOON, TilesInMemory, bikes, outputs, report, ride, the_last, tile_table

NAME = "multi_variable_summary"
MINUTE = timedelta(minutes=1)

MODEL = (
    "model_intercept",
    "coef_temperature",
    "coef_wind",
    "coef_weather_score",
    "model_r_squared",
    "model_adjusted_r_squared",
    "model_residual_std_index",
    "predicted_bike_demand_index",
    "demand_prediction_error",
)


def test_inputs_of_the_model() -> None:
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON, 50)],
        taxi_trips=[ride(NOON) for _ in range(5)],
        weather_data=[report(NOON, 20.0, 4.0, 16_093.0)],  # 40 + 25 + 25 = 90
    )
    row = the_last(NAME, tiles)
    expected = {
        "bike_usage_normalized": 0.5,
        "taxi_usage_normalized": 0.1,
        "temperature_normalized": 0.75,
        "wind_normalized": 0.2,
        "weather_score_normalized": 0.9,
        "temperature_squared": 400.0,
        "temp_wind_interaction": 80.0,
        "actual_bike_demand_index": 50.0,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert (row["strong_positive_weather_for_bikes"], row["strong_negative_weather_for_bikes"]) == (True, False)
    assert row["model_sample_count"] == 0
    assert [row[name] for name in MODEL] == [None] * len(MODEL)


STRONG_CASES = {  # t, w, v -> strong positive, strong negative
    "a score of 70 is not above 70": ((25.0, 5.4, 4_000.0), (False, False)),
    "wind of 8 is too much": ((20.0, 8.0, 30_000.0), (False, False)),
    "wind above 12": ((20.0, 12.1, 30_000.0), (False, True)),
    "frost": ((-0.1, 1.0, 30_000.0), (False, True)),
    "unknown wind, but frost": ((-0.1, None, 30_000.0), (False, True)),
    "unknown wind": ((20.0, None, 30_000.0), (None, None)),
}


@pytest.mark.parametrize(("weather", "expected"), STRONG_CASES.values(), ids=STRONG_CASES)
def test_strong_weather(
    weather: tuple[float | None, float | None, float | None], expected: tuple[bool | None, bool | None]
) -> None:
    row = the_last(NAME, TilesInMemory(bike_trips=[bikes(NOON, 1)], weather_data=[report(NOON, *weather)]))
    assert (row["strong_positive_weather_for_bikes"], row["strong_negative_weather_for_bikes"]) == expected


# Eight quarter hours, each factor at two levels in all combinations, so that the columns are not correlated:
# temperature 6 or 9 C (both 25 points), wind 2 or 4 m/s (25 points), visibility 5 or 12 km (15 or 25 points).
CUBE = [(t, w, v) for t in (6.0, 9.0) for w in (2.0, 4.0) for v in (5_000.0, 12_000.0)]


def rentals(t: float, w: float, v: float, noise: int = 0) -> int:
    """40 + 2 per degree - 3 per m/s + 1 per point of the score (65 or 75), and noise."""
    return round(40 + 2 * t - 3 * w + (75 if v > 10_000 else 65)) + noise


def cube(noise: Sequence[int], last: tuple[float, float, float]) -> TilesInMemory:
    weather = [*CUBE, last]
    starts = [NOON + n * 15 * MINUTE for n in range(9)]
    counts = [rentals(*at, extra) for at, extra in zip(weather, [*noise, 0], strict=True)]
    return TilesInMemory(
        bike_trips=[bikes(at, count) for at, count in zip(starts, counts, strict=True)],
        weather_data=[report(at + MINUTE, *reading) for at, reading in zip(starts, weather, strict=True)],
    )


def test_a_perfect_model_comes_back() -> None:
    row = the_last(NAME, cube([0] * 8, (8.0, 3.0, 12_000.0)))
    # per normalized unit: 2 * 40 / 100, -3 * 20 / 100, 1 * 100 / 100; intercept (40 - 2 * 10) / 100
    expected = [0.2, 0.8, -0.6, 1.0, 1.0, 1.0, 0.0, 122.0, 0.0]
    assert row["model_sample_count"] == 8
    assert [row[name] for name in MODEL] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_noise_that_the_factors_do_not_explain() -> None:
    # +-1 by the product of the three signs: uncorrelated with each factor
    signs = [1 if (t > 7) ^ (w > 3) ^ (v > 10_000) else -1 for t, w, v in CUBE]
    row = the_last(NAME, cube(signs, (8.0, 3.0, 12_000.0)))
    # variances in rentals: 2^2 * 1.5^2 + 3^2 * 1 + 1 * 5^2 = 43, noise 1
    r_squared = 43 / 44
    expected = [0.2, 0.8, -0.6, 1.0, r_squared, 1 - (1 - r_squared) * 7 / 4, (8 * 1 / 4) ** 0.5, 122.0, 0.0]
    assert [row[name] for name in MODEL] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_current_window_is_not_in_the_fit() -> None:
    rows = outputs(NAME, cube([0] * 8, (8.0, 3.0, 12_000.0)))
    assert [row["model_sample_count"] for row in rows] == list(range(9))
    assert [row["model_intercept"] is None for row in rows] == [True] * 8 + [False]


NAIVE = ("actual_bike_demand_index", "naive_bike_demand_index", "naive_prediction_error")


def test_the_naive_prediction_is_the_window_168_hours_earlier() -> None:
    week = timedelta(hours=168)
    quarter = 15 * MINUTE
    counts = {NOON - week: 30, NOON - week + quarter: 25, NOON: 50, NOON + quarter: 4, NOON + 2 * quarter: 9}
    rows = outputs(NAME, TilesInMemory(bike_trips=[bikes(at, count) for at, count in counts.items()]))
    assert [tuple(row[name] for name in NAIVE) for row in rows] == [
        (30.0, None, None),
        (25.0, None, None),
        (50.0, 30.0, 20.0),
        (4.0, 25.0, -21.0),
        (9.0, None, None),  # no ride a week earlier is no window, and no zero
    ]


def test_a_week_ago_without_rentals_was_zero_where_a_cab_went() -> None:
    row = the_last(NAME, TilesInMemory(bike_trips=[bikes(NOON, 5)], taxi_trips=[ride(NOON - timedelta(hours=168))]))
    assert [row[name] for name in NAIVE] == [5.0, 0.0, 5.0]


def test_a_window_without_weather_has_a_model_and_no_prediction() -> None:
    tiles = cube([0] * 8, (8.0, 3.0, 12_000.0))
    tiles.add("bike_trips", tile_table("bike_trips", [bikes(NOON + timedelta(hours=8), 10)]))
    row = the_last(NAME, tiles)
    assert (row["model_sample_count"], row["model_r_squared"]) == (9, 1.0)
    assert (row["avg_temperature_c"], row["predicted_bike_demand_index"]) == (None, None)
