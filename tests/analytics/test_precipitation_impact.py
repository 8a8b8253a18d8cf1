from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.analytics.tiles import NOON, TilesInMemory, bikes, outputs, report, ride, shown, the_last

NAME = "precipitation_impact"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

INDICATOR_CASES = {  # mm/h, trace -> indicator, category, binary, substitution at 75 % taxis
    "unknown": (None, False, ("unknown", "unknown", None, None)),
    "dry": (0.0, False, ("dry", "none", 0, False)),
    "a trace": (0.0, True, ("possibly_precipitating", "light", 1, True)),
    "2.5 is light": (2.5, False, ("likely_precipitating", "light", 1, True)),
    "7.6 is moderate": (7.6, False, ("likely_precipitating", "moderate", 1, True)),
    "heavy": (7.7, False, ("likely_precipitating", "heavy", 1, True)),
}


@pytest.mark.parametrize(("rain", "trace", "expected"), INDICATOR_CASES.values(), ids=INDICATOR_CASES)
def test_indicators(rain: float | None, trace: bool, expected: tuple[str, str, int | None, bool | None]) -> None:
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON, 1)],
        taxi_trips=[ride(NOON) for _ in range(3)],
        weather_data=[report(NOON, rain_mm_per_h=rain, trace=trace)],
    )
    row = the_last(NAME, tiles)
    columns = (
        "precipitation_indicator",
        "precip_category",
        "precipitation_binary",
        "weather_driven_mode_substitution",
    )
    assert tuple(shown(row, *columns).values()) == expected
    assert (row["bike_mode_share_pct"], row["taxi_mode_share_pct"]) == (25.0, 75.0)


def test_unknown_rain_at_a_low_taxi_share_is_no_substitution() -> None:
    # null AND false is false
    row = the_last(NAME, TilesInMemory(bike_trips=[bikes(NOON, 1)]))
    assert row["weather_driven_mode_substitution"] is False


def week(windows: Sequence[tuple[datetime, int, int, float | None]]) -> TilesInMemory:
    """(start, rentals, rides, mm/h) -> tiles"""
    return TilesInMemory(
        bike_trips=[bikes(at, rentals) for at, rentals, _, _ in windows if rentals],
        taxi_trips=[ride(at) for at, _, rides, _ in windows for _ in range(rides)],
        weather_data=[report(at + MINUTE, rain_mm_per_h=rain) for at, _, _, rain in windows],
    )


# Weekday noon: dry 100 and 60 (mean 80), wet 20 and 40. Weekday 14:00: dry 30, wet 30. Weekday 17:00: wet only, 999.
WEEK = [
    (NOON - 2 * DAY, 100, 1, 0.0),
    (NOON - 2 * DAY + 15 * MINUTE, 60, 3, 0.0),
    (NOON - DAY, 20, 4, 1.0),
    (NOON - DAY + 2 * HOUR, 30, 5, 0.0),
    (NOON - DAY + 5 * HOUR, 999, 9, 1.0),
    (NOON - 2 * HOUR, 7, 7, None),
    (NOON, 40, 2, 1.0),
]
LATER = (NOON + 2 * HOUR, 30, 5, 1.0)


def test_rain_is_compared_with_the_same_hours_when_dry() -> None:
    row = the_last(NAME, week([*WEEK, LATER]))
    # bikes: wet 20 + 40 + 30 = 90; when dry 2 * 80 + 1 * 30 = 190. taxis: 4 + 2 + 5 = 11; when dry 2 * 2 + 5 = 9.
    # the window two hours before noon knows no rain at all
    assert (row["wet_window_count"], row["dry_window_count"], row["matched_wet_window_count"]) == (4, 3, 3)
    assert row["precip_bike_impact_score"] == pytest.approx(100 * (90 / 190 - 1), rel=1e-12)
    assert row["precip_taxi_boost_score"] == pytest.approx(100 * (11 / 9 - 1), rel=1e-12)


def test_two_matched_windows_are_too_few() -> None:
    row = the_last(NAME, week(WEEK))
    assert (row["matched_wet_window_count"], row["precip_bike_impact_score"]) == (2, None)


def test_nothing_when_dry_is_no_divisor() -> None:
    windows = [(NOON - n * 15 * MINUTE, 0, 1, 1.0) for n in (1, 2, 3)] + [(NOON, 0, 1, 1.0)]
    dry = [(NOON - DAY, 0, 2, 0.0), (NOON - DAY - HOUR, 0, 2, 0.0)]
    row = the_last(NAME, week([*dry, *windows]))
    assert (row["matched_wet_window_count"], row["precip_bike_impact_score"]) == (4, None)
    assert row["precip_taxi_boost_score"] == pytest.approx(-50.0)


QUARTER = 15 * MINUTE
EPISODES = {  # the wet windows of a week (from noon), how many episodes
    "one window": ([timedelta(0)], 1),
    "neighbours": ([timedelta(0), QUARTER, 2 * QUARTER], 1),
    "exactly three hours between end and start": ([timedelta(0), QUARTER + 3 * HOUR], 1),
    "a window more between them": ([timedelta(0), 2 * QUARTER + 3 * HOUR], 2),
    "each break counts on its own": ([timedelta(0), 3 * HOUR, 6 * HOUR, 12 * HOUR, 13 * HOUR], 2),
    "the rain that it went on from is a week old": ([timedelta(0), HOUR, 7 * DAY], 2),
    "rain within the week joins": ([QUARTER, HOUR, 7 * DAY], 2),
    "exactly a week is out, and joins nothing": ([timedelta(0), 2 * HOUR, 4 * HOUR, 7 * DAY], 2),
}


@pytest.mark.parametrize(("wet", "episodes"), EPISODES.values(), ids=EPISODES)
def test_rain_comes_in_episodes(wet: list[timedelta], episodes: int) -> None:
    """Dry windows between them change nothing, nor do such of which nothing is known."""
    dry = {NOON + at + QUARTER: 0.0 for at in wet}
    unknown = {NOON + at + 2 * QUARTER: None for at in wet[:1]}
    rain = unknown | dry | {NOON + at: 0.3 for at in wet}
    last = NOON + wet[-1]
    row = the_last(NAME, week([(at, 10, 1, rain[at]) for at in sorted(rain) if at <= last]))
    assert (row["window_start"], row["wet_episode_count"]) == (last, episodes)


def test_without_any_known_rain_counts_are_zero() -> None:
    rows = outputs(NAME, TilesInMemory(bike_trips=[bikes(NOON, 1)]))
    counts = ("wet_window_count", "dry_window_count", "matched_wet_window_count", "wet_episode_count")
    assert tuple(shown(rows[0], *counts, "precip_bike_impact_score").values()) == (0, 0, 0, 0, None)
