"""The hourly summary, the safety analysis and the sliding surge windows, by hand."""

from math import atanh, exp, sqrt, tanh

import duckdb
import pytest

from tests.analytics.reference.comparison import KEYS
from tests.analytics.reference.handmade import HandmadeFeeds, Row, utc
from tests.analytics.reference.outputs import QUERIES, all_references

SAFETY = "weather_safety_analysis"
SURGE = "surge_weather_correlation"
SUMMARY = "transport_usage_summary"


def test_the_hourly_summary(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00", duration=100, user_type="Subscriber")
    feeds.bike("2018-12-03 12:30", duration=201, user_type="Customer")
    feeds.bike("2018-12-03 12:59", duration=None, user_type="Member")
    feeds.taxi("2018-12-03 12:10", "Uber", price=10.5, surge_multiplier=1.0)
    feeds.taxi("2018-12-03 12:20", "Lyft", price=7.0, surge_multiplier=2.0)
    feeds.taxi("2018-12-03 12:30", "Lyft")
    feeds.taxi("2018-12-03 12:40", None, price=0.5)
    feeds.taxi("2018-12-03 12:50", "Other")

    row = feeds.window(SUMMARY, "2018-12-03 12:00")

    assert (row["hour_of_day"], row["day_of_week"], row["is_peak_hour"], row["is_weekend"]) == (7, 2, True, False)
    assert (row["bike_count"], row["subscriber_count"], row["customer_count"]) == (3, 1, 1)
    assert row["avg_bike_duration"] == 150.5
    assert (row["taxi_count"], row["uber_count"], row["lyft_count"]) == (5, 1, 2)
    assert (row["avg_taxi_price"], row["total_taxi_revenue"], row["avg_surge"]) == (6.0, 18.0, 1.5)
    assert (row["total_transport_count"], row["bike_mode_share_pct"], row["taxi_mode_share_pct"]) == (8, 37.5, 62.5)


def test_an_hour_without_taxis_has_no_revenue_and_one_without_rides_no_row(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00", duration=None)
    feeds.weather("2018-12-03 14:30", t=1.0)
    feeds.accident("2018-12-03 15:30", "mv")

    (row,) = feeds.output(SUMMARY)

    assert (row["taxi_count"], row["uber_count"], row["lyft_count"]) == (0, 0, 0)
    assert (row["total_taxi_revenue"], row["avg_taxi_price"], row["avg_bike_duration"]) == (None, None, None)
    assert (row["bike_mode_share_pct"], row["taxi_mode_share_pct"]) == (100.0, 0.0)


def test_each_live_hour_has_three_modes_and_a_report_on_the_hour_lies_in_the_one_before(feeds: HandmadeFeeds) -> None:
    feeds.weather("2018-12-03 13:00", t=20.0, w=1.0, v=30000.0)
    feeds.accident("2018-12-03 15:00", "ped", "Intersection")
    feeds.bike("2018-12-03 17:59:59.999999")
    feeds.taxi("2018-12-03 19:00", cab_type=None)

    rows = feeds.output(SAFETY)

    assert [(row["window_start"].hour, row["mode_type"]) for row in rows] == [
        (hour, mode) for hour in (12, 15, 17, 19) for mode in ("bike", "mv", "ped")
    ]
    assert [row["avg_temp"] for row in rows[::3]] == [20.0, 20.0, None, None]  # 13:00 is 3 h before 16:00
    assert [row["accident_count"] for row in rows] == [0, 0, 0, 0, 0, 1] + [0] * 6
    assert rows[0]["intersection_accident_ratio"] is None
    assert (rows[5]["intersection_accident_ratio"], rows[5]["high_risk_mode"]) == (1.0, "pedestrian")
    assert rows[0]["risk_category"] == "low"
    assert (rows[6]["risk_category"], rows[6]["weather_risk_multiplier"]) == ("unknown", None)
    assert (rows[6]["safety_risk_index"], rows[6]["safety_risk_index_normalized"]) == (None, None)
    assert (rows[6]["same_weather_hours_28d"], rows[6]["accidents_per_hour_same_weather_28d"]) == (None, None)
    assert rows[6]["accidents_per_hour_28d"] == 0.0
    assert rows[6]["bad_weather_obs"] is None


@pytest.mark.parametrize(
    ("t", "w", "v", "score", "multiplier", "bad"),
    [
        (-5.0, 20.0, 100.0, 20, 3.0, 1),
        (-5.0, 8.0, 100.0, 30, 2.0, 1),
        (-5.0, 3.0, 100.0, 40, 1.5, 0),
        (-5.0, 3.0, 15000.0, 60, 1.0, 0),
    ],
)
def test_the_conventional_weight(
    feeds: HandmadeFeeds, t: float, w: float, v: float, score: int, multiplier: float, bad: int
) -> None:
    feeds.weather("2018-12-03 12:30", t, w, v)
    feeds.accident("2018-12-03 12:40", "mv", count=4)

    row = feeds.window(SAFETY, "2018-12-03 12:00", mode_type="mv")

    assert (row["avg_weather_score"], row["weather_risk_multiplier"], row["bad_weather_obs"]) == (
        (score, multiplier, bad)
    )
    assert row["safety_risk_index"] == 4 * multiplier
    assert row["safety_risk_index_normalized"] == min(4 * multiplier, 10)
    expected = {3.0: "very_high", 2.0: "very_high", 1.5: "high", 1.0: "moderate"}
    assert row["risk_category"] == expected[multiplier]


def test_the_observed_ratio(feeds: HandmadeFeeds) -> None:
    # Fair hours with 1, 0, 0 bike accidents, bad ones (score 30, weight 2) with 1, 2, 3.
    for hour, visibility, bikes in ((1, 15000.0, 1), (2, 15000.0, 0), (3, 15000.0, 0)):
        feeds.weather(f"2018-12-03 {hour:02}:30", t=-5.0, w=3.0, v=visibility)
        feeds.accident(f"2018-12-03 {hour:02}:30", "bike", count=bikes)
    for hour, bikes in ((4, 1), (5, 2), (6, 3)):
        feeds.weather(f"2018-12-03 {hour:02}:30", t=-5.0, w=8.0, v=100.0)
        feeds.accident(f"2018-12-03 {hour:02}:30", "bike", count=bikes)
    feeds.bike("2018-12-03 12:00")  # weather unknown by then

    rows = [row for row in feeds.output(SAFETY) if row["mode_type"] == "bike"]
    vehicles = feeds.window(SAFETY, "2018-12-03 06:00", mode_type="mv")

    assert [row["same_weather_hours_28d"] for row in rows] == [1, 2, 3, 1, 2, 3, None]
    assert [row["observed_weather_risk_ratio"] is None for row in rows] == [1, 1, 0, 1, 1, 0, 1]
    third, sixth, last = rows[2], rows[5], rows[6]
    assert third["observed_weather_risk_ratio"] == pytest.approx(1.0)
    assert (sixth["accidents_per_hour_28d"], sixth["accidents_per_hour_same_weather_28d"]) == (
        (pytest.approx(7 / 6), 2.0)
    )
    assert sixth["observed_weather_risk_ratio"] == pytest.approx(12 / 7)
    assert last["accidents_per_hour_28d"] == 1.0  # 7 in 7 live hours
    assert (vehicles["same_weather_hours_28d"], vehicles["accidents_per_hour_28d"]) == (3, 0.0)
    assert vehicles["observed_weather_risk_ratio"] is None  # divisor 0
    assert [row["same_weather_accidents_28d"] for row in rows] == [1, 1, 1, 1, 3, 6, None]
    # 6 of 7 accidents; before the bad hours all of the one accident, so that nothing is left to vary
    assert sixth["observed_weather_risk_ratio_ci_low"] == pytest.approx(
        12 / 7 * exp(-1.959963984540054 * sqrt(1 / 6 - 1 / 7))
    )
    assert sixth["observed_weather_risk_ratio_ci_high"] == pytest.approx(
        12 / 7 * exp(1.959963984540054 * sqrt(1 / 6 - 1 / 7))
    )
    assert third["observed_weather_risk_ratio_ci_low"] == third["observed_weather_risk_ratio_ci_high"] == 1.0
    for row in (rows[4], last, vehicles):
        assert row["observed_weather_risk_ratio_ci_low"] is None
        assert row["observed_weather_risk_ratio_ci_high"] is None


def test_weather_without_an_accident_has_a_ratio_and_no_interval(feeds: HandmadeFeeds) -> None:
    feeds.weather("2018-12-03 00:30", t=-5.0, w=3.0, v=15000.0)
    feeds.accident("2018-12-03 00:30", "bike")
    for hour in (1, 2, 3):
        feeds.weather(f"2018-12-03 {hour:02}:30", t=-5.0, w=8.0, v=100.0)

    row = feeds.window(SAFETY, "2018-12-03 03:00", mode_type="bike")

    assert (row["observed_weather_risk_ratio"], row["same_weather_accidents_28d"]) == (0.0, 0)
    assert (row["observed_weather_risk_ratio_ci_low"], row["observed_weather_risk_ratio_ci_high"]) == (None, None)


def test_safety_looks_back_672_hours(feeds: HandmadeFeeds) -> None:
    feeds.accident("2018-11-05 12:30", "mv", count=8)  # exactly 28 days before: out
    feeds.accident("2018-11-05 13:30", "mv", count=4)
    feeds.accident("2018-12-03 12:30", "mv", count=2)

    assert feeds.window(SAFETY, "2018-12-03 12:00", mode_type="mv")["accidents_per_hour_28d"] == 3.0


def test_a_ride_is_in_three_sliding_windows(feeds: HandmadeFeeds) -> None:
    feeds.taxi("2018-12-03 12:07", "Lyft", price=9.0, surge_multiplier=1.0)
    feeds.taxi("2018-12-03 12:10", "Lyft", price=3.0, surge_multiplier=2.0)
    feeds.taxi("2018-12-03 12:08", None)

    rows = {row["window_start"]: row for row in feeds.output(SURGE)}

    assert {start.minute: row["ride_count"] for start, row in rows.items()} == {55: 1, 0: 2, 5: 2, 10: 1}
    assert rows[utc("2018-12-03 11:55")]["window_end"] == utc("2018-12-03 12:10")
    both = rows[utc("2018-12-03 12:00")]
    assert (both["avg_surge"], both["max_surge"], both["surge_ride_count"], both["surge_ride_pct"]) == (1.5, 2, 1, 50)
    assert (both["is_surge"], both["high_surge_indicator"]) == (1, False)  # not above 1.5
    assert (both["avg_price"], both["total_revenue"], both["revenue_per_ride"]) == (6.0, 12.0, 6.0)
    assert both["weather_driven_surge_score"] is None
    assert both["surge_reason"] == "demand_driven"
    assert rows[utc("2018-12-03 11:55")]["surge_reason"] == "no_surge"


def test_rides_without_a_multiplier_say_nothing_about_surge(feeds: HandmadeFeeds) -> None:
    feeds.taxi("2018-12-03 12:00", "Lyft", humidity=0.9)

    row = feeds.window(SURGE, "2018-12-03 12:00")

    assert (row["surge_ride_count"], row["ride_count"]) == (0, 1)
    for column in ("avg_surge", "max_surge", "surge_ride_pct", "is_surge", "high_surge_indicator", "surge_reason"):
        assert row[column] is None, column
    assert (row["total_revenue"], row["revenue_per_ride"]) == (None, None)
    assert (row["weather_driven_surge_score"], row["is_raining"], row["is_very_cold"]) == (10, None, None)


@pytest.mark.parametrize(
    ("numbers", "flags", "score", "reason"),
    [
        (
            {"temperature": 14.0, "precip_intensity": 0.1, "humidity": 0.5, "wind_speed": 10.0},
            (1, 1, 0, 0),
            50,
            "weather_driven",
        ),
        ({"temperature": 32.0, "precip_intensity": 0.1, "humidity": 0.81}, (1, 0, 0, 1), 40, "partially_weather"),
        ({"temperature": 86.0, "precip_intensity": 0.0, "humidity": 0.8}, (0, 0, 0, 0), 0, "demand_driven"),
        ({"temperature": 86.1, "precip_intensity": 0.0, "humidity": 0.8}, (0, 0, 1, 0), 15, "demand_driven"),
    ],
)
def test_the_conventional_surge_score(
    feeds: HandmadeFeeds, numbers: dict[str, float], flags: tuple[int, ...], score: int, reason: str
) -> None:
    feeds.taxi("2018-12-03 12:00", "Lyft", count=3, surge_multiplier=1.25, **numbers)

    row = feeds.window(SURGE, "2018-12-03 12:00")

    assert tuple(row[flag] for flag in ("is_raining", "is_very_cold", "is_very_hot", "is_humid")) == flags
    assert (row["weather_driven_surge_score"], row["surge_reason"]) == (score, reason)
    assert row["avg_temperature_c"] == pytest.approx((numbers["temperature"] - 32) / 1.8)
    assert row["avg_precip_mm_per_h"] == pytest.approx(numbers["precip_intensity"] * 25.4)


def test_units_of_the_rides_weather(feeds: HandmadeFeeds) -> None:
    feeds.taxi("2018-12-03 12:00", temperature=50.0, precip_intensity=0.1, humidity=0.5, wind_speed=10.0)

    row = feeds.window(SURGE, "2018-12-03 12:00")

    assert row["avg_temperature_c"] == pytest.approx(10.0)
    assert row["avg_precip_mm_per_h"] == pytest.approx(2.54)
    assert row["avg_wind_speed_ms"] == pytest.approx(4.4704)


def test_measured_surge_looks_back_a_day_from_the_window_end(feeds: HandmadeFeeds) -> None:
    # Of the window 12:00-12:15 on the 4th the day begins at 12:15 on the 3rd.
    feeds.taxi("2018-12-03 12:14:59", surge_multiplier=9.0, humidity=0.9, precip_intensity=0.0)
    feeds.taxi("2018-12-03 12:15", surge_multiplier=1.0, humidity=0.1, precip_intensity=0.0)
    feeds.taxi("2018-12-03 20:00", surge_multiplier=3.0, humidity=0.2, precip_intensity=0.0)
    feeds.taxi("2018-12-03 20:01", surge_multiplier=2.0, humidity=0.3, precip_intensity=0.2)
    feeds.taxi("2018-12-03 20:02", "Uber", surge_multiplier=5.0, humidity=0.3, precip_intensity=0.2)
    feeds.taxi("2018-12-04 12:14", surge_multiplier=4.0, humidity=0.4, precip_intensity=0.3)
    feeds.taxi("2018-12-04 12:14", surge_multiplier=4.0)
    feeds.taxi("2018-12-04 12:15", surge_multiplier=9.0, humidity=0.9)

    row = feeds.window(SURGE, "2018-12-04 12:00", cab_type="Lyft")

    assert (row["surge_humidity_n"], row["surge_temp_n"]) == (4, 0)
    assert row["surge_humidity_correlation"] == pytest.approx(0.8)  # 1 3 2 4 against 1 2 3 4
    assert row["surge_humidity_ci_low"] == pytest.approx(tanh(atanh(0.8) - 1.959963984540054 / sqrt(1)))
    assert row["surge_temp_correlation"] is None
    assert row["rain_surge_lift"] == pytest.approx(3.0 - 2.0)  # wet 2 and 4, dry 1 and 3


def test_a_cab_that_never_surges_has_no_r_and_lift_zero(feeds: HandmadeFeeds) -> None:
    for minute, rain in enumerate((0.0, 0.1, 0.0, 0.3)):
        feeds.taxi(f"2018-12-03 12:0{minute}", "Uber", surge_multiplier=1.0, precip_intensity=rain)

    row = feeds.window(SURGE, "2018-12-03 12:00", cab_type="Uber")

    assert (row["surge_precip_correlation"], row["surge_precip_n"]) == (None, 4)
    assert row["rain_surge_lift"] == 0.0
    assert row["surge_reason"] == "no_surge"


def test_a_spread_of_a_hundred_thousandth_is_a_spread_and_a_hundredth_of_that_is_none(feeds: HandmadeFeeds) -> None:
    # The rule: variance <= 1e-10 * (variance + mean^2), so a relative deviation of 1e-5 is the edge.
    for day, deviation in ((1, 3e-5), (3, 3e-7)):
        for minute, side in enumerate((-1, 1, -1, 1)):
            humidity = 0.5 * (1 + side * deviation)
            feeds.taxi(f"2018-12-0{day} 12:0{minute}", surge_multiplier=2.0 + minute % 2, humidity=humidity)
    rows: dict[int, Row] = {row["window_start"].day: row for row in feeds.output(SURGE) if row["ride_count"] == 4}

    assert rows[1]["surge_humidity_correlation"] == pytest.approx(1.0)
    assert rows[1]["surge_humidity_ci_low"] is None
    assert (rows[3]["surge_humidity_correlation"], rows[3]["surge_humidity_n"]) == (None, 4)


def test_without_any_event_all_outputs_are_empty_and_complete(feeds: HandmadeFeeds) -> None:
    feeds.write()
    with duckdb.connect() as connection:
        outputs = all_references(connection, feeds.root)

    assert list(outputs) == list(KEYS) == list(QUERIES)
    for name, table in outputs.items():
        assert table.num_rows == 0
        assert table.column_names[:2] == ["window_start", "window_end"], name
        assert table.column_names[-4:] == ["year", "month", "date", "hour"], name
        assert set(KEYS[name]) <= set(table.column_names)
