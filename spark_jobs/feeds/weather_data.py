"""NOAA ISD / global-hourly reports."""

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.columns import weather_categories as categories
from spark_jobs.columns import weather_codes as codes
from spark_jobs.columns.given_text import number, trimmed
from spark_jobs.columns.instants import instant, odd_time
from spark_jobs.feeds.refusals import Refusal
from spark_jobs.feeds.rules import FeedRules

SUMMARY_REPORTS = ("SOD", "SOM")

_MISSING_POSITIONS = (9999.0, 99_999.0)
_CODES = ("wind", "temperature", "visibility", "dew_point", "sea_level_pressure", "ceiling", "precipitation")
_TEXTS = ("station", "data_source", "station_name", "report_type", "call_sign", "quality_control")
_POSITIONS = ("latitude", "longitude", "elevation")


def _texts_and_times() -> Mapping[str, Column]:
    return {
        **{name: trimmed(F.col(f"given_{name}")) for name in _TEXTS},
        **{f"{name}_number": number(F.col(f"given_{name}")) for name in _POSITIONS},
        **{f"{name}_parts": codes.parts(trimmed(F.col(f"given_{name}"))) for name in _CODES},
        "datetime": F.col("given_datetime"),
        "odd_datetime": odd_time(F.col("given_datetime")),
    }


def _measures() -> Mapping[str, Column]:
    return {
        **{name: F.col(f"given_{name}") for name in _CODES},
        **{name: _position(F.col(f"{name}_number")) for name in _POSITIONS},
        "datetime_ts": instant(F.col("given_datetime"), F.col("odd_datetime"), "UTC"),
        "temperature_celsius": codes.temperature_celsius(F.col("temperature_parts")),
        "wind_speed_ms": codes.wind_speed_ms(F.col("wind_parts")),
        "visibility_m": codes.visibility_m(F.col("visibility_parts")),
        "ceiling_height_m": codes.ceiling_height_m(F.col("ceiling_parts")),
        "dew_point_celsius": codes.dew_point_celsius(F.col("dew_point_parts")),
        "sea_level_pressure_hpa": codes.sea_level_pressure_hpa(F.col("sea_level_pressure_parts")),
        "precipitation_period_h": codes.precipitation_period_h(F.col("precipitation_parts")),
    }


def _position(number: Column) -> Column:
    return F.when(~number.isin(*_MISSING_POSITIONS), number)


def _names_and_score() -> Mapping[str, Column]:
    return {
        "temp_bucket": categories.temp_bucket(F.col("temperature_celsius")),
        "wind_category": categories.wind_category(F.col("wind_speed_ms")),
        "visibility_category": categories.visibility_category(F.col("visibility_m")),
        "weather_condition_score": categories.weather_condition_score(
            "temperature_celsius", "wind_speed_ms", "visibility_m"
        ),
        "wind_direction_deg": codes.wind_direction_deg(F.col("wind_parts"), F.col("wind_speed_ms")),
        "precipitation_trace": codes.precipitation_trace(F.col("precipitation_parts"), F.col("precipitation_period_h")),
    }


def _good_bad_and_depth() -> Mapping[str, Column]:
    return {
        "is_good_weather": categories.is_good_weather(F.col("weather_condition_score")),
        "is_bad_weather": categories.is_bad_weather(F.col("weather_condition_score")),
        "precipitation_mm": codes.precipitation_mm(F.col("precipitation_parts"), F.col("precipitation_trace")),
    }


def _rate() -> Mapping[str, Column]:
    return {
        "precipitation_mm_per_h": codes.precipitation_mm_per_h(
            F.col("precipitation_mm"), F.col("precipitation_period_h")
        )
    }


def _has_precipitation() -> Mapping[str, Column]:
    return {
        "has_precipitation": categories.has_precipitation(F.col("precipitation_mm_per_h"), F.col("precipitation_trace"))
    }


def _precip_category() -> Mapping[str, Column]:
    return {"precip_category": categories.precip_category(F.col("has_precipitation"), F.col("precipitation_mm_per_h"))}


def _refusals() -> Mapping[Refusal, Column]:
    is_summary = F.coalesce(F.col("report_type").isin(*SUMMARY_REPORTS), F.lit(False))
    return {Refusal.THE_REPORT_IS_A_SUMMARY: is_summary, Refusal.THE_STATION_IS_MISSING: F.col("station").isNull()}


WEATHER_DATA = FeedRules(
    lookups={
        "station": ("station", "STATION"),
        "datetime": ("datetime", "DATE"),
        "data_source": ("source", "SOURCE"),
        "latitude": ("location.latitude", "LATITUDE"),
        "longitude": ("location.longitude", "LONGITUDE"),
        "elevation": ("location.elevation", "ELEVATION"),
        "station_name": ("station_info.name", "NAME"),
        "report_type": ("station_info.report_type", "REPORT_TYPE"),
        "call_sign": ("station_info.call_sign", "CALL_SIGN"),
        "quality_control": ("station_info.quality_control", "QUALITY_CONTROL"),
        "wind": ("observations.wind", "WND"),
        "ceiling": ("observations.ceiling", "CIG"),
        "visibility": ("observations.visibility", "VIS"),
        "temperature": ("observations.temperature", "TMP"),
        "dew_point": ("observations.dew_point", "DEW"),
        "sea_level_pressure": ("observations.sea_level_pressure", "SLP"),
        "precipitation": ("observations.precipitation", "AA1"),
    },
    schema=(
        "station string, datetime string, datetime_ts timestamp, data_source string, "
        "latitude double, longitude double, elevation double, "
        "station_name string, report_type string, call_sign string, quality_control string, "
        "wind string, temperature string, visibility string, dew_point string, sea_level_pressure string, "
        "ceiling string, precipitation string, "
        "temperature_celsius double, wind_speed_ms double, visibility_m double, "
        "temp_bucket string, wind_category string, visibility_category string, "
        "weather_condition_score double, is_good_weather boolean, is_bad_weather boolean, "
        "has_precipitation boolean, precip_category string, "
        "wind_direction_deg int, ceiling_height_m int, dew_point_celsius double, sea_level_pressure_hpa double, "
        "precipitation_period_h int, precipitation_mm double, precipitation_trace boolean, "
        "precipitation_mm_per_h double"
    ),
    steps=(
        _texts_and_times,
        _measures,
        _names_and_score,
        _good_bad_and_depth,
        _rate,
        _has_precipitation,
        _precip_category,
    ),
    event_time_texts=("datetime",),
    refusals=_refusals,
)
