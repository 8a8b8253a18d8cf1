import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import correlation

import pytest

from tests.analytics.tiles import NOON, Row, TilesInMemory, bikes, outputs, report, ride, shown

NAME = "pearson_correlations"
MINUTE = timedelta(minutes=1)
QUARTER = 15 * MINUTE
DAY = timedelta(hours=24)
Z = 1.959963984540054

# rentals and temperature of four quarter hours: r = 2 / sqrt(5), see below
QUARTERS = [(10, 0.0), (10, 10.0), (20, 20.0), (20, 30.0)]
R = 2 / math.sqrt(5)


def quarters(first: datetime) -> TilesInMemory:
    starts = [first + n * 15 * MINUTE for n in range(len(QUARTERS))]
    return TilesInMemory(
        bike_trips=[bikes(at, rentals) for at, (rentals, _) in zip(starts, QUARTERS, strict=True)],
        taxi_trips=[ride(starts[0])],
        weather_data=[report(at + MINUTE, t) for at, (_, t) in zip(starts, QUARTERS, strict=True)],
    )


def test_two_rows_per_window() -> None:
    rows = outputs(NAME, quarters(NOON))
    assert [row["lookback_hours"] for row in rows] == [24, 168] * 4
    assert [row["bike_temp_n"] for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_r_interval_and_strength() -> None:
    # x = 0, 10, 20, 30 (mean 15), y = 10, 10, 20, 20 (mean 15): Sxy 200, Sxx 500, Syy 100
    row = outputs(NAME, quarters(NOON))[-1]
    assert row["bike_temp_correlation"] == pytest.approx(200 / math.sqrt(500 * 100), rel=1e-9)
    assert row["bike_temp_ci_low"] == pytest.approx(math.tanh(math.atanh(R) - 1.959963984540054), rel=1e-9)
    assert row["bike_temp_ci_high"] == pytest.approx(math.tanh(math.atanh(R) + 1.959963984540054), rel=1e-9)
    assert row["bike_temp_correlation_strength"] == "strong_positive"


def test_totals_and_taxis_have_their_own_r() -> None:
    row = outputs(NAME, quarters(NOON))[-1]
    # taxis 1, 0, 0, 0: Sxy = -15, Syy = 3/4
    assert row["taxi_temp_correlation"] == pytest.approx(-15 / math.sqrt(500 * 0.75), rel=1e-9)
    # total 11, 10, 20, 20: mean 15.25, Sxy = 185, Syy = 90.75
    assert row["total_temp_correlation"] == pytest.approx(185 / math.sqrt(500 * 90.75), rel=1e-9)


def test_an_unknown_element_has_no_samples_and_no_r() -> None:
    row = outputs(NAME, quarters(NOON))[-1]
    columns = ("bike_wind_correlation", "bike_wind_n", "bike_wind_ci_low", "bike_wind_correlation_strength")
    assert tuple(shown(row, *columns).values()) == (None, 0, None, "unknown")
    assert (row["bike_wind_product"], row["taxi_wind_product"]) == (None, None)


def test_products_are_of_this_window() -> None:
    row = outputs(NAME, quarters(NOON))[-1]
    assert (row["bike_temp_product"], row["taxi_temp_product"]) == (600.0, 0.0)


def test_a_day_back_is_just_outside_the_day_and_inside_the_week() -> None:
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON - timedelta(hours=24), 1), bikes(NOON, 1)],
        weather_data=[report(NOON - timedelta(hours=24), 1.0), report(NOON, 2.0)],
    )
    day, week = outputs(NAME, tiles)[-2:]
    assert (day["bike_temp_n"], week["bike_temp_n"]) == (1, 2)


def of_the_week(starts: Sequence[datetime], rentals: Sequence[int], temperatures: Sequence[float]) -> list[Row]:
    """The rows with the longer lookback, one per window."""
    tiles = TilesInMemory(
        bike_trips=[bikes(at, count) for at, count in zip(starts, rentals, strict=True)],
        weather_data=[report(at + MINUTE, reading) for at, reading in zip(starts, temperatures, strict=True)],
    )
    return outputs(NAME, tiles)[1::2]


def effective(row: Row) -> tuple[float | None, float | None, float | None]:
    return row["bike_temp_effective_n"], row["bike_temp_eff_ci_low"], row["bike_temp_eff_ci_high"]


def in_a_row(count: int) -> list[datetime]:
    return [NOON + n * QUARTER for n in range(count)]


def test_effective_n_by_hand() -> None:
    # Temperatures 0 10, 10 20, 20 30: lagged r 1. Rentals 10 10, 10 20, 20 20: products of deviations (2 - 1 + 2) / 9,
    # squares 6 / 9 and 6 / 9, in hundreds: lagged r 1/2.
    *_, three, four = of_the_week(in_a_row(4), *zip(*QUARTERS, strict=True))
    assert four["bike_temp_effective_n"] == pytest.approx(4 * (1 - 0.5) / (1 + 0.5), rel=1e-9)
    assert (four["bike_temp_eff_ci_low"], four["bike_temp_eff_ci_high"]) == (None, None)  # no more than 3
    assert four["bike_temp_ci_low"] is not None
    # three windows are two successions: too few, although the third has a successor by now
    assert three["bike_temp_correlation"] is not None
    assert effective(three) == (None, None, None)


