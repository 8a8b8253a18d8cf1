"""The exact solver against the closed formulas of the specification, in plain doubles."""

from math import sqrt
from statistics import fmean

import pytest

from tests.analytics.reference.regression import Fit, Sample, rolling_fits

X = [(0.3, 0.1, 0.5), (0.4, 0.5, 0.45), (0.9, 0.2, 0.7), (0.1, 0.3, 0.2), (0.6, 0.6, 0.95)]
X += [(0.7, 0.1, 0.3), (0.2, 0.8, 0.6), (0.5, 0.4, 0.85), (0.8, 0.9, 0.4)]
Y = [1.1, 0.7, 1.9, 0.4, 2.2, 1.0, 0.9, 1.8, 1.2]


def covariance(a: list[float], b: list[float]) -> float:
    return fmean([(p - fmean(a)) * (q - fmean(b)) for p, q in zip(a, b, strict=True)])


def last_fit(x: list[tuple[float, float, float]], y: list[float]) -> Fit:
    samples = [Sample(position, *pair) for position, pair in enumerate(zip(y, x, strict=True))]
    return rolling_fits([*samples, Sample(len(samples), 0.0, (0.5, 0.5, 0.5))], lookback=1000)[-1]


def test_the_fit_is_that_of_the_specification() -> None:
    columns = [list(column) for column in zip(*X, strict=True)]
    spread = [sqrt(covariance(column, column)) for column in columns]
    y_spread = sqrt(covariance(Y, Y))
    cy1, cy2, cy3 = (covariance(Y, columns[j]) / y_spread / spread[j] for j in range(3))
    c12, c13, c23 = (covariance(columns[i], columns[j]) / spread[i] / spread[j] for i, j in ((0, 1), (0, 2), (1, 2)))
    det = 1 + 2 * c12 * c13 * c23 - c12**2 - c13**2 - c23**2
    z1 = ((1 - c23**2) * cy1 + (c13 * c23 - c12) * cy2 + (c12 * c23 - c13) * cy3) / det
    z2 = ((c13 * c23 - c12) * cy1 + (1 - c13**2) * cy2 + (c12 * c13 - c23) * cy3) / det
    z3 = ((c12 * c23 - c13) * cy1 + (c12 * c13 - c23) * cy2 + (1 - c12**2) * cy3) / det
    b1, b2, b3 = (z * y_spread / spread[j] for j, z in enumerate((z1, z2, z3)))
    b0 = fmean(Y) - b1 * fmean(columns[0]) - b2 * fmean(columns[1]) - b3 * fmean(columns[2])
    r_squared = z1 * cy1 + z2 * cy2 + z3 * cy3

    fit = last_fit(X, Y)

    assert fit.sample_count == 9
    assert fit.intercept == pytest.approx(b0)
    assert fit.coefficients == pytest.approx((b1, b2, b3))
    assert fit.r_squared == pytest.approx(r_squared)
    assert fit.adjusted_r_squared == pytest.approx(1 - (1 - r_squared) * 8 / 5)
    assert fit.residual_std == pytest.approx(sqrt((1 - r_squared) * 9 * covariance(Y, Y) / 5))
    assert fit.prediction == pytest.approx(b0 + 0.5 * (b1 + b2 + b3))


def test_no_fit_below_eight_samples_without_spread_or_with_dependent_columns() -> None:
    assert last_fit(X[:7], Y[:7]) == Fit(7)
    assert last_fit(X, [0.1] * 9) == Fit(9)
    assert last_fit([(a, 0.3, c) for a, _, c in X], Y) == Fit(9)
    assert last_fit([(a, a, c) for a, _, c in X], Y) == Fit(9)
    assert last_fit(X[:8], Y[:8]).intercept is not None
