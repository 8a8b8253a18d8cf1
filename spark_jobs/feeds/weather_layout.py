"""What a layout of weather reports declares, and what is the same for all of them: ranges, names and the score.

Each layout reads its own fields into the same measures; from there on the steps are those of every report.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from spark_jobs.feeds.refusals import Refusal
from spark_jobs.feeds.rules import (
    COUNT,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    FeedRules,
    Lookups,
    Step,
    between,
    names_in,
    whole_between,
)
from spark_jobs.feeds.weather_scales import (
    BAD_WEATHER_SCORE,
    GOOD_WEATHER_SCORE,
    LIGHT_RAIN_UP_TO_MM_PER_H,
    MODERATE_RAIN_UP_TO_MM_PER_H,
    TEMPERATURE_BUCKETS,
    UNKNOWN,
    VISIBILITY_CATEGORIES,
    WIND_CATEGORIES,
    bands,
    score,
)

TEXTS: Lookups = {
    "station": ("station", "STATION"),
    "data_source": ("source", "SOURCE"),
    "station_name": ("station_info.name", "NAME"),
    "report_type": ("station_info.report_type", "REPORT_TYPE"),
    "call_sign": ("station_info.call_sign", "CALL_SIGN"),
    "quality_control": ("station_info.quality_control", "QUALITY_CONTROL"),
}
PLACE: Lookups = {
    "latitude": ("location.latitude", "LATITUDE"),
    "longitude": ("location.longitude", "LONGITUDE"),
    "elevation": ("location.elevation", "ELEVATION"),
}
"""what the layouts have in common, by the names that all of them know"""
_RANGES = {
    "temperature_celsius": (-93.2, 61.8),
    "dew_point_celsius": (-98.2, 36.8),
    "visibility_m": (0, 160_000),
    "sea_level_pressure_hpa": (860, 1090),
    "wind_speed_ms": (0, 90),
    "depth_mm": (0, 999.8),
}
_UNKNOWN_POSITIONS = "9999, 99999, -999.9"
_ELEMENTS = ("wind", "temperature", "visibility", "dew_point", "sea_level_pressure", "ceiling", "precipitation")
# GHCNh writes more behind the names, and leaves their hyphen out.
_IS_SUMMARY = "(prefix(report_type, 'SOD') OR prefix(report_type, 'SOM'))"
# An amount since the last hourly report, not one of an hour.
_IS_SPECIAL = "(prefix(report_type, 'FM-16') OR prefix(report_type, 'FM16'))"


@dataclass(frozen=True)
class WeatherLayout:
    """Where a layout has its values, and, in DuckDB's SQL, how they become measures."""

    texts: Lookups
    numbers: Lookups
    elements: Lookups
    """element -> its names, of which one has to be there; the text of the seven is kept in the dataset"""
    time_zone: str
    readings: tuple[Step, ...]
    """the measures before their ranges are checked: those of `_RANGES`, and `ceiling_m`"""
    direction: str
    """degrees; wind_speed_ms is checked here"""
    period: str
    """hours of the precipitation, as a double; depth_mm is not checked yet"""
    trace: str
    """whether it was too little to measure; null where the amount is not to be used"""
    amount: str
    """millimetres; precipitation_trace and a checked depth_mm are there"""
    datetime: str = "datetime"
    """the text to read the event time from"""
    identifiers: frozenset[str] = frozenset({"station"})


def in_range(measure: str) -> str:
    """The measure where it can be true, else null."""
    return between(measure, *_RANGES[measure])


_NAMES = {
    "temp_bucket": bands("temperature_celsius", TEMPERATURE_BUCKETS),
    "wind_category": bands("wind_speed_ms", WIND_CATEGORIES),
    "visibility_category": bands("visibility_m", VISIBILITY_CATEGORIES),
    "weather_condition_score": score("temperature_celsius", "wind_speed_ms", "visibility_m"),
    "precipitation_period_h": whole_between("period", 1, 98),
}

_RATE = {
    # Totals of 6, 12 or 24 hours say nothing about now.
    "precipitation_mm_per_h": (
        f"CASE WHEN precipitation_period_h <= 3 AND NOT coalesce({_IS_SPECIAL}, false) "
        "THEN precipitation_mm / precipitation_period_h END"
    ),
}

