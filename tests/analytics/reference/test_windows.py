"""Combined windows, weather as of an instant, local calendar: numbers small enough to follow by hand.

2018-12-03 is a Monday; Boston is then 5 hours behind UTC.
"""

from tests.analytics.reference.handmade import HandmadeFeeds, utc

TRANSPORT = "weather_transport_correlation"
MODEL = "multi_variable_summary"


def test_a_quarter_hour_counts_its_rides_and_averages_what_is_known(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00", duration=600)
    feeds.bike("2018-12-03 12:14:59.999999", duration=300)
    feeds.bike("2018-12-03 12:07", duration=None)
    feeds.taxi("2018-12-03 12:01", cab_type=None, price=10.0, surge_multiplier=1.5)
    feeds.bike("2018-12-03 12:15")  # the next window

    row = feeds.window(TRANSPORT, "2018-12-03 12:00")

    assert row["window_end"] == utc("2018-12-03 12:15")
    assert (row["total_bike_rentals"], row["total_taxi_rides"], row["total_transport_usage"]) == (3, 1, 4)
    assert row["avg_bike_duration_min"] == 7.5  # (600 + 300) / 2 / 60
    assert (row["avg_taxi_price"], row["avg_taxi_surge"], row["bike_share_pct"]) == (10.0, 1.5, 75.0)
    assert (row["year"], row["month"], row["date"], row["hour"]) == (2018, 12, "2018-12-03", 12)


def test_without_taxis_or_weather_their_columns_are_null_and_counts_zero(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00")

    row = feeds.window(TRANSPORT, "2018-12-03 12:00")

    assert row["total_taxi_rides"] == 0
    assert row["dominant_temp_bucket"] == row["dominant_wind_category"] == "unknown"
    for column in ("avg_taxi_price", "avg_weather_score", "has_precipitation", "good_weather_ratio", "is_cold"):
        assert row[column] is None, column


def test_good_weather_scores_and_flags(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00", count=3)
    feeds.taxi("2018-12-03 12:00")
    feeds.weather("2018-12-03 11:54", t=25.0, w=1.5, v=16093.0, p=0.0, trace=True)

    row = feeds.window(TRANSPORT, "2018-12-03 12:00")

    assert row["avg_weather_score"] == 90  # 40 + 25 + 25
    assert row["good_weather_ratio"] == 1.0
    assert (row["dominant_temp_bucket"], row["dominant_wind_category"]) == ("25_to_30C", "light_breeze")
    assert row["has_precipitation"] is True  # a trace
    assert (row["precipitation_mm_per_h"], row["precipitation_trace"]) == (0.0, True)
    assert row["weather_age_minutes"] == 21
    assert (row["is_hot"], row["is_comfortable"], row["is_cold"], row["is_windy"], row["is_poor_weather"]) == (
        (0, 1, 0, 0, 0)
    )
    assert row["bike_preference_score"] == 67.5  # 3/4 * 90
    assert row["taxi_preference_score"] == 2.5  # 1/4 * 10
    assert row["weather_transport_impact_score"] == 80


def test_weather_score(feeds: HandmadeFeeds) -> None:
    for day, (t, w, v, score) in enumerate(
        [
            (14.9, 10.8, 4000.0, 45),  # 35 + 5 + 5
            (30.0, 10.7, 4001.0, 65),  # 35 + 15 + 15
            (30.1, 5.5, 10000.0, 40),  # 10 + 15 + 15
            (0.0, 5.4, 20000.0, 70),  # 20 + 25 + 25
            (5.0, 1.4, 20001.0, 85),  # 25 + 30 + 30
            (-0.1, 20.0, 100.0, 20),  # 10 + 5 + 5
            (15.0, 0.0, 30000.0, 100),  # 40 + 30 + 30
        ]
    ):
        # As many rides as the score should be.
        feeds.bike(f"2018-12-0{day + 1} 12:00", count=score)
        feeds.weather(f"2018-12-0{day + 1} 12:00", t, w, v)

    rows = feeds.output(TRANSPORT)

    assert len(rows) == 7
    assert [row["avg_weather_score"] for row in rows] == [row["total_bike_rentals"] for row in rows]


def test_a_report_exactly_three_hours_old_counts_and_an_older_one_does_not(feeds: HandmadeFeeds) -> None:
    feeds.weather("2018-12-03 09:15", t=7.0)
    feeds.bike("2018-12-03 12:00")
    feeds.bike("2018-12-03 13:00")
    feeds.weather("2018-12-03 10:14:59.999999", w=3.0)

    on_time, later = feeds.output(TRANSPORT)

    assert (on_time["avg_temperature_c"], on_time["weather_age_minutes"]) == (7.0, 180)
    assert on_time["avg_wind_speed_ms"] == 3.0
    assert (later["avg_temperature_c"], later["avg_wind_speed_ms"]) == (None, None)
    assert later["weather_age_minutes"] is None


def test_a_report_stamped_on_the_window_end_counts_for_that_window(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00")
    feeds.weather("2018-12-03 12:00", t=1.0)
    feeds.weather("2018-12-03 12:15", t=2.0)
    feeds.weather("2018-12-03 12:15", t=3.0, microseconds_later=1)

    row = feeds.window(TRANSPORT, "2018-12-03 12:00")

    assert (row["avg_temperature_c"], row["weather_age_minutes"]) == (2.0, 0)


def test_a_report_without_temperature_hides_no_earlier_one(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00")
    feeds.weather("2018-12-03 11:00", t=4.0, w=2.0, p=1.2)
    feeds.weather("2018-12-03 12:00", w=6.0)

    row = feeds.window(TRANSPORT, "2018-12-03 12:00")

    assert (row["avg_temperature_c"], row["avg_wind_speed_ms"], row["precipitation_mm_per_h"]) == (4.0, 6.0, 1.2)
    assert row["weather_age_minutes"] == 75


def test_among_reports_of_one_instant_kind_then_station_then_value_decide(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00")
    feeds.weather("2018-12-03 12:00", t=1.0, w=8.0, report_type="FM-15", station="1")
    feeds.weather("2018-12-03 12:00", t=9.0, w=9.0, report_type="FM-16", station="9")
    feeds.weather("2018-12-03 12:00", t=9.0, report_type="FM-12", station="9")
    feeds.weather("2018-12-03 12:00", w=2.0, v=100.0, p=0.0, report_type="FM-15", station="2")
    feeds.weather("2018-12-03 12:00", v=200.0, p=0.0, trace=True, report_type="FM-15", station="2")

    row = feeds.window(TRANSPORT, "2018-12-03 12:00")

    assert row["avg_temperature_c"] == 1.0  # FM-15 above FM-16 and FM-12
    assert row["avg_wind_speed_ms"] == 2.0  # station 2 above station 1
    assert row["avg_visibility_m"] == 200.0  # the greater value of one station
    assert row["precipitation_trace"] is True


def test_a_special_report_tells_no_rate_of_rain(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 12:00")
    feeds.weather("2018-12-03 11:54", t=1.0, p=0.5)
    feeds.weather("2018-12-03 12:10", t=2.0, p=9.0, trace=True, report_type="FM-16")
    feeds.bike("2018-12-03 12:45")
    feeds.weather("2018-12-03 12:54", p=0.0, report_type=None)

    first, second = feeds.output(TRANSPORT)

    assert (first["avg_temperature_c"], first["precipitation_mm_per_h"], first["precipitation_trace"]) == (
        2.0,
        0.5,
        False,
    )
    assert second["precipitation_mm_per_h"] == 0.0  # a kind that is not known is no special


CALENDAR = [
    ("2018-12-03 12:00", 7, 2, "weekday_rush_hour"),
    ("2018-12-03 14:45", 9, 2, "weekday_rush_hour"),
    ("2018-12-03 15:00", 10, 2, "weekday_off_peak"),
    ("2018-12-04 00:45", 19, 2, "weekday_rush_hour"),  # still Monday in Boston
    ("2018-12-08 04:45", 23, 6, "weekday_off_peak"),
    ("2018-12-08 05:00", 0, 7, "weekend_night"),
    ("2018-12-08 13:00", 8, 7, "weekend_day"),
    ("2018-12-10 01:45", 20, 1, "weekend_day"),
    ("2018-12-10 02:00", 21, 1, "weekend_night"),
    ("2018-11-04 05:30", 1, 1, "weekend_night"),  # 01:30 daylight time
    ("2018-11-04 06:30", 1, 1, "weekend_night"),  # 01:30 again, standard time
    ("2018-11-04 12:45", 7, 1, "weekend_night"),  # rush hour, but a Sunday
    ("2018-03-11 06:45", 1, 1, "weekend_night"),
    ("2018-03-11 07:00", 3, 1, "weekend_night"),  # 02:xx does not exist
]
"""UTC start, local hour, local day (1 Sunday), segment."""


def test_local_calendar(feeds: HandmadeFeeds) -> None:
    for start, *_ in CALENDAR:
        feeds.bike(start)

    rows = {row["window_start"]: row for row in feeds.output("temporal_correlations")}

    assert len(rows) == len(CALENDAR)
    for start, hour, day, segment in CALENDAR:
        row = rows[utc(start)]
        assert (row["hour_of_day"], row["day_of_week"], row["temporal_segment"]) == (hour, day, segment), start
        assert row["is_weekend"] is (day in (1, 7)), start
        assert row["is_rush_hour"] is (hour in (7, 8, 9, 17, 18, 19)), start


def test_comparison_with_null_is_null_unless_the_rest_decides(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 01:00")
    feeds.weather("2018-12-03 01:00", w=12.1)  # temperature and score unknown
    feeds.bike("2018-12-03 06:00")
    feeds.weather("2018-12-03 06:00", w=7.9)
    feeds.bike("2018-12-03 11:00")
    feeds.weather("2018-12-03 11:00", t=15.0, w=7.9, v=10001.0)

    storm, breeze, fine = feeds.output(MODEL)

    assert storm["strong_negative_weather_for_bikes"] is True  # null or true or null
    assert storm["strong_positive_weather_for_bikes"] is False  # null and false and null
    assert breeze["strong_negative_weather_for_bikes"] is None
    assert breeze["strong_positive_weather_for_bikes"] is None
    assert fine["avg_weather_score"] == 80
    assert (fine["strong_positive_weather_for_bikes"], fine["strong_negative_weather_for_bikes"]) == (True, False)


def test_substitution_needs_rain_and_a_taxi_share_above_sixty(feeds: HandmadeFeeds) -> None:
    feeds.bike("2018-12-03 01:00", count=2)
    feeds.taxi("2018-12-03 01:00", count=3)
    feeds.taxi("2018-12-03 06:00")
    feeds.taxi("2018-12-03 11:00")
    feeds.weather("2018-12-03 11:00", p=0.1)

    unknown_rain_low_share, unknown_rain_high_share, rain = feeds.output("precipitation_impact")

    assert unknown_rain_low_share["taxi_mode_share_pct"] == 60
    assert unknown_rain_low_share["weather_driven_mode_substitution"] is False
    assert unknown_rain_high_share["weather_driven_mode_substitution"] is None
    assert rain["weather_driven_mode_substitution"] is True
