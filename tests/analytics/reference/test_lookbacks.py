"""Baselines, correlations, bins, rain classes and the model: what counts as the past, and the numbers it gives."""

from math import atanh, sqrt, tanh
from statistics import correlation

import pytest

from tests.analytics.reference.handmade import HandmadeFeeds, utc

PEARSON = "pearson_correlations"


def just_after(start: str) -> str:
    """A report stamped on the start itself would count for the window before, too."""
    return f"{start}:01"


def quarter_hours(feeds: HandmadeFeeds, bikes_and_temperatures: list[tuple[int, float]]) -> None:
    """Windows from Monday 2018-12-03 12:00 UTC on, each with so many rentals at such a temperature."""
    for position, (bikes, temperature) in enumerate(bikes_and_temperatures):
        start = f"2018-12-03 {12 + position // 4}:{position % 4 * 15:02}"
        feeds.bike(start, count=bikes)
        feeds.weather(just_after(start), t=temperature)


def test_the_baseline_is_the_same_hour_and_kind_of_day_of_the_seven_days_before(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 11:45", count=90)  # hour 6 in Boston
    feeds.bike("2018-12-03 12:00", count=2)  # exactly seven days before: counts
    feeds.bike("2018-12-04 12:15", count=4)
    feeds.bike("2018-12-08 12:00", count=90)  # a Saturday
    feeds.taxi("2018-12-05 12:45", count=3)  # a window without bikes is 0 bikes
    feeds.bike("2018-12-10 12:00", count=10)
    feeds.bike("2018-12-10 12:15", count=10)

    row = feeds.window("weather_transport_correlation", "2018-12-10 12:00")
    next_row = feeds.window("weather_transport_correlation", "2018-12-10 12:15")

    assert row["baseline_sample_count"] == 3
    assert (row["expected_bike_rentals"], row["expected_taxi_rides"]) == (2.0, 1.0)  # (2 + 4 + 0) / 3, (0 + 0 + 3) / 3
    assert (row["bike_demand_deviation"], row["taxi_demand_deviation"]) == (8.0, -1.0)
    assert next_row["baseline_sample_count"] == 3  # without 12-03 12:00, with 12-10 12:00


def test_two_earlier_windows_are_no_baseline(feeds: HandmadeFeeds) -> None:
    for day in ("03", "04", "05"):
        feeds.bike(f"2018-12-{day} 12:00")

    first, _, third = feeds.output("weather_transport_correlation")

    assert (first["baseline_sample_count"], third["baseline_sample_count"]) == (0, 2)
    assert third["expected_bike_rentals"] is None
    assert third["bike_demand_deviation"] is None


def test_elasticity_by_hand(feeds: HandmadeFeeds) -> None:
    # Scores 30 + visibility 5 + temperature points 10, 25, 40 = 45, 60, 75: bikes rise by 1 each.
    for hour, temperature, bikes in ((6, -1.0, 1), (7, 7.0, 2), (8, 20.0, 3)):
        feeds.weather(just_after(f"2018-12-03 {hour:02}:00"), t=temperature, w=0.0, v=50.0)
        feeds.bike(f"2018-12-03 {hour:02}:00", count=bikes)
        feeds.taxi(f"2018-12-03 {hour:02}:00", count=2)
    feeds.bike("2018-12-03 20:00", count=50)  # its score is unknown

    _, second, third, last = feeds.output("weather_transport_correlation")

    assert second["elasticity_sample_count"] == 2
    assert second["bike_weather_elasticity"] is None
    for row in (third, last):
        assert row["elasticity_sample_count"] == 3
        assert row["bike_weather_elasticity"] == pytest.approx(2.0)  # 1/15 * 60 / 2
        assert row["taxi_weather_elasticity"] == pytest.approx(0.0)


def test_elasticity_without_spread_or_with_no_demand_is_null(feeds: HandmadeFeeds) -> None:
    for minute, temperature in ((0, 20.0), (15, 20.0), (30, 20.0), (45, -3.0)):
        feeds.weather(just_after(f"2018-12-03 12:{minute:02}"), t=temperature, w=0.0, v=50.0)
        feeds.bike(f"2018-12-03 12:{minute:02}", count=minute + 1)

    _, _, constant, varied = feeds.output("weather_transport_correlation")

    assert (constant["elasticity_sample_count"], constant["bike_weather_elasticity"]) == (3, None)
    assert varied["bike_weather_elasticity"] is not None
    assert varied["taxi_weather_elasticity"] is None  # mean 0


def test_r_and_its_interval_by_hand(feeds: HandmadeFeeds) -> None:
    quarter_hours(feeds, [(1, 1.0), (3, 2.0), (2, 3.0), (4, 4.0)])

    row = feeds.window(PEARSON, "2018-12-03 12:45", lookback_hours=24)

    # Deviations -1.5 .5 -.5 1.5 and -1.5 -.5 .5 1.5: sum of products 4, sums of squares 5 and 5.
    assert row["bike_temp_correlation"] == pytest.approx(0.8)
    assert row["bike_temp_n"] == 4
    assert row["bike_temp_ci_low"] == pytest.approx(tanh(atanh(0.8) - 1.959963984540054 / sqrt(1)))
    assert row["bike_temp_ci_high"] == pytest.approx(tanh(atanh(0.8) + 1.959963984540054 / sqrt(1)))
    assert row["bike_temp_correlation_strength"] == "strong_positive"
    assert row["total_temp_correlation"] == pytest.approx(0.8)
    assert (row["taxi_temp_correlation"], row["taxi_temp_n"]) == (None, 4)  # no spread
    assert row["taxi_temp_correlation_strength"] == "unknown"
    assert (row["bike_wind_correlation"], row["bike_wind_n"]) == (None, 0)
    assert (row["bike_temp_product"], row["taxi_temp_product"], row["bike_wind_product"]) == (16.0, 0.0, None)


def test_perfect_r_has_no_interval_and_two_samples_no_r(feeds: HandmadeFeeds) -> None:
    quarter_hours(feeds, [(5, 0.1), (4, 0.2), (3, 0.3), (2, 0.4)])

    two = feeds.window(PEARSON, "2018-12-03 12:15", lookback_hours=168)
    three = feeds.window(PEARSON, "2018-12-03 12:30", lookback_hours=168)
    four = feeds.window(PEARSON, "2018-12-03 12:45", lookback_hours=168)

    assert (two["bike_temp_n"], two["bike_temp_correlation"]) == (2, None)
    assert three["bike_temp_correlation"] == pytest.approx(-1.0)
    assert four["bike_temp_correlation"] == pytest.approx(-1.0)
    assert four["bike_temp_correlation"] >= -1.0
    for row in (three, four):
        assert (row["bike_temp_ci_low"], row["bike_temp_ci_high"]) == (None, None)
        assert row["bike_temp_correlation_strength"] == "strong_negative"


def test_three_samples_have_r_but_no_interval(feeds: HandmadeFeeds) -> None:
    quarter_hours(feeds, [(1, 1.0), (3, 2.0), (2, 3.0)])

    row = feeds.window(PEARSON, "2018-12-03 12:30", lookback_hours=24)

    assert row["bike_temp_correlation"] == pytest.approx(0.5)
    assert (row["bike_temp_ci_low"], row["bike_temp_ci_high"]) == (None, None)
    assert row["bike_temp_correlation_strength"] == "strong_positive"  # round(r, 9) is not below 0.5


def test_the_window_one_lookback_before_is_out_and_the_current_one_in(feeds: HandmadeFeeds) -> None:
    for start in ("2018-12-03 12:00", "2018-12-03 12:15", "2018-12-09 12:00", "2018-12-09 12:15", "2018-12-10 12:00"):
        feeds.weather(just_after(start), t=1.0)
        feeds.bike(start)

    day = feeds.window(PEARSON, "2018-12-10 12:00", lookback_hours=24)
    week = feeds.window(PEARSON, "2018-12-10 12:00", lookback_hours=168)

    assert day["bike_temp_n"] == 2  # 12-09 12:15 and itself
    assert week["bike_temp_n"] == 4  # all but 12-03 12:00


def test_effective_n_of_neighbours_alike(feeds: HandmadeFeeds) -> None:
    temperatures = (1.0, 3.0, 2.0, 5.0, 4.0, 7.0, 6.0)
    bikes = (3, 4, 2, 6, 5, 7, 8)
    quarter_hours(feeds, list(zip(bikes, temperatures, strict=True)))
    a_x = correlation(temperatures[:-1], temperatures[1:])
    a_y = correlation(bikes[:-1], bikes[1:])
    r = correlation(temperatures, bikes)
    assert a_x * a_y > 0
    effective = 7 * (1 - a_x * a_y) / (1 + a_x * a_y)

    row = feeds.window(PEARSON, "2018-12-03 13:30", lookback_hours=24)

    assert row["bike_temp_effective_n"] == pytest.approx(effective)
    assert row["bike_temp_eff_ci_low"] == pytest.approx(tanh(atanh(r) - 1.959963984540054 / sqrt(effective - 3)))
    assert row["bike_temp_eff_ci_high"] == pytest.approx(tanh(atanh(r) + 1.959963984540054 / sqrt(effective - 3)))
    assert (row["taxi_temp_effective_n"], row["bike_wind_effective_n"]) == (None, None)
    third = feeds.window(PEARSON, "2018-12-03 12:30", lookback_hours=24)
    assert third["bike_temp_correlation"] is not None
    assert third["bike_temp_effective_n"] is None  # two pairs


def test_opposite_neighbours_leave_n_and_a_hole_parts_them(feeds: HandmadeFeeds) -> None:
    quarter_hours(feeds, [(2, 1.0), (1, 2.0), (2, 3.0), (1, 4.0), (3, 5.0)])
    feeds.weather("2018-12-04 12:30", t=9.0)
    for start in ("2018-12-04 12:30", "2018-12-04 13:00"):
        feeds.bike(start, count=2)

    row = feeds.window(PEARSON, "2018-12-03 13:00", lookback_hours=168)
    assert row["bike_temp_effective_n"] == 5.0  # a_x = 1, a_y < 0
    assert (row["bike_temp_eff_ci_low"], row["bike_temp_eff_ci_high"]) == (
        row["bike_temp_ci_low"],
        row["bike_temp_ci_high"],
    )
    # A day later the first pair of those left begins at 12:15 or later, and 12:30 and 13:00 are no neighbours.
    counts = {
        start: feeds.window(PEARSON, f"2018-12-04 {start}", lookback_hours=24)["bike_temp_n"]
        for start in ("12:30", "13:00")
    }
    assert counts == {"12:30": 3, "13:00": 2}
    late = feeds.window(PEARSON, "2018-12-04 12:30", lookback_hours=24)
    assert (late["bike_temp_correlation"] is not None, late["bike_temp_effective_n"]) == (True, None)


def test_temporal_correlations_look_at_their_own_segment(feeds: HandmadeFeeds) -> None:
    quarter_hours(feeds, [(1, 1.0), (3, 2.0), (2, 3.0), (4, 4.0)])  # 07:00-07:59 in Boston: rush hour
    feeds.weather("2018-12-03 15:00", t=9.0)
    feeds.bike("2018-12-03 15:00", count=149)  # off peak
    feeds.weather("2018-12-03 22:00", t=5.0)
    feeds.bike("2018-12-03 22:00", count=150)  # 17:00: rush hour again

    rows = {row["window_start"]: row for row in feeds.output("temporal_correlations")}

    assert rows[utc("2018-12-03 12:45")]["bike_temp_correlation"] == pytest.approx(0.8)
    assert rows[utc("2018-12-03 12:45")]["segment_weather_sensitivity"] == "very_high"
    assert rows[utc("2018-12-03 12:30")]["segment_weather_sensitivity"] == "high"  # 0.5 is not below 0.5
    assert rows[utc("2018-12-03 15:00")]["bike_temp_n"] == 1
    assert rows[utc("2018-12-03 15:00")]["segment_weather_sensitivity"] == "unknown"
    assert rows[utc("2018-12-03 22:00")]["bike_temp_n"] == 5
    assert rows[utc("2018-12-03 15:00")]["usage_intensity_category"] == "low"
    assert rows[utc("2018-12-03 22:00")]["usage_intensity_category"] == "moderate"


def test_bins_by_hand(feeds: HandmadeFeeds) -> None:
    feeds.weather("2018-12-03 12:00", t=5.0, w=3.0, v=5000.0)  # 25 + 25 + 15 = 65
    feeds.bike("2018-12-03 12:00", count=2)
    feeds.bike("2018-12-03 12:45", count=5)
    feeds.taxi("2018-12-03 12:45", count=1)
    feeds.weather("2018-12-03 12:50", t=12.0)
    feeds.taxi("2018-12-03 18:00")  # no weather: no sample, but an hour of its own

    rows = {
        (row["window_start"].hour, row["aggregation_type"], row["bin_center"]): row
        for row in feeds.output("weather_binned_metrics")
    }
    assert {key for key in rows if key[0] == 12} == {
        (12, "by_temperature_bin", 7.5),
        (12, "by_temperature_bin", 12.5),
        (12, "by_wind_bin", 4.5),
        (12, "by_weather_score_bin", 60.0),
        (12, "by_weather_score_bin", 85.0),
    }
    cool, wind = rows[12, "by_temperature_bin", 7.5], rows[12, "by_wind_bin", 4.5]
    assert (cool["temp_bin"], cool["wind_bin"], cool["weather_score_bin"]) == ("5_to_10C", None, None)
    assert (cool["sample_count"], cool["avg_value_in_bin"], cool["avg_score_in_bin"]) == (1, 5.0, 65.0)
    assert (cool["avg_bike_rentals_in_bin"], cool["stddev_bike_rentals"]) == (2.0, None)
    assert (wind["wind_bin"], wind["sample_count"]) == ("3_to_6ms", 2)
    assert wind["avg_score_in_bin"] == 70.0  # 65 and 75
    assert (wind["avg_bike_rentals_in_bin"], wind["avg_taxi_rides_in_bin"]) == (3.5, 0.5)
    assert wind["stddev_bike_rentals"] == pytest.approx(sqrt(4.5))  # (1.5^2 + 1.5^2) / (2 - 1)
    assert wind["avg_total_usage_in_bin"] == 4.0
    assert rows[12, "by_weather_score_bin", 85.0]["weather_score_bin"] == "excellent_70+"
    assert rows[18, "by_wind_bin", 4.5]["sample_count"] == 2


def test_bins_look_back_from_the_end_of_the_hour(feeds: HandmadeFeeds) -> None:
    # The hour 12-10 12:00-13:00 holds windows that end after 12-03 13:00 and not after 12-10 13:00.
    for start in ("2018-12-03 12:45", "2018-12-03 13:00", "2018-12-10 12:00", "2018-12-10 12:45", "2018-12-10 13:00"):
        feeds.weather(just_after(start), w=1.0)
        feeds.bike(start)

    row = feeds.window("weather_binned_metrics", "2018-12-10 12:00")

    assert row["wind_bin"] == "0_to_3ms"
    assert row["sample_count"] == 3


def test_rain_is_compared_within_the_hour_of_the_week(feeds: HandmadeFeeds) -> None:
    for start, bikes, taxis, rain in (
        ("2018-12-03 12:00", 10, 2, 0.0),  # Monday 07:00, dry
        ("2018-12-04 12:00", 20, 2, 0.0),
        ("2018-12-05 12:00", 6, 3, 0.4),  # Wednesday 07:00, wet
        ("2018-12-05 12:15", 9, 3, 0.4),
        ("2018-12-05 20:00", 90, 9, 0.4),  # 15:00: no dry window to compare with
        ("2018-12-06 13:00", 4, 1, 0.0),  # 08:00
        ("2018-12-06 13:15", 5, 0, 3.0),
    ):
        feeds.weather(just_after(start), p=rain)
        feeds.bike(start, count=bikes)
        feeds.taxi(start, count=taxis)

    row = feeds.window("precipitation_impact", "2018-12-06 13:15")

    assert (row["wet_window_count"], row["dry_window_count"], row["matched_wet_window_count"]) == (4, 3, 3)
    # 07:00: wet 15 against 2 * 30 / 2 = 30; 08:00: wet 5 against 4. In all 20 against 34.
    assert row["precip_bike_impact_score"] == pytest.approx(100 * (20 / 34 - 1))
    # 07:00: wet 6 against 2 * 4 / 2 = 4; 08:00: 0 against 1. In all 6 against 5.
    assert row["precip_taxi_boost_score"] == pytest.approx(20.0)
    assert (row["precip_category"], row["precipitation_binary"]) == ("moderate", 1)
    assert row["precipitation_indicator"] == "likely_precipitating"

    assert row["wet_episode_count"] == 3
    before = feeds.window("precipitation_impact", "2018-12-06 13:00")
    assert (before["matched_wet_window_count"], before["precip_bike_impact_score"]) == (2, None)


def test_rain_impact_without_dry_demand_is_null(feeds: HandmadeFeeds) -> None:
    for start, rain in (("12:00", 0.0), ("12:15", 1.0), ("12:30", 1.0), ("12:45", 1.0)):
        feeds.weather(just_after(f"2018-12-03 {start}"), p=rain)
        feeds.bike(f"2018-12-03 {start}", count=2)

    row = feeds.window("precipitation_impact", "2018-12-03 12:45")

    assert row["precip_bike_impact_score"] == pytest.approx(0.0)
    assert row["precip_taxi_boost_score"] is None


def test_rain_three_hours_apart_is_one_episode_and_rain_before_the_lookback_joins_nothing(
    feeds: HandmadeFeeds,
) -> None:
    for start in ("03 12:00", "03 12:15", "03 15:30", "03 18:45", "03 22:15", "10 12:00", "10 12:15"):
        feeds.weather(just_after(f"2018-12-{start}"), p=0.3)
        feeds.bike(f"2018-12-{start}")

    episodes = {
        f"{row['window_start']:%d %H:%M}": (row["wet_window_count"], row["wet_episode_count"])
        for row in feeds.output("precipitation_impact")
    }

    assert episodes == {
        "03 12:00": (1, 1),
        "03 12:15": (2, 1),
        "03 15:30": (3, 1),  # starts three hours after the end of 12:15
        "03 18:45": (4, 1),
        "03 22:15": (5, 2),  # three hours and a quarter after 19:00
        "10 12:00": (5, 3),  # without 12:00 of the first day
        "10 12:15": (5, 3),  # and without 12:15: 15:30 begins its episode now
    }


RAIN_LABELS = [
    (None, False, "unknown", "unknown", None),
    (0.0, False, "dry", "none", 0),
    (0.0, True, "possibly_precipitating", "light", 1),
    (2.5, False, "likely_precipitating", "light", 1),
    (7.6, False, "likely_precipitating", "moderate", 1),
    (7.7, False, "likely_precipitating", "heavy", 1),
]


def test_rain_labels(feeds: HandmadeFeeds) -> None:
    for day, (rain, trace, *_) in enumerate(RAIN_LABELS):
        feeds.bike(f"2018-12-0{day + 1} 12:00")
        feeds.weather(f"2018-12-0{day + 1} 12:00", p=rain, trace=trace)

    rows = feeds.output("precipitation_impact")

    labels = [(row["precipitation_indicator"], row["precip_category"], row["precipitation_binary"]) for row in rows]
    assert labels == [(indicator, category, binary) for _, _, indicator, category, binary in RAIN_LABELS]


def test_the_naive_prediction_is_of_168_hours_earlier_or_none(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-10-30 12:00", count=3)  # 08:00 in Boston
    feeds.taxi("2018-10-30 12:30")
    feeds.bike("2018-11-06 12:00", count=8)  # 07:00 since the clock change: the same instant of the week counts
    feeds.bike("2018-11-06 12:15", count=8)
    feeds.bike("2018-11-06 12:30", count=8)

    rows = feeds.output("multi_variable_summary")

    naive = [(row["naive_bike_demand_index"], row["naive_prediction_error"]) for row in rows]
    assert naive == [(None, None), (None, None), (3.0, 5.0), (None, None), (0.0, 8.0)]


PLANE = ((2, 1), (12, 3), (16, 2), (22, 7), (7, 12), (-3, 4), (27, 9), (33, 1), (11, 0), (3, 6))


def plane(feeds: HandmadeFeeds, extra: int = 0) -> list[float]:
    """Windows with rentals = 50 + 2 t + 3 w + s (visibility 5000 m), the last with `extra` ones; their scores."""
    scores = []
    for position, (t, w) in enumerate(PLANE):
        temperature_points = (
            10 if t < 0 or t > 30 else 20 if t < 5 else 25 if t < 10 else 35 if not 15 <= t <= 25 else 40
        )
        score = temperature_points + (30 if w < 1.5 else 25 if w < 5.5 else 15 if w < 10.8 else 5) + 15
        scores.append(float(score))
        start = f"2018-12-03 {12 + position // 4}:{position % 4 * 15:02}"
        feeds.weather(just_after(start), t=float(t), w=float(w), v=5000.0)
        feeds.bike(start, count=50 + 2 * t + 3 * w + score + (extra if position == len(PLANE) - 1 else 0))
    return scores


def test_the_model_finds_a_plane_and_predicts_the_next_window(feeds: HandmadeFeeds) -> None:
    plane(feeds, extra=7)

    rows = feeds.output("multi_variable_summary")

    assert [row["model_sample_count"] for row in rows] == list(range(10))  # the current one is excluded
    assert rows[7]["model_intercept"] is None
    assert rows[7]["predicted_bike_demand_index"] is None
    assert rows[7]["actual_bike_demand_index"] == rows[7]["total_bike_rentals"]
    last = rows[9]
    # bikes / 100 = 0.5 + 0.02 (40 x1 - 10) + 0.03 * 20 x2 + 0.01 * 100 x3
    assert last["model_intercept"] == pytest.approx(0.3)
    assert last["coef_temperature"] == pytest.approx(0.8)
    assert last["coef_wind"] == pytest.approx(0.6)
    assert last["coef_weather_score"] == pytest.approx(1.0)
    assert (last["model_r_squared"], last["model_adjusted_r_squared"], last["model_residual_std_index"]) == (1, 1, 0)
    assert last["demand_prediction_error"] == pytest.approx(7.0)
    assert last["temperature_squared"] == 9.0
    assert last["temp_wind_interaction"] == 18.0


def test_the_model_forgets_after_seven_days_and_skips_unknown_weather(feeds: HandmadeFeeds) -> None:
    plane(feeds)
    feeds.bike("2018-12-10 12:00")  # 12-03 12:00 is exactly seven days ago: counts
    feeds.bike("2018-12-10 12:15")

    first = feeds.window("multi_variable_summary", "2018-12-10 12:00")
    second = feeds.window("multi_variable_summary", "2018-12-10 12:15")

    assert (first["model_sample_count"], second["model_sample_count"]) == (10, 9)
    assert first["model_intercept"] == pytest.approx(0.3)
    assert first["predicted_bike_demand_index"] is None
