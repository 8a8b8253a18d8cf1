import math

import pytest

from tests.analytics.tiles import connection

STRENGTH_CASES = {
    "unknown": (None, "unknown"),
    "nothing": (0.0, "neutral"),
    "just below 0.1": (0.0999, "neutral"),
    "0.1 is weak": (0.1, "weak_positive"),
    "0.3 is moderate, whatever the last digits": (0.3 - 1e-12, "moderate_positive"),
    "and so on the other side": (-0.3 + 1e-12, "moderate_negative"),
    "0.5 is strong": (-0.5, "strong_negative"),
    "one": (1.0, "strong_positive"),
}


@pytest.mark.parametrize(("r", "strength"), STRENGTH_CASES.values(), ids=STRENGTH_CASES)
def test_strength(r: float | None, strength: str) -> None:
    assert connection().execute("SELECT r_strength($1::DOUBLE)", [r]).fetchall() == [(strength,)]


INTERVAL_CASES = {
    "three samples have none": (0.5, 3, None),
    "a perfect r has none": (1.0, 10, None),
    "nor one that is perfect but for rounding": (-1 + 1e-12, 10, None),
    "an unknown r has none": (None, 10, None),
    "half over a hundred": (
        0.5,
        103,
        (math.tanh(math.atanh(0.5) - 0.1959963984540054), math.tanh(math.atanh(0.5) + 0.1959963984540054)),
    ),
}


@pytest.mark.parametrize(("r", "n", "interval"), INTERVAL_CASES.values(), ids=INTERVAL_CASES)
def test_interval(r: float | None, n: int, interval: tuple[float, float] | None) -> None:
    low, high = connection().execute("SELECT r_ci_low($1::DOUBLE, $2), r_ci_high($1::DOUBLE, $2)", [r, n]).fetchall()[0]
    if interval is None:
        assert (low, high) == (None, None)
    else:
        assert (low, high) == pytest.approx(interval, rel=1e-6)


def r_of(*samples: tuple[float | None, float | None]) -> float | None:
    rows = ", ".join(f"({x}, {y})".replace("None", "NULL") for x, y in samples)
    r: float | None = (
        connection()
        .execute(
            f"""SELECT pearson_r(count(x), covar_pop(y, x), var_pop(x), var_pop(y), avg(x), avg(y))
            FROM (SELECT x::DOUBLE AS x, y::DOUBLE AS y FROM (VALUES {rows}) AS samples (x, y))"""
        )
        .fetchall()[0][0]
    )
    return r


def test_r() -> None:
    assert r_of((1, 2), (2, 4)) is None  # two samples
    assert r_of((1, 2), (2, 4), (3, 6)) == 1.0
    assert r_of((1, 6), (2, 4), (3, 2)) == -1.0
    assert r_of((0, 1), (1, 0), (2, 1)) == pytest.approx(0.0, abs=1e-15)
    assert r_of(*[(0.1, n) for n in range(500)]) is None  # a constant, awkward in doubles
    assert r_of(*[(n, 0.3) for n in range(500)]) is None


def test_no_spread_is_judged_on_the_values_as_they_are() -> None:
    # A wiggle of 0.1 has spread around 20, but not around 100,000: n*Sxx - Sx^2 <= 1e-10 * n*Sxx.
    wiggle = [(0.0, 1.0), (0.1, 2.0), (0.0, 3.0), (0.1, 4.0)]
    assert r_of(*[(20 + x, y) for x, y in wiggle]) == pytest.approx(1 / math.sqrt(5), rel=1e-9)
    assert r_of(*[(100_000 + x, y) for x, y in wiggle]) is None