def test_the_effective_interval_of_persistent_weather_is_the_wider_one() -> None:
    noise = random.Random(5)
    warmth, persistent = 10.0, []
    for _ in range(80):
        warmth += 0.8 * (10 - warmth) / 4 + noise.gauss(0, 2)
        persistent.append(round(warmth, 1))
    rentals = [round(40 + 3 * t + noise.gauss(0, 12)) for t in persistent]
    starts = [at for n, at in enumerate(in_a_row(82)) if n not in (20, 50)]  # two holes: three runs

    row = of_the_week(starts, rentals, persistent)[-1]

    following = [n for n in range(79) if starts[n + 1] - starts[n] == QUARTER]
    assert len(following) == 77
    a_x, a_y = (correlation([of[n] for n in following], [of[n + 1] for n in following]) for of in (persistent, rentals))
    k = a_x * a_y
    n_effective = 80 * (1 - k) / (1 + k)
    r = correlation(persistent, rentals)
    assert 10 < n_effective < 70
    half = Z / math.sqrt(n_effective - 3)
    assert effective(row) == pytest.approx(
        (n_effective, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)), rel=1e-9
    )
    assert row["bike_temp_eff_ci_low"] < row["bike_temp_ci_low"]
    assert row["bike_temp_eff_ci_high"] > row["bike_temp_ci_high"]


def test_neighbours_that_differ_leave_n_as_it_is() -> None:
    # Temperatures rise (lagged r 1), rentals go up and down (-1): k = 0. Sxy = 0.
    row = of_the_week(in_a_row(5), [10, 20, 10, 20, 10], [0.0, 10.0, 20.0, 30.0, 40.0])[-1]
    assert effective(row) == (5.0, row["bike_temp_ci_low"], row["bike_temp_ci_high"])
    assert row["bike_temp_ci_low"] == pytest.approx(-math.tanh(Z / math.sqrt(2)), rel=1e-9)


def test_nothing_known_of_the_neighbours_is_no_effective_n() -> None:
    constant_until_the_last = of_the_week(in_a_row(4), [10, 10, 10, 20], [0.0, 10.0, 20.0, 30.0])[-1]
    with_a_hole = of_the_week([*in_a_row(3), NOON + 4 * QUARTER], [10, 11, 20, 20], [0.0, 10.0, 20.0, 30.0])[-1]
    constant = of_the_week(in_a_row(5), [10] * 5, [0.0, 10.0, 20.0, 10.0, 30.0])[-1]
    for row in (constant_until_the_last, with_a_hole):
        assert row["bike_temp_ci_low"] is not None
        assert effective(row) == (None, None, None)
    assert (constant["bike_temp_correlation"], effective(constant)) == (None, (None, None, None))


def test_a_perfect_r_has_an_effective_n_and_no_interval() -> None:
    # 10 20, 20 10, 10 20, 20 10, 10 20: lagged r -1 of both, so that k = 1
    row = of_the_week(in_a_row(6), [10, 20] * 3, [1.0, 2.0] * 3)[-1]
    assert row["bike_temp_correlation"] == pytest.approx(1.0)
    assert row["bike_temp_effective_n"] == pytest.approx(0.0, abs=1e-9)
    assert effective(row)[1:] == (None, None)


def test_an_unknown_reading_is_nobodys_successor() -> None:
    # A reading holds for three hours: nothing is known of the two windows from 15:30 to 16:00.
    starts = in_a_row(19)
    reported = {0: 0.0, 1: 3.0, 2: 1.0, 16: 7.0, 17: 5.0, 18: 6.0}
    rentals = [10 + n + n * n % 7 for n in range(19)]
    tiles = TilesInMemory(
        bike_trips=[bikes(at, count) for at, count in zip(starts, rentals, strict=True)],
        weather_data=[report(starts[n] + MINUTE, t) for n, t in reported.items()],
    )
    known = {n: reported.get(n, 1.0) for n in range(19) if n not in (14, 15)}
    first = [n for n in known if n + 1 in known]
    a_x = correlation([known[n] for n in first], [known[n + 1] for n in first])
    a_y = correlation([rentals[n] for n in first], [rentals[n + 1] for n in first])
    k = a_x * a_y
    assert k > 0
    row = outputs(NAME, tiles)[-1]
    assert row["bike_temp_n"] == 17
    assert row["bike_temp_effective_n"] == pytest.approx(17 * (1 - k) / (1 + k), rel=1e-9)


def test_both_of_a_succession_lie_in_the_lookback() -> None:
    # The first window is exactly a day before the last: of the day, only two successions are left. Of the week's three,
    # 1 3, 3 2, 2 5 (and ten times as many rentals), the products of deviations are (1 - 4 + 0) / 3, the squares 2 and
    # 14 / 3: k = 3 / 28.
    starts = [*[at - DAY for at in in_a_row(4)], NOON]
    tiles = TilesInMemory(
        bike_trips=[bikes(at, rentals) for at, rentals in zip(starts, (10, 30, 20, 50, 40), strict=True)],
        weather_data=[report(at + MINUTE, t) for at, t in zip(starts, (1.0, 3.0, 2.0, 5.0, 4.0), strict=True)],
    )
    day, week = outputs(NAME, tiles)[-2:]
    assert (day["bike_temp_n"], day["bike_temp_effective_n"]) == (4, None)
    assert (week["bike_temp_n"], week["bike_temp_effective_n"]) == (5, pytest.approx(5 * 25 / 31, rel=1e-9))
