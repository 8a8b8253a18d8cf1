"""The columns of combined windows, seen through weather_transport_correlation, which shows them all."""

from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.analytics.combined_windows import Durations
from tests.analytics.tiles import NOON, Row, TilesInMemory, bikes, outputs, report, ride, shown, the_last

NAME = "weather_transport_correlation"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def at_noon(*reports: Row) -> Row:
    """The window 12:00-12:15 (Boston) with one rental, and these reports."""
    return the_last(NAME, TilesInMemory(bike_trips=[bikes(NOON, 1)], weather_data=reports))


def test_a_window_adds_its_three_tiles_and_all_cab_types() -> None:
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON, 2, seconds=600), bikes(NOON + 10 * MINUTE, 1, seconds=1200)],
        taxi_trips=[
            ride(NOON, "Uber", price=10, surge=1.0),
            ride(NOON + 5 * MINUTE, "Lyft", price=20, surge=1.5),
            ride(NOON + 14 * MINUTE, None, price=None, surge=None),
        ],
    )
    assert shown(
        the_last(NAME, tiles),
        "window_start",
        "window_end",
        "total_bike_rentals",
        "total_taxi_rides",
        "total_transport_usage",
        "avg_bike_duration_min",
        "avg_taxi_price",
        "avg_taxi_surge",
        "bike_share_pct",
    ) == {
        "window_start": NOON,
        "window_end": NOON + 15 * MINUTE,
        "total_bike_rentals": 3,
        "total_taxi_rides": 3,
        "total_transport_usage": 6,
        "avg_bike_duration_min": (600 + 600 + 1200) / 3 / 60,
        "avg_taxi_price": 15.0,
        "avg_taxi_surge": 1.25,
        "bike_share_pct": 50.0,
    }


def test_what_nobody_reported_is_null_and_counts_are_not() -> None:
    tiles = TilesInMemory(bike_trips=[bikes(NOON, 2, seconds=None)])
    row = the_last(NAME, tiles)
    assert (row["total_bike_rentals"], row["total_taxi_rides"], row["bike_share_pct"]) == (2, 0, 100.0)
    nothing_known = ("avg_bike_duration_min", "avg_taxi_price", "avg_taxi_surge", "avg_temperature_c", "is_cold")
    assert [row[name] for name in nothing_known] == [None] * 5
    assert (row["dominant_temp_bucket"], row["dominant_wind_category"]) == ("unknown", "unknown")


def test_weather_alone_makes_no_window() -> None:
    tiles = TilesInMemory(bike_trips=[bikes(NOON, 1)], weather_data=[report(NOON + HOUR, 20.0)])
    assert [row["window_start"] for row in outputs(NAME, tiles)] == [NOON]


END = NOON + 15 * MINUTE
AS_OF_CASES = {
    "a report exactly at the end is known": ([report(END, 20.0)], 20.0),
    "one a second later is not": ([report(END + timedelta(seconds=1), 20.0)], None),
    "exactly three hours old still holds": ([report(END - 3 * HOUR, 20.0)], 20.0),
    "older does not": ([report(END - 3 * HOUR - timedelta(seconds=1), 20.0)], None),
    "the later of two counts": ([report(END - HOUR, 20.0), report(END - MINUTE, 21.0)], 21.0),
    "a report without the element hides nothing": ([report(END - HOUR, 20.0), report(END, wind_ms=3)], 20.0),
}


@pytest.mark.parametrize(("reports", "temperature_c"), AS_OF_CASES.values(), ids=AS_OF_CASES)
def test_weather_as_of_the_end(reports: list[Row], temperature_c: float | None) -> None:
    assert at_noon(*reports)["avg_temperature_c"] == temperature_c


def test_the_age_of_the_weather_is_that_of_the_temperature() -> None:
    row = at_noon(report(END - 90 * MINUTE, temperature_c=20.0), report(END, wind_ms=3.0))
    assert (row["weather_age_minutes"], row["avg_wind_speed_ms"]) == (90.0, 3.0)


SCORE_CASES = {
    "the best there is": ((15.0, 1.4, 20_001.0), 100.0),
    "edges as the table says": ((25.0, 1.5, 20_000.0), 40.0 + 25 + 25),
    "warm": ((25.1, 5.5, 10_000.0), 35.0 + 15 + 15),
    "cool": ((10.0, 10.8, 4_000.0), 35.0 + 5 + 5),
    "cold": ((5.0, 10.7, 4_001.0), 25.0 + 15 + 15),
    "near freezing": ((0.0, 1.0, 10_001.0), 20.0 + 30 + 25),
    "the worst there is": ((-0.1, 20.0, 100.0), 20.0),
    "hot": ((30.1, 20.0, 100.0), 20.0),
    "no visibility, no score": ((15.0, 1.0, None), None),
}


