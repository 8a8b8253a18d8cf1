"""The least squares of analytics.md section 12, solved exactly: every number is a fraction, so nothing is lost."""

from collections.abc import Sequence
from fractions import Fraction
from math import sqrt
from typing import NamedTuple

NO_SPREAD = Fraction(1, 10**10)
SINGULAR = Fraction(1, 10**9)
PERFECT = 1 - Fraction(1, 10**9)

Matrix = Sequence[Sequence[Fraction]]


class Sample(NamedTuple):
    """One combined window; x holds temperature, wind and score normalised, or None unless all three are known."""

    window_start: int
    y: float
    x: tuple[float, float, float] | None


class Fit(NamedTuple):
    """The model of one window; `sample_count` stands without a fit too."""

    sample_count: int
    intercept: float | None = None
    coefficients: tuple[float, float, float] | None = None
    r_squared: float | None = None
    adjusted_r_squared: float | None = None
    residual_std: float | None = None
    prediction: float | None = None


class Sums:
    """Exact n, sums and sums of products of (y, x1, x2, x3) over a moving set of samples."""

    def __init__(self) -> None:
        self.n = 0
        self.single = [Fraction(0)] * 4
        self.product = [[Fraction(0)] * 4 for _ in range(4)]

    def change(self, values: Sequence[Fraction], sign: int) -> None:
        self.n += sign
        for i in range(4):
            self.single[i] += sign * values[i]
            for j in range(i, 4):
                self.product[i][j] += sign * values[i] * values[j]

    def centred(self, i: int, j: int) -> Fraction:
        """n * Sij - Si * Sj = n^2 times the population covariance."""
        return self.n * self.product[min(i, j)][max(i, j)] - self.single[i] * self.single[j]

    def has_spread(self, i: int) -> bool:
        return self.centred(i, i) > NO_SPREAD * self.n * self.product[i][i]


def rolling_fits(samples: Sequence[Sample], lookback: int) -> list[Fit]:
    """For each sample (in order of time) the fit to those before it, at most `lookback` microseconds older."""
    sums = Sums()
    fits = []
    exact = [_exact(sample) for sample in samples]
    oldest = 0
    for position, sample in enumerate(samples):
        while samples[oldest].window_start < sample.window_start - lookback:
            values = exact[oldest]
            if values is not None:
                sums.change(values, -1)
            oldest += 1
        fits.append(_fit(sums, sample))
        own = exact[position]
        if own is not None:
            sums.change(own, 1)
    return fits


def _exact(sample: Sample) -> tuple[Fraction, ...] | None:
    return None if sample.x is None else tuple(Fraction(value) for value in (sample.y, *sample.x))


def _fit(sums: Sums, sample: Sample) -> Fit:
    n = sums.n
    if n < 8 or not all(sums.has_spread(i) for i in range(4)):
        return Fit(n)
    covariance = [[sums.centred(i, j) for j in (1, 2, 3)] for i in (1, 2, 3)]
    with_y = [sums.centred(0, j) for j in (1, 2, 3)]
    determinant = _determinant(covariance)
    if determinant < SINGULAR * covariance[0][0] * covariance[1][1] * covariance[2][2]:
        return Fit(n)
    slopes = [_determinant(_with_column(covariance, j, with_y)) / determinant for j in range(3)]
    intercept = (sums.single[0] - sum(slopes[j] * sums.single[j + 1] for j in range(3))) / n
    y_spread = sums.centred(0, 0)
    r_squared = min(sum((slopes[j] * with_y[j] for j in range(3)), Fraction(0)) / y_spread, Fraction(1))
    if r_squared > PERFECT:
        r_squared = Fraction(1)
    prediction = None
    if sample.x is not None:
        prediction = float(intercept + sum(slopes[j] * Fraction(sample.x[j]) for j in range(3)))
    return Fit(
        sample_count=n,
        intercept=float(intercept),
        coefficients=(float(slopes[0]), float(slopes[1]), float(slopes[2])),
        r_squared=float(r_squared),
        adjusted_r_squared=float(1 - (1 - r_squared) * (n - 1) / (n - 4)),
        residual_std=sqrt((1 - r_squared) * y_spread / n / (n - 4)),
        prediction=prediction,
    )


def _determinant(m: Matrix) -> Fraction:
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )


def _with_column(m: Matrix, column: int, values: Sequence[Fraction]) -> Matrix:
    """The matrix with one column replaced (Cramer's rule)."""
    return [[values[i] if j == column else m[i][j] for j in range(3)] for i in range(3)]
