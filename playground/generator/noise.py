"""Smooth noise that can be evaluated at any time without its past, so that a run can start or resume anywhere."""

import math
from functools import lru_cache
from random import Random


@lru_cache(maxsize=65536)
def _knot(seed: int, name: str, index: int) -> float:
    return Random(f"{seed}/{name}/{index}").gauss(0.0, 1.0)


def smooth_noise(seed: int, name: str, at_h: float, spacing_h: float) -> float:
    """Return noise that is standard normal at every instant and correlated over about `spacing_h` hours."""
    index, along = divmod(at_h / spacing_h, 1.0)
    right = (1.0 - math.cos(math.pi * along)) / 2.0
    left = 1.0 - right
    mixed = left * _knot(seed, name, int(index)) + right * _knot(seed, name, int(index) + 1)
    # Without this the variance would fall by half between two knots.
    return mixed / math.sqrt(left * left + right * right)