_HAS_RAIN = {
    "has_precipitation": (
        "CASE WHEN precipitation_mm_per_h IS NOT NULL "
        "THEN precipitation_mm_per_h > 0 OR coalesce(precipitation_trace, false) END"
    ),
}

_RAIN_NAME = {
    "precip_category": (
        f"CASE WHEN has_precipitation IS NULL THEN '{UNKNOWN}' WHEN NOT has_precipitation THEN 'none' "
        f"WHEN precipitation_mm_per_h <= {LIGHT_RAIN_UP_TO_MM_PER_H!r}e0 THEN 'light' "
        f"WHEN precipitation_mm_per_h <= {MODERATE_RAIN_UP_TO_MM_PER_H!r}e0 THEN 'moderate' ELSE 'heavy' END"
    ),
}

_COLUMNS: Mapping[str, pa.DataType] = {
    "station": TEXT,
    "datetime": TEXT,
    "datetime_ts": INSTANT,
    "data_source": TEXT,
    **dict.fromkeys(PLACE, NUMBER),
    "station_name": TEXT,
    "report_type": TEXT,
    "call_sign": TEXT,
    "quality_control": TEXT,
    **dict.fromkeys(_ELEMENTS, TEXT),
    "temperature_celsius": NUMBER,
    "wind_speed_ms": NUMBER,
    "visibility_m": NUMBER,
    "temp_bucket": TEXT,
    "wind_category": TEXT,
    "visibility_category": TEXT,
    "weather_condition_score": NUMBER,
    "is_good_weather": FLAG,
    "is_bad_weather": FLAG,
    "has_precipitation": FLAG,
    "precip_category": TEXT,
    "wind_direction_deg": COUNT,
    "ceiling_height_m": COUNT,
    "dew_point_celsius": NUMBER,
    "sea_level_pressure_hpa": NUMBER,
    "precipitation_period_h": COUNT,
    "precipitation_mm": NUMBER,
    "precipitation_trace": FLAG,
    "precipitation_mm_per_h": NUMBER,
}


def rules_of_layout(layout: WeatherLayout) -> FeedRules:
    """The rules of the reports of one layout."""
    return FeedRules(
        columns=_COLUMNS,
        texts=layout.texts,
        numbers=layout.numbers,
        as_written={"datetime": ("datetime", "DATE"), **layout.elements},
        known_by=tuple(names_in(layout.elements)),
        identifiers=layout.identifiers,
        times={"datetime_ts": layout.datetime},
        time_zone=layout.time_zone,
        event_time_given="datetime IS NOT NULL",
        steps=(*layout.readings, *_steps(layout)),
        refusals={
            Refusal.THE_REPORT_IS_A_SUMMARY: f"coalesce({_IS_SUMMARY}, false)",
            Refusal.THE_STATION_IS_MISSING: "station IS NULL",
        },
    )


def _steps(layout: WeatherLayout) -> tuple[Step, ...]:
    checked = {
        **{name: in_range(name) for name in _RANGES},
        **{name: f"CASE WHEN {name} NOT IN ({_UNKNOWN_POSITIONS}) THEN {name} END" for name in PLACE},
        "ceiling_height_m": whole_between("ceiling_m", 0, 22_000),
        "period": layout.period,
    }
    # Where nothing blows there is no direction.
    named = {**_NAMES, "direction": f"CASE WHEN coalesce(wind_speed_ms, 1) > 0 THEN {layout.direction} END"}
    judged = {
        "wind_direction_deg": whole_between("direction", 0, 360),
        "is_good_weather": f"weather_condition_score >= {GOOD_WEATHER_SCORE!r}e0",
        "is_bad_weather": f"weather_condition_score <= {BAD_WEATHER_SCORE!r}e0",
        "precipitation_trace": f"CASE WHEN precipitation_period_h IS NOT NULL THEN {layout.trace} END",
    }
    return checked, named, judged, {"precipitation_mm": layout.amount}, _RATE, _HAS_RAIN, _RAIN_NAME
