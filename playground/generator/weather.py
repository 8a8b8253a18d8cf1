"""Boston's simulated weather: season, time of day and smooth noise. Rain brings wind, murk and low pressure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from playground.generator.clock import QUARTERS_PER_DAY, start_of
from playground.generator.noise import smooth_noise

CLEAR_M = 16093.0
"""10 miles: the most that US automatic stations report"""

RAIN_BEGINS = 1.15
FOG_BEGINS = 1.75


@dataclass(frozen=True)
class Weather:
    """The weather of one quarter hour."""

    temperature_c: float
    dew_point_c: float
    wind_ms: float
    wind_from_deg: int
    visibility_m: float
    rain_mm_per_h: float
    pressure_hpa: float
    cloud: float
    """0 clear to 1 overcast"""

    @property
    def humidity(self) -> float:
        return min(1.0, _vapour(self.dew_point_c) / _vapour(self.temperature_c))


def _vapour(temperature_c: float) -> float:
    return math.exp(17.625 * temperature_c / (243.04 + temperature_c))  # Magnus


def season_c(quarter: int) -> float:
    """Return the mean temperature of the time of year: -1.4 C in late January, 23 C in late July."""
    day = start_of(quarter).timetuple().tm_yday
    return 10.8 + 12.2 * math.cos(2 * math.pi * (day - 203) / 365.25)


def _daily_swing(quarter: int) -> float:
    """Return -1 to 1, highest at 20 UTC: mid afternoon in Boston."""
    hour = (quarter % QUARTERS_PER_DAY) / 4
    return math.cos(2 * math.pi * (hour - 20) / 24)


def rain_mm_per_h(seed: int, quarter: int) -> float:
    hour = quarter / 4
    wetness = (
        0.80 * smooth_noise(seed, "front", hour, 30)
        + 0.50 * smooth_noise(seed, "shower", hour, 8)
        + 0.33 * smooth_noise(seed, "burst", hour, 2)
    )
    return 2.2 * math.pow(max(0.0, wetness - RAIN_BEGINS), 1.3)


def wind_ms(seed: int, quarter: int, rain: float, fog: float) -> float:
    hour = quarter / 4
    gusty = 0.50 * smooth_noise(seed, "wind", hour, 20) + 0.18 * smooth_noise(seed, "gust", hour, 3)
    return 4.4 * math.exp(gusty) * (1 + 0.25 * min(rain, 3.0)) / (1 + fog)


def visibility_m(rain: float, fog: float, temperature_c: float) -> float:
    snow = 2.5 if temperature_c < 0 else 1.0
    return CLEAR_M / (1 + 0.6 * snow * rain) * math.exp(-4.5 * fog)


@lru_cache(maxsize=16384)
def weather_at(seed: int, quarter: int) -> Weather:
    hour = quarter / 4
    rain = rain_mm_per_h(seed, quarter)
    fog = 0.0 if rain else max(0.0, smooth_noise(seed, "fog", hour, 9) - FOG_BEGINS)
    cloud = 1 / (1 + math.exp(-1.6 * smooth_noise(seed, "front", hour, 30) - (2.0 if rain or fog else 0.0)))
    temperature = (
        season_c(quarter)
        + 3.2 * (1 - 0.6 * cloud) * _daily_swing(quarter)
        + 3.6 * smooth_noise(seed, "air mass", hour, 90)
        + 1.6 * smooth_noise(seed, "breeze", hour, 22)
        - min(rain, 1.5)
    )
    dry = 0.4 if fog else 1.2 if rain else 9.0 - 5.0 * cloud + 1.5 * smooth_noise(seed, "dryness", hour, 15)
    return Weather(
        temperature_c=temperature,
        dew_point_c=temperature - max(0.3, dry),
        wind_ms=wind_ms(seed, quarter, rain, fog),
        wind_from_deg=int(230 + 90 * smooth_noise(seed, "vane", hour, 26)) % 360,
        visibility_m=visibility_m(rain, fog, temperature),
        rain_mm_per_h=rain,
        pressure_hpa=1016 + 7.5 * smooth_noise(seed, "pressure", hour, 70) - 4 * min(rain, 2.5),
        cloud=cloud,
    )


# One value inside each band of the weather score: 7 x 4 x 3 = 84 kinds of weather, 20 to 95 points.
EVERY_TEMPERATURE_C = (-12.0, 2.0, 7.5, 12.5, 20.0, 27.5, 33.0)
EVERY_WIND_MS = (0.8, 3.5, 8.0, 18.5)
EVERY_VISIBILITY_M = (CLEAR_M, 7000.0, 800.0)
EVERY_KIND = tuple(
    (temperature, wind, visibility)
    for temperature in EVERY_TEMPERATURE_C
    for wind in EVERY_WIND_MS
    for visibility in EVERY_VISIBILITY_M
)


def showcase_weather(seed: int, quarter: int) -> Weather:
    """Return the weather of an artificial day that has every weather score, one kind per quarter hour."""
    usual = weather_at(seed, quarter)
    temperature, wind, visibility = EVERY_KIND[quarter % QUARTERS_PER_DAY % len(EVERY_KIND)]
    # A storm lasts three quarter hours: enough for an hourly total of heavy rain.
    rain = 12.0 if wind > 10 else 0.6 if visibility < 10_000 else 0.0
    return Weather(
        temperature_c=temperature,
        dew_point_c=temperature - 2.0,
        wind_ms=wind,
        wind_from_deg=usual.wind_from_deg,
        visibility_m=visibility,
        rain_mm_per_h=rain,
        pressure_hpa=usual.pressure_hpa,
        cloud=usual.cloud,
    )


def rain_over(weather: Callable[[int], Weather], quarter: int, hours: int) -> float:
    """Sum the millimetres of the `hours` that end with this quarter hour."""
    return sum(weather(past).rain_mm_per_h for past in range(quarter - 4 * hours + 1, quarter + 1)) / 4


@dataclass(frozen=True)
class Sky:
    """The weather of a run: quarter -> Weather."""

    seed: int
    showcase_from: int | None = None
    """first quarter of the day with all weather scores, if the run has one"""

    def __call__(self, quarter: int) -> Weather:
        if self.showcase_from is not None and 0 <= quarter - self.showcase_from < QUARTERS_PER_DAY:
            return showcase_weather(self.seed, quarter)
        return weather_at(self.seed, quarter)
