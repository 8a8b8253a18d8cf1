from datetime import timedelta

import pytest

from tests.analytics.tiles import NOON, TilesInMemory, bikes, outputs, report, ride, shown, the_last

NAME = "weather_transport_correlation"
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

FLAGS = ("is_cold", "is_hot", "is_comfortable", "is_windy", "is_poor_weather")
FLAG_CASES = {  # temperature, wind, visibility -> the five flags
    "cold, windy and poor": ((4.9, 10.8, 100.0), (1, 0, 0, 1, 1)),
    "bounds of cold and windy are strict": ((5.0, 10.0, 5_000.0), (0, 0, 0, 0, 0)),
    "both ends of comfortable belong to it": ((15.0, 0.0, 5_000.0), (0, 0, 1, 0, 0)),
    "25 is comfortable and not hot": ((25.0, 0.0, 5_000.0), (0, 0, 1, 0, 0)),
    "hot": ((25.1, 0.0, 5_000.0), (0, 1, 0, 0, 0)),
    "a score of 40 (20 + 15 + 5) is not poor": ((4.9, 10.1, 100.0), (1, 0, 0, 1, 0)),
    "unknown stays unknown": ((None, None, 100.0), (None, None, None, None, None)),
}


@pytest.mark.parametrize(("weather", "flags"), FLAG_CASES.values(), ids=FLAG_CASES)
def test_flags(weather: tuple[float | None, float | None, float | None], flags: tuple[int | None, ...]) -> None:
    row = the_last(NAME, TilesInMemory(bike_trips=[bikes(NOON, 1)], weather_data=[report(NOON, *weather)]))
    assert tuple(row[flag] for flag in FLAGS) == flags


def test_preferences_and_impact_follow_the_score() -> None:
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON, 3)],
        taxi_trips=[ride(NOON)],
        weather_data=[report(NOON, 20.0, 1.0, 16_093.0)],  # 40 + 30 + 25 = 95
    )
    columns = ("bike_preference_score", "taxi_preference_score", "weather_transport_impact_score")
    assert shown(the_last(NAME, tiles), *columns) == {
        "bike_preference_score": 3 / 4 * 95,
        "taxi_preference_score": 1 / 4 * 5,
        "weather_transport_impact_score": 90.0,
    }


def test_expected_demand_is_the_mean_of_the_same_hour_of_the_week_before() -> None:
    #   Wed 12:00 a week ago (10), Tue 12:00 (20), Tue 12:15 (30), now (90); Tue 13:00 and Sun 12:00 are other classes.
    before = {NOON - 7 * DAY: 10, NOON - DAY: 20, NOON - DAY + 15 * MINUTE: 30}
    other = {NOON - DAY + 60 * MINUTE: 1000, NOON - 3 * DAY: 1000, NOON - 7 * DAY - 15 * MINUTE: 1000}
    tiles = TilesInMemory(bike_trips=[bikes(at, count) for at, count in (before | other | {NOON: 90}).items()])
    columns = ("baseline_sample_count", "expected_bike_rentals", "bike_demand_deviation", "taxi_demand_deviation")
    assert shown(the_last(NAME, tiles), *columns) == {
        "baseline_sample_count": 3,
        "expected_bike_rentals": 20.0,
        "bike_demand_deviation": 70.0,
        "taxi_demand_deviation": 0.0,
    }


def test_two_windows_are_too_few_for_an_expectation() -> None:
    tiles = TilesInMemory(bike_trips=[bikes(NOON - day * DAY, 10) for day in (0, 1, 2)])
    row = the_last(NAME, tiles)
    assert (row["baseline_sample_count"], row["expected_bike_rentals"], row["bike_demand_deviation"]) == (2, None, None)


def test_elasticity_is_the_slope_at_the_means() -> None:
    # scores 20, 60, 100 (20 C, 1 m/s, 30 km); rentals 10, 20, 60: slope 50/80, mean score 60, mean rentals 30
    windows = [(10, (-5.0, 20.0, 100.0)), (20, (-5.0, 5.0, 16_093.0)), (60, (20.0, 1.0, 30_000.0))]
    starts = [NOON + n * 15 * MINUTE for n in range(3)]
    tiles = TilesInMemory(
        bike_trips=[bikes(at, count) for at, (count, _) in zip(starts, windows, strict=True)],
        weather_data=[report(at + MINUTE, *weather) for at, (_, weather) in zip(starts, windows, strict=True)],
    )
    rows = outputs(NAME, tiles)
    assert [row["avg_weather_score"] for row in rows] == [20.0, 60.0, 100.0]
    assert [row["elasticity_sample_count"] for row in rows] == [1, 2, 3]
    assert [row["bike_weather_elasticity"] for row in rows] == [None, None, pytest.approx(50 / 80 * 60 / 30, rel=1e-9)]
    assert rows[-1]["taxi_weather_elasticity"] is None  # no rides: their mean is 0


def test_a_constant_score_has_no_elasticity() -> None:
    starts = [NOON + n * 15 * MINUTE for n in range(4)]
    tiles = TilesInMemory(
        bike_trips=[bikes(at, 5 + n) for n, at in enumerate(starts)],
        weather_data=[report(NOON, 20.0, 1.0, 16_093.0)],
    )
    row = the_last(NAME, tiles)
    assert (row["elasticity_sample_count"], row["bike_weather_elasticity"]) == (4, None)
