import math
from datetime import datetime, timedelta

import pytest

from tests.analytics.tiles import NOON, TilesInMemory, bikes, outputs, report, ride

NAME = "weather_binned_metrics"
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def test_one_row_per_type_and_bin() -> None:
    # 12:00 and 12:15 at 17 C (10 and 20 rentals), 12:30 at 22 C (60 rentals, one ride)
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON, 10), bikes(NOON + 15 * MINUTE, 20), bikes(NOON + 30 * MINUTE, 60)],
        taxi_trips=[ride(NOON + 30 * MINUTE)],
        weather_data=[report(NOON, 17.0), report(NOON + 31 * MINUTE, 22.0)],
    )
    mild, warm = outputs(NAME, tiles)
    assert mild == {
        "window_start": NOON,
        "window_end": NOON + 60 * MINUTE,
        "aggregation_type": "by_temperature_bin",
        "temp_bin": "15_to_20C",
        "wind_bin": None,
        "weather_score_bin": None,
        "bin_center": 17.5,
        "sample_count": 2,
        "avg_value_in_bin": 17.0,
        "avg_score_in_bin": None,
        "avg_bike_rentals_in_bin": 15.0,
        "stddev_bike_rentals": pytest.approx(math.sqrt(50), rel=1e-12),
        "avg_taxi_rides_in_bin": 0.0,
        "stddev_taxi_rides": 0.0,
        "avg_total_usage_in_bin": 15.0,
        "stddev_total_usage": pytest.approx(math.sqrt(50), rel=1e-12),
    }
    assert (warm["temp_bin"], warm["sample_count"], warm["avg_total_usage_in_bin"]) == ("20_to_25C", 1, 61.0)
    assert warm["stddev_bike_rentals"] is None  # of one sample


BIN_CASES = {  # weather -> (bin, center) by temperature, score and wind
    "the lowest": ((-10.1, 17.0, 100.0), [("below_-10C", -12.5), ("poor_0-30", 15.0), ("12+ms", 13.5)]),
    "edges open the next bin": ((-10.0, 3.0, 100.0), [("-10_to_-5C", -7.5), ("fair_30-50", 40.0), ("3_to_6ms", 4.5)]),
    "good": ((0.0, 2.9, 5_000.0), [("0_to_5C", 2.5), ("good_50-70", 60.0), ("0_to_3ms", 1.5)]),
    "70 is excellent": ((30.0, 1.4, 30_000.0), [("above_30C", 32.5), ("excellent_70+", 85.0), ("0_to_3ms", 1.5)]),
}


@pytest.mark.parametrize(("weather", "bins"), BIN_CASES.values(), ids=BIN_CASES)
def test_bins(weather: tuple[float, float, float], bins: list[tuple[str, float]]) -> None:
    tiles = TilesInMemory(bike_trips=[bikes(NOON, 1)], weather_data=[report(NOON, *weather)])
    rows = outputs(NAME, tiles)
    assert [(row["temp_bin"] or row["wind_bin"] or row["weather_score_bin"], row["bin_center"]) for row in rows] == bins


def test_the_week_is_measured_between_window_ends() -> None:
    # The hour ends at 13:00: a window that ended at 13:00 a week ago is out, the next one is in.
    def windows(*starts: datetime) -> TilesInMemory:
        return TilesInMemory(
            bike_trips=[bikes(at, 1) for at in starts], weather_data=[report(at + MINUTE, 17.0) for at in starts]
        )

    out, within = NOON - 7 * DAY + 45 * MINUTE, NOON - 7 * DAY + 60 * MINUTE
    assert outputs(NAME, windows(out, NOON))[-1]["sample_count"] == 1
    assert outputs(NAME, windows(within, NOON))[-1]["sample_count"] == 2


def test_an_hour_without_a_window_has_no_rows() -> None:
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON, 1), bikes(NOON + 120 * MINUTE, 1)], weather_data=[report(NOON + MINUTE, 17.0)]
    )
    assert sorted({row["window_start"] for row in outputs(NAME, tiles)}) == [NOON, NOON + 120 * MINUTE]
