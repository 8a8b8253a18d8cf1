import math
from typing import Any

import pyarrow as pa
import pytest

from tests.analytics.tiles import queries


def values(*formulas: str) -> list[Any]:
    """What they give, of constants."""
    row = queries().result({}, f"SELECT {', '.join(f'{one} AS v{n}' for n, one in enumerate(formulas))}")
    return [column[0].as_py() for column in row.columns]


def number(value: float | None) -> str:
    return "NULL::DOUBLE" if value is None else f"{value!r}::DOUBLE"


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
    assert values(f"r_strength({number(r)})") == [strength]


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
    low, high = values(f"r_ci_low({number(r)}, {n})", f"r_ci_high({number(r)}, {n})")
    if interval is None:
        assert (low, high) == (None, None)
    else:
        assert (low, high) == pytest.approx(interval, rel=1e-6)


EFFECTIVE_CASES = {  # r, n, k -> effective n
    "samples that say nothing of the next": (0.5, 10, 0.0, 10.0),
    "nor more if neighbours differ": (0.5, 10, -0.4, 10.0),
    "a third as many": (0.5, 12, 0.5, 4.0),
    "one sample, again and again": (0.5, 12, 1.0, 0.0),
    "nothing known of the neighbours": (0.5, 12, None, None),
    "no r": (None, 12, 0.5, None),
}


@pytest.mark.parametrize(("r", "n", "k", "effective"), EFFECTIVE_CASES.values(), ids=EFFECTIVE_CASES)
def test_effective_n(r: float | None, n: int, k: float | None, effective: float | None) -> None:
    assert values(f"effective_n({number(r)}, {n}::BIGINT, {number(k)})") == [effective]


@pytest.mark.parametrize(("effective", "is_known"), [(3 + 4e-7, False), (3 + 1e-6, True), (None, False)])
def test_rounding_lifts_no_effective_n_above_three(effective: float | None, is_known: bool) -> None:
    bounds = values(f"r_ci_low(0.5, {number(effective)})", f"r_ci_high(0.5, {number(effective)})")
    assert [bound is not None for bound in bounds] == [is_known, is_known]


def r_of(*samples: tuple[float | None, float | None]) -> float | None:
    x, y = (pa.array([sample[place] for sample in samples], pa.float64()) for place in (0, 1))
    found = queries().result({"samples": pa.table({"x": x, "y": y})}, "SELECT r_of(y, x) AS r FROM samples")
    r: float | None = found["r"][0].as_py()
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
