import math
from datetime import timedelta

import pytest

from tests.analytics.tiles import NOON, Row, TilesInMemory, accidents, bikes, outputs, report, shown

NAME = "weather_safety_analysis"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

WORST = (-5.0, 20.0, 100.0)  # score 20
FINE = (20.0, 1.0, 16_093.0)  # score 95


def modes(rows: list[Row]) -> dict[str, Row]:
    return {row["mode_type"]: row for row in rows}


def test_a_live_hour_has_three_rows_zeros_included() -> None:
    tiles = TilesInMemory(accidents=[accidents(NOON, "mv", 4, intersections=3, streets=1)])
    rows = outputs(NAME, tiles)
    assert [(row["mode_type"], row["high_risk_mode"], row["accident_count"]) for row in rows] == [
        ("bike", "cycling", 0),
        ("mv", "vehicle", 4),
        ("ped", "pedestrian", 0),
    ]
    ratio = "intersection_accident_ratio"
    assert [row[ratio] for row in rows] == [None, 0.75, None]
    assert (rows[1]["intersection_accidents"], rows[1]["street_accidents"]) == (3, 1)


def test_a_report_stamped_on_the_hour_lies_in_the_hour_before() -> None:
    tiles = TilesInMemory(bike_trips=[bikes(NOON, 1)], weather_data=[report(NOON + 2 * HOUR, *FINE)])
    assert {row["window_start"] for row in outputs(NAME, tiles)} == {NOON, NOON + HOUR}


RISK_CASES = {  # accidents, weather -> multiplier, index, normalized, category, bad weather
    "worst weather": (1, WORST, (3.0, 3.0, 3.0, "moderate", 1)),
    "below 40": (1, (-5.0, 5.5, 1_000.0), (2.0, 2.0, 2.0, "moderate", 1)),
    "below 60": (1, (5.0, 5.5, 5_000.0), (1.5, 1.5, 1.5, "low", 0)),
    "60 and above": (5, (-5.0, 1.0, 16_093.0), (1.0, 5.0, 5.0, "high", 0)),
    "8 is very high": (8, FINE, (1.0, 8.0, 8.0, "very_high", 0)),
    "clipped at 10": (7, WORST, (3.0, 21.0, 10.0, "very_high", 1)),
    "no accident, no risk": (0, WORST, (3.0, 0.0, 0.0, "low", 1)),
    "unknown weather": (9, (20.0, 1.0, None), (None, None, None, "unknown", None)),
}


@pytest.mark.parametrize(("count", "weather", "expected"), RISK_CASES.values(), ids=RISK_CASES)
def test_risk(
    count: int,
    weather: tuple[float | None, float | None, float | None],
    expected: tuple[float | None, float | None, float | None, str, int | None],
) -> None:
    tiles = TilesInMemory(
        accidents=[accidents(NOON, "mv", count)] if count else [],
        weather_data=[report(NOON + MINUTE, *weather)],
    )
    row = modes(outputs(NAME, tiles))["mv"]
    columns = (
        "weather_risk_multiplier",
        "safety_risk_index",
        "safety_risk_index_normalized",
        "risk_category",
        "bad_weather_obs",
    )
    assert tuple(row[column] for column in columns) == expected
    assert row["base_accident_risk"] == count


def test_the_measured_ratio_compares_like_weather_with_all() -> None:
    # Five hours: fine with 1, 0, 0 accidents, worst with 2, 3; then the current one, worst with 4. 10 in 6 hours; in
    # the worst weather 9 in 3.
    hours = [(FINE, 1), (FINE, 0), (FINE, 0), (WORST, 2), (WORST, 3), (WORST, 4)]
    tiles = TilesInMemory(
        accidents=[accidents(NOON + n * HOUR, "ped", count) for n, (_, count) in enumerate(hours) if count],
        weather_data=[report(NOON + n * HOUR + MINUTE, *weather) for n, (weather, _) in enumerate(hours)],
    )
    rows = [row for row in outputs(NAME, tiles) if row["mode_type"] == "ped"]
    margin = 1.959963984540054 * (1 / 9 - 1 / 10) ** 0.5
    columns = (
        "accidents_per_hour_28d",
        "same_weather_hours_28d",
        "accidents_per_hour_same_weather_28d",
        "observed_weather_risk_ratio",
        "same_weather_accidents_28d",
        "observed_weather_risk_ratio_ci_low",
        "observed_weather_risk_ratio_ci_high",
    )
    assert shown(rows[-1], *columns) == {
        "accidents_per_hour_28d": pytest.approx(10 / 6, rel=1e-12),
        "same_weather_hours_28d": 3,
        "accidents_per_hour_same_weather_28d": 3.0,
        "observed_weather_risk_ratio": pytest.approx(3 / (10 / 6), rel=1e-12),
        "same_weather_accidents_28d": 9,
        "observed_weather_risk_ratio_ci_low": pytest.approx(1.8 * math.exp(-margin), rel=1e-12),
        "observed_weather_risk_ratio_ci_high": pytest.approx(1.8 * math.exp(margin), rel=1e-12),
    }
    two_hours_are_too_few = shown(rows[-2], *columns[-4:])
    assert tuple(two_hours_are_too_few.values()) == (None, 5, None, None)


def test_a_ratio_of_no_accidents_has_no_interval() -> None:
    hours = [(FINE, 2), (WORST, 0), (WORST, 0), (WORST, 0)]
    tiles = TilesInMemory(
        accidents=[accidents(NOON, "ped", 2)],
        weather_data=[report(NOON + n * HOUR + MINUTE, *weather) for n, (weather, _) in enumerate(hours)],
    )
    rows = outputs(NAME, tiles)[-3:]
    ratio = "observed_weather_risk_ratio"
    columns = (ratio, "same_weather_accidents_28d", f"{ratio}_ci_low", f"{ratio}_ci_high")
    assert {mode: tuple(shown(row, *columns).values()) for mode, row in modes(rows).items()} == {
        "ped": (0.0, 0, None, None),
        "bike": (None, 0, None, None),  # no accident at all
        "mv": (None, 0, None, None),
    }


def test_unknown_weather_is_compared_with_nothing() -> None:
    tiles = TilesInMemory(accidents=[accidents(NOON, "mv")])
    row = modes(outputs(NAME, tiles))["mv"]
    assert row["accidents_per_hour_28d"] == 1.0
    columns = ("same_weather_hours_28d", "accidents_per_hour_same_weather_28d", "same_weather_accidents_28d")
    assert [row[name] for name in columns] == [None] * 3


def test_28_days_back_is_just_outside() -> None:
    tiles = TilesInMemory(accidents=[accidents(NOON - timedelta(days=28), "mv", 7), accidents(NOON, "mv", 1)])
    assert modes(outputs(NAME, tiles))["mv"]["accidents_per_hour_28d"] == 1.0
