"""The ground truth: how many trips, rides and accidents a quarter hour has.

docs/playground-ground-truth.md states the same rules.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from playground.generator.clock import boston_time
from playground.generator.weather import CLEAR_M, Weather

BIKES_PER_QUARTER = 150.0
TAXIS_PER_QUARTER = 60.0
ACCIDENTS_PER_QUARTER = 0.105

BEST_TEMPERATURE_C = 17.5
COLD_WIDTH_C = 6.5
HOT_WIDTH_C = 3.5

# Relative demand per local hour 0-23; each is scaled to a mean of 1.
BIKE_WEEKDAY = (3, 2, 1, 1, 2, 5, 10, 19, 25, 15, 11, 11, 12, 12, 12, 14, 18, 25, 21, 15, 11, 8, 6, 4)
BIKE_WEEKEND = (5, 4, 3, 2, 1, 2, 3, 6, 9, 12, 15, 17, 17, 17, 17, 17, 16, 15, 13, 10, 8, 7, 6, 5)
TAXI_WEEKDAY = (6, 4, 3, 3, 4, 6, 9, 13, 14, 11, 10, 10, 11, 11, 11, 12, 14, 16, 16, 14, 13, 12, 11, 9)
TAXI_WEEKEND = (14, 14, 11, 6, 4, 3, 4, 5, 7, 9, 10, 11, 12, 12, 12, 12, 12, 13, 14, 14, 14, 14, 15, 15)
TRAFFIC_WEEKDAY = (4, 3, 2, 2, 3, 5, 9, 13, 14, 11, 10, 11, 12, 12, 13, 15, 17, 18, 16, 13, 10, 9, 7, 5)
TRAFFIC_WEEKEND = (8, 8, 7, 4, 3, 3, 4, 5, 7, 9, 11, 12, 13, 13, 13, 13, 12, 12, 12, 11, 10, 9, 9, 8)


class Counts(NamedTuple):
    bikes: int
    taxis: int
    accidents: int


def _at_hour(profile: Sequence[int], hour: float) -> float:
    """Interpolate the profile between its hours, relative to its mean."""
    index = int(hour)
    along = hour - index
    here, following = profile[index], profile[(index + 1) % 24]
    return (here + (following - here) * along) * 24 / sum(profile)


def _today(quarter: int, weekday: Sequence[int], weekend: Sequence[int]) -> float:
    local = boston_time(quarter)
    return _at_hour(weekend if local.weekday() >= 5 else weekday, local.hour + local.minute / 60)


def bike_temperature_factor(temperature_c: float) -> float:
    width = COLD_WIDTH_C if temperature_c < BEST_TEMPERATURE_C else HOT_WIDTH_C
    return 0.1 + 0.9 * math.exp(-(((temperature_c - BEST_TEMPERATURE_C) / width) ** 2) / 2)


def bike_wind_factor(speed_ms: float) -> float:
    return math.exp(-((speed_ms / 10.0) ** 2))


def bike_rain_factor(mm_per_h: float) -> float:
    return math.exp(-0.9 * math.sqrt(mm_per_h))


def rain_pressure(mm_per_h: float) -> float:
    """Return 0 (dry) to 1 (heavy rain): how many people avoid walking and cycling."""
    return 1.0 - math.exp(-mm_per_h / 0.7)


def bikes_expected(quarter: int, weather: Weather) -> float:
    return (
        BIKES_PER_QUARTER
        * _today(quarter, BIKE_WEEKDAY, BIKE_WEEKEND)
        * bike_temperature_factor(weather.temperature_c)
        * bike_wind_factor(weather.wind_ms)
        * bike_rain_factor(weather.rain_mm_per_h)
    )


def taxis_expected(quarter: int, weather: Weather) -> float:
    return (
        TAXIS_PER_QUARTER
        * _today(quarter, TAXI_WEEKDAY, TAXI_WEEKEND)
        * (1.0 + 0.7 * rain_pressure(weather.rain_mm_per_h))
    )


def accidents_expected(quarter: int, weather: Weather) -> float:
    murk = 1.0 - min(1.0, weather.visibility_m / CLEAR_M)
    return (
        ACCIDENTS_PER_QUARTER
        * _today(quarter, TRAFFIC_WEEKDAY, TRAFFIC_WEEKEND)
        * (1.0 + 1.2 * rain_pressure(weather.rain_mm_per_h))
        * (1.0 + 0.8 * murk)
    )


def lyft_surge_chance(quarter: int, weather: Weather) -> float:
    """Return the chance of a surge price: more with rain and in busy hours. Uber's quotes never surge in this feed."""
    busy = _today(quarter, TAXI_WEEKDAY, TAXI_WEEKEND) > 1.3
    return 0.06 + 0.40 * rain_pressure(weather.rain_mm_per_h) + (0.06 if busy else 0.0)


def poisson(rng: Random, mean: float) -> int:
    if mean > 60:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def drawn_counts(seed: int, quarter: int, weather: Weather, volume: float) -> Counts:
    """Draw the counts of a quarter hour; `volume` scales bikes and taxis, not accidents."""
    rng = Random(f"{seed}/counts/{quarter}")
    return Counts(
        bikes=poisson(rng, volume * bikes_expected(quarter, weather)),
        taxis=poisson(rng, volume * taxis_expected(quarter, weather)),
        accidents=poisson(rng, accidents_expected(quarter, weather)),
    )
