"""Names and points for decoded weather, after the tables in contracts/weather_scales.py."""

from collections.abc import Iterable

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.contracts.weather_scales import (
    BAD_WEATHER_SCORE,
    GOOD_WEATHER_SCORE,
    LIGHT_RAIN_UP_TO_MM_PER_H,
    MODERATE_RAIN_UP_TO_MM_PER_H,
    TEMPERATURE_BUCKETS,
    TEMPERATURE_POINTS,
    TEMPERATURE_POINTS_ELSE,
    UNKNOWN,
    VISIBILITY_CATEGORIES,
    VISIBILITY_POINTS,
    WIND_CATEGORIES,
    WIND_POINTS,
)

Bands = Iterable[tuple[float | None, str]]


def _band(value: Column, bands: Bands) -> Column:
    # NaN sorts above every number in Spark: without this it would read as the top band.
    name = F.when(value.isNull() | F.isnan(value), F.lit(UNKNOWN))
    for upper_edge, band in bands:
        name = name.otherwise(band) if upper_edge is None else name.when(value < upper_edge, band)
    return name


def temp_bucket(temperature_celsius: Column) -> Column:
    return _band(temperature_celsius, TEMPERATURE_BUCKETS)


def wind_category(wind_speed_ms: Column) -> Column:
    return _band(wind_speed_ms, WIND_CATEGORIES)


def visibility_category(visibility_m: Column) -> Column:
    return _band(visibility_m, VISIBILITY_CATEGORIES)


def _temperature_points(temperature_celsius: str) -> Column:
    whens = " ".join(
        f"WHEN {condition.format(t=temperature_celsius)} THEN {points}" for condition, points in TEMPERATURE_POINTS
    )
    return F.expr(f"CASE {whens} ELSE {TEMPERATURE_POINTS_ELSE} END")


def _wind_points(wind_speed_ms: Column) -> Column:
    return F.coalesce(
        *(F.when(wind_speed_ms < edge, points) if edge else F.lit(points) for edge, points in WIND_POINTS)
    )


def _visibility_points(visibility_m: Column) -> Column:
    return F.coalesce(
        *(F.when(visibility_m > edge, points) if edge else F.lit(points) for edge, points in VISIBILITY_POINTS)
    )


def weather_condition_score(temperature_celsius: str, wind_speed_ms: str, visibility_m: str) -> Column:
    """0-100 from three columns, given by name; null if any is null: no stand-in is invented."""
    wind, visibility = F.col(wind_speed_ms), F.col(visibility_m)
    is_known = F.col(temperature_celsius).isNotNull() & wind.isNotNull() & visibility.isNotNull()
    points = _temperature_points(temperature_celsius) + _wind_points(wind) + _visibility_points(visibility)
    return F.when(is_known, points.cast("double"))


def is_good_weather(score: Column) -> Column:
    return score >= GOOD_WEATHER_SCORE


def is_bad_weather(score: Column) -> Column:
    return score <= BAD_WEATHER_SCORE


def has_precipitation(mm_per_h: Column, trace: Column) -> Column:
    return F.when(mm_per_h.isNotNull(), (mm_per_h > 0) | F.coalesce(trace, F.lit(False)))


def precip_category(has_precipitation: Column, mm_per_h: Column) -> Column:
    return (
        F.when(has_precipitation.isNull(), UNKNOWN)
        .when(~has_precipitation, "none")
        .when(mm_per_h <= LIGHT_RAIN_UP_TO_MM_PER_H, "light")
        .when(mm_per_h <= MODERATE_RAIN_UP_TO_MM_PER_H, "moderate")
        .otherwise("heavy")
    )