@pytest.mark.parametrize(("weather", "score"), SCORE_CASES.values(), ids=SCORE_CASES)
def test_weather_score(weather: tuple[float | None, float | None, float | None], score: float | None) -> None:
    row = at_noon(report(NOON, *weather))
    assert row["avg_weather_score"] == score
    assert row["good_weather_ratio"] == (None if score is None else float(score >= 70))


RAIN_CASES = {
    "rain": ((0.3, False), True),
    "a trace is rain": ((0.0, True), True),
    "dry": ((0.0, False), False),
    "unknown is not dry": ((None, False), None),
}


@pytest.mark.parametrize(("rain", "is_wet"), RAIN_CASES.values(), ids=RAIN_CASES)
def test_has_precipitation(rain: tuple[float | None, bool], is_wet: bool | None) -> None:
    rain_mm_per_h, trace = rain
    assert at_noon(report(NOON, rain_mm_per_h=rain_mm_per_h, trace=trace))["has_precipitation"] is is_wet


BAND_CASES = {
    "below the first edge": (-10.1, "below_-10C", 1.4, "calm"),
    "an edge opens the next band": (-10.0, "-10_to_-5C", 1.5, "light_breeze"),
    "the last band is open": (30.0, "above_30C", 17.2, "strong_wind"),
}


@pytest.mark.parametrize(("temperature", "bucket", "wind", "category"), BAND_CASES.values(), ids=BAND_CASES)
def test_bands(temperature: float, bucket: str, wind: float, category: str) -> None:
    row = at_noon(report(NOON, temperature, wind))
    assert (row["dominant_temp_bucket"], row["dominant_wind_category"]) == (bucket, category)


def test_windows_of_another_length() -> None:
    tiles = TilesInMemory(bike_trips=[bikes(NOON + 5 * n * MINUTE, 1) for n in range(12)])
    rows = outputs(NAME, tiles, Durations(medium=35 * MINUTE))
    # 35-minute windows count from the epoch: one starts at 16:20 UTC
    assert [(row["window_start"].strftime("%H:%M"), row["total_bike_rentals"]) for row in rows] == [
        (start.strftime("%H:%M"), count) for start, count in _in_windows_of(35 * MINUTE, NOON, 12)
    ]


def _in_windows_of(length: timedelta, first: datetime, tiles: int) -> list[tuple[datetime, int]]:
    counts: dict[datetime, int] = {}
    for n in range(tiles):
        tile = first + n * 5 * MINUTE
        start = tile - (tile - datetime(1970, 1, 1, tzinfo=UTC)) % length
        counts[start] = counts.get(start, 0) + 1
    return sorted(counts.items())


CALENDAR_CASES = {
    "winter, Monday 07:00": (datetime(2018, 1, 15, 12, 0), (7, 2, False, True, "weekday_rush_hour")),
    "winter, Monday 09:45, still rush": (datetime(2018, 1, 15, 14, 45), (9, 2, False, True, "weekday_rush_hour")),
    "winter, Monday 10:00": (datetime(2018, 1, 15, 15, 0), (10, 2, False, False, "weekday_off_peak")),
    "summer, Monday 07:00": (datetime(2018, 7, 16, 11, 0), (7, 2, False, True, "weekday_rush_hour")),
    "clocks go forward, 01:45": (datetime(2018, 3, 11, 6, 45), (1, 1, True, False, "weekend_night")),
    "and 15 minutes later, 03:00": (datetime(2018, 3, 11, 7, 0), (3, 1, True, False, "weekend_night")),
    "clocks go back, first 01:30": (datetime(2018, 11, 4, 5, 30), (1, 1, True, False, "weekend_night")),
    "and an hour later again 01:30": (datetime(2018, 11, 4, 6, 30), (1, 1, True, False, "weekend_night")),
    "Saturday in UTC, Friday in Boston": (datetime(2018, 6, 23, 3, 0), (23, 6, False, False, "weekday_off_peak")),
    "Saturday 08:00": (datetime(2018, 6, 23, 12, 0), (8, 7, True, True, "weekend_day")),
    "Saturday 20:45": (datetime(2018, 6, 24, 0, 45), (20, 7, True, False, "weekend_day")),
    "Saturday 21:00": (datetime(2018, 6, 24, 1, 0), (21, 7, True, False, "weekend_night")),
}


def test_local_calendar() -> None:
    columns = ("hour_of_day", "day_of_week", "is_weekend", "is_rush_hour", "temporal_segment")
    outcome = {}
    for name, (start, _) in CALENDAR_CASES.items():
        row = the_last("temporal_correlations", TilesInMemory(bike_trips=[bikes(start.replace(tzinfo=UTC), 1)]))
        outcome[name] = tuple(row[column] for column in columns)
    assert outcome == {name: expected for name, (_, expected) in CALENDAR_CASES.items()}
