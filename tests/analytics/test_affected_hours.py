"""Reach, against brute force: what changed when everything is recomputed lies in the hours that reach names."""

import random
from datetime import datetime, timedelta
from math import isclose

import pytest

from spark_jobs.analytics.affected_hours import every_hour, output_hours
from spark_jobs.analytics.combined_windows import Durations
from spark_jobs.analytics.declaration import Declaration
from spark_jobs.analytics.refresh import declaration_of, refresh
from spark_jobs.catalog import ANALYTICS
from spark_jobs.rollup.day_files import changed_tiles
from tests.analytics.tiles import NOON, Row, TilesInMemory, accidents, bikes, queries, report, ride, tile_table

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

DURATIONS = {
    "the defaults": Durations(),
    "windows of half an hour, hours of 90 minutes": Durations(30 * MINUTE, 90 * MINUTE, 10 * MINUTE),
    "windows longer than hours": Durations(40 * MINUTE, 20 * MINUTE, 20 * MINUTE),
    "hours longer than the weather holds": Durations(15 * MINUTE, 8 * HOUR, 15 * MINUTE),
}


def random_rows(rng: random.Random, feed: str, count: int, span: timedelta) -> list[Row]:
    """Events here and there, with holes: hours without any."""
    moments = [NOON + rng.randrange(span // MINUTE) * MINUTE for _ in range(count)]
    at = [moment for moment in moments if moment.hour not in (3, 4, 5, 17)] or [NOON]
    match feed:
        case "bike_trips":
            return [bikes(moment, rng.randrange(1, 30)) for moment in at]
        case "taxi_trips":
            return [
                ride(
                    moment,
                    rng.choice(["Uber", "Lyft"]),
                    10.0,
                    rng.choice([1.0, 1.5]),
                    rng.uniform(-5, 30),
                    rng.random(),
                )
                for moment in at
            ]
        case "weather_data":
            return [random_report(rng, moment) for moment in at]
        case _:
            return [accidents(moment, rng.choice(["mv", "bike"])) for moment in at]


def random_report(rng: random.Random, moment: datetime) -> Row:
    """A report that lacks some of its elements."""
    elements = (rng.uniform(-5, 30), rng.uniform(0, 15), 9000.0, 0.5)
    temperature_c, wind_ms, visibility_m, rain_mm_per_h = (rng.choice([None, value]) for value in elements)
    return report(moment, temperature_c, wind_ms, visibility_m, rain_mm_per_h)


def all_hours(declaration: Declaration, durations: Durations, tiles: TilesInMemory) -> dict[datetime, list[Row]]:
    starts = tiles.starts(*declaration.reads)
    hours = every_hour(starts[0], starts[-1], declaration, durations)
    return {hour: table.to_pylist() for hour, table in refresh(queries(), tiles, declaration, durations, hours)}


CASES = [(analytic.name, "the defaults") for analytic in ANALYTICS] + [
    (name, durations)  # one of each shape: sliding, hours, hours made of combined windows
    for name in ("surge_weather_correlation", "transport_usage_summary", "weather_binned_metrics")
    for durations in DURATIONS
    if durations != "the defaults"
]


@pytest.mark.parametrize(("name", "length"), CASES)
def test_only_the_hours_in_reach_change(name: str, length: str) -> None:
    rng = random.Random(name)
    declaration, durations = declaration_of(name), DURATIONS[length]
    span = min(declaration.lookback, 9 * DAY) + DAY
    feeds = ("bike_trips", "taxi_trips", "weather_data", "accidents")
    tiles = TilesInMemory(**{feed: random_rows(rng, feed, 60, span) for feed in feeds})
    known = all_hours(declaration, durations, tiles)
    for feed in feeds:
        batch = {feed: tile_table(feed, random_rows(rng, feed, 1, span))}
        tiles.add(feed, batch[feed])
        last = tiles.starts(*declaration.reads)[-1]
        reached = output_hours(changed_tiles(batch), declaration, durations, last)
        assert bool(reached) == (feed in declaration.reads)
        # exactly what a live query does: replace the hours in reach, leave all others
        known |= {h: t.to_pylist() for h, t in refresh(queries(), tiles, declaration, durations, reached)}
        truth = all_hours(declaration, durations, tiles)
        assert differences(known, truth) == []


def differences(ours: dict[datetime, list[Row]], truth: dict[datetime, list[Row]]) -> list[object]:
    """The hours whose rows differ by more than the order of summing explains; an hour without rows is no file."""
    hours = sorted(hour for hour in ours.keys() | truth.keys())
    return [hour for hour in hours if not same(ours.get(hour, []), truth.get(hour, []))]


def same(ours: list[Row], truth: list[Row]) -> bool:
    return len(ours) == len(truth) and all(
        alike(value, row[name]) for our_row, row in zip(ours, truth, strict=True) for name, value in our_row.items()
    )


def alike(value: object, other: object) -> bool:
    if isinstance(value, float) and isinstance(other, float):
        return isclose(value, other, rel_tol=1e-9, abs_tol=1e-9)
    return value == other


def reached(name: str, feed: str, tile: datetime, last: datetime) -> list[datetime]:
    return output_hours({feed: [tile]}, declaration_of(name), Durations(), last)


def hours_from(first: datetime, last: datetime) -> list[datetime]:
    return [first + n * HOUR for n in range((last - first) // HOUR + 1)]


def test_a_live_tile_reaches_one_hour() -> None:
    tile = NOON + 30 * MINUTE
    for analytic in ANALYTICS:
        assert reached(analytic.name, "taxi_trips", tile, last=tile) == [NOON]
    # but the first tile of an hour is in the surge windows of the hour before
    assert reached("surge_weather_correlation", "taxi_trips", NOON, last=NOON) == [NOON - HOUR, NOON]


def test_a_late_tile_reaches_as_far_as_its_lookback() -> None:
    far = NOON + 90 * DAY
    late = NOON + 30 * MINUTE
    assert reached("transport_usage_summary", "bike_trips", late, far) == [NOON]
    assert reached("surge_weather_correlation", "taxi_trips", late, far) == hours_from(NOON, NOON + DAY)
    assert reached("pearson_correlations", "bike_trips", late, far) == hours_from(NOON, NOON + 7 * DAY)
    assert reached("weather_safety_analysis", "accidents", late, far) == hours_from(NOON, NOON + 28 * DAY)


def test_a_late_ride_is_the_naive_prediction_of_the_hour_a_week_later() -> None:
    declaration = declaration_of("multi_variable_summary")
    week_later = NOON + timedelta(hours=168)
    tiles = TilesInMemory(bike_trips=[bikes(NOON + 45 * MINUTE, 3), bikes(week_later + 30 * MINUTE, 5)])
    batch = {"bike_trips": tile_table("bike_trips", [bikes(NOON + 40 * MINUTE, 4)])}
    tiles.add("bike_trips", batch["bike_trips"])
    hours = output_hours(changed_tiles(batch), declaration, Durations(), week_later + 30 * MINUTE)
    assert hours[-1] == week_later
    *_, (hour, table) = refresh(queries(), tiles, declaration, Durations(), hours)
    assert (hour, table["naive_bike_demand_index"].to_pylist()) == (week_later, [4.0])


def test_a_late_report_reaches_three_hours_and_a_lookback_further() -> None:
    far = NOON + 90 * DAY
    first, *_, last = reached("pearson_correlations", "weather_data", NOON + 30 * MINUTE, far)
    assert (first, last) == (NOON, NOON + 7 * DAY + 3 * HOUR)
    # stamped on the hour: known at the end of the last window of the hour before
    assert reached("pearson_correlations", "weather_data", NOON - 5 * MINUTE, NOON)[0] == NOON - HOUR


def test_nothing_lies_beyond_the_last_tile() -> None:
    assert reached("pearson_correlations", "bike_trips", NOON, last=NOON + 3 * HOUR) == hours_from(
        NOON, NOON + 3 * HOUR
    )


def test_a_feed_that_is_not_read_reaches_nothing() -> None:
    assert reached("pearson_correlations", "accidents", NOON, last=NOON) == []


def test_tiles_together_reach_what_each_reaches() -> None:
    declaration = declaration_of("transport_usage_summary")
    tiles = {"bike_trips": [NOON, NOON + 2 * HOUR], "taxi_trips": [NOON + 10 * MINUTE]}
    assert output_hours(tiles, declaration, Durations(), NOON + DAY) == [NOON, NOON + 2 * HOUR]


def test_many_late_tiles_reach_each_hour_once() -> None:
    tiles = {"bike_trips": [NOON + n * 5 * MINUTE for n in range(24)], "taxi_trips": [NOON - DAY, NOON + 30 * DAY]}
    found = output_hours(tiles, declaration_of("surge_weather_correlation"), Durations(), NOON + 31 * DAY)
    assert found == sorted(set(found))
    assert found == [
        *hours_from(NOON - DAY - HOUR, NOON),
        *hours_from(NOON + 30 * DAY - HOUR, NOON + 31 * DAY),
    ]
