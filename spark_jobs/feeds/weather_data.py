"""NOAA ISD / global-hourly reports: texts, and the codes of feeds.md section 5 as numbers and names.

Every missing sentinel of a code lies outside its valid range, so the range check finds it; the one exception is the
depth of a trace of rain.
"""

from spark_jobs.feeds.refusals import Refusal
from spark_jobs.feeds.rules import COUNT, FLAG, INSTANT, NUMBER, TEXT, FeedRules, between, whole_between
from spark_jobs.feeds.weather_scales import (
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

_TEXTS = {
    "station": ("station", "STATION"),
    "data_source": ("source", "SOURCE"),
    "station_name": ("station_info.name", "NAME"),
    "report_type": ("station_info.report_type", "REPORT_TYPE"),
    "call_sign": ("station_info.call_sign", "CALL_SIGN"),
    "quality_control": ("station_info.quality_control", "QUALITY_CONTROL"),
}
_POSITIONS = {
    "latitude": ("location.latitude", "LATITUDE"),
    "longitude": ("location.longitude", "LONGITUDE"),
    "elevation": ("location.elevation", "ELEVATION"),
}
_CODES = {
    "wind": ("observations.wind", "WND"),
    "temperature": ("observations.temperature", "TMP"),
    "visibility": ("observations.visibility", "VIS"),
    "dew_point": ("observations.dew_point", "DEW"),
    "sea_level_pressure": ("observations.sea_level_pressure", "SLP"),
    "ceiling": ("observations.ceiling", "CIG"),
    "precipitation": ("observations.precipitation", "AA1"),
}

_ACCEPTED_FLAGS = ", ".join(f"'{flag}'" for flag in ("", *"01459ACIMPRU"))
_PLAIN_CONDITIONS = "'9', 'E', ''"
_TRACE = "'2'"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


def _part(code: str, position: int) -> str:
    return f"{code}_parts[{position + 1}]"


def _has_no_comma(code: str) -> str:
    return f"len({code}_parts) = 1"


def _is_accepted(flag: str) -> str:
    return f"coalesce({flag}, '') IN ({_ACCEPTED_FLAGS})"


def _scaled(text: str, per_unit: int) -> str:
    # Divided, not multiplied: 76 * 0.1 is above 7.6 in doubles, 76 / 10 is not.
    return f"CASE WHEN regexp_full_match({text}, '[+-]?\\d{{1,6}}') THEN {text}::DOUBLE / {per_unit} END"


def _alone(text: str, per_unit: int) -> str:
    """A code without a comma: a sign and four digits are scaled, any other number is in its unit already."""
    return (
        f"CASE WHEN regexp_full_match({text}, '[+-]\\d{{4}}') THEN {text}::DOUBLE / {per_unit} "
        f"WHEN regexp_full_match({text}, '{_NUMBER}') THEN try_cast({text} AS DOUBLE) END"
    )


def _measured(code: str, position: int, flag_position: int, per_unit: int) -> str:
    """The value before its range check."""
    text, flag = _part(code, position), _part(code, flag_position)
    return (
        f"CASE WHEN {_has_no_comma(code)} THEN {_alone(_part(code, 0), per_unit)} "
        f"WHEN {_is_accepted(flag)} THEN {_scaled(text, per_unit)} END"
    )


def _depth() -> str:
    text = _part("precipitation", 1)
    alone = _alone(_part("precipitation", 0), 10)
    return f"CASE WHEN {_has_no_comma('precipitation')} THEN {alone} ELSE {_scaled(text, 10)} END"


def _band(value: str, bands: tuple[tuple[float | None, str], ...]) -> str:
    whens = " ".join(f"WHEN {value} < {edge!r}e0 THEN '{name}'" for edge, name in bands if edge is not None)
    return f"CASE WHEN {value} IS NULL THEN '{UNKNOWN}' {whens} ELSE '{bands[-1][1]}' END"


def _points(value: str, comparison: str, points: tuple[tuple[float | None, int], ...]) -> str:
    whens = " ".join(f"WHEN {value} {comparison} {edge!r}e0 THEN {given}" for edge, given in points if edge is not None)
    return f"CASE {whens} ELSE {points[-1][1]} END"


def _score() -> str:
    warmth = " ".join(
        f"WHEN {condition.format(t='temperature_celsius')} THEN {points}" for condition, points in TEMPERATURE_POINTS
    )
    return (
        "CASE WHEN temperature_celsius IS NOT NULL AND wind_speed_ms IS NOT NULL AND visibility_m IS NOT NULL THEN "
        f"(CASE {warmth} ELSE {TEMPERATURE_POINTS_ELSE} END + {_points('wind_speed_ms', '<', WIND_POINTS)} "
        f"+ {_points('visibility_m', '>', VISIBILITY_POINTS)})::DOUBLE END"
    )


_SPLIT = {f"{code}_parts": f"string_split(trim_blanks({code}), ',')" for code in _CODES}

# A text that is no finite number is null, whatever its range.
_MEASURES = {
    "temperature_celsius": _measured("temperature", 0, 1, 10),
    "dew_point_celsius": _measured("dew_point", 0, 1, 10),
    "visibility_m": _measured("visibility", 0, 1, 1),
    "ceiling_m": _measured("ceiling", 0, 1, 1),
    "sea_level_pressure_hpa": _measured("sea_level_pressure", 0, 1, 10),
    "wind_speed_ms": (
        f"CASE WHEN {_has_no_comma('wind')} THEN {_alone(_part('wind', 0), 10)} "
        f"WHEN {_is_accepted(_part('wind', 4))} THEN {_scaled(_part('wind', 3), 10)} END"
    ),
    "depth_mm": _depth(),
    **{name: f"CASE WHEN {name} NOT IN (9999, 99999) THEN {name} END" for name in _POSITIONS},
}

_IN_RANGE = {
    "temperature_celsius": between("temperature_celsius", -93.2, 61.8),
    "dew_point_celsius": between("dew_point_celsius", -98.2, 36.8),
    "visibility_m": between("visibility_m", 0, 160_000),
    "ceiling_height_m": whole_between("ceiling_m", 0, 22_000),
    "sea_level_pressure_hpa": between("sea_level_pressure_hpa", 860, 1090),
    "wind_speed_ms": between("wind_speed_ms", 0, 90),
    "depth_mm": between("depth_mm", 0, 999.8),
    # A bare number is millimetres of one hour.
    "period": (
        f"CASE WHEN {_has_no_comma('precipitation')} THEN CASE WHEN {between('depth_mm', 0, 999.8)} IS NOT NULL "
        f"THEN 1::DOUBLE END ELSE {_scaled(_part('precipitation', 0), 1)} END"
    ),
}

_NAMES = {
    "temp_bucket": _band("temperature_celsius", TEMPERATURE_BUCKETS),
    "wind_category": _band("wind_speed_ms", WIND_CATEGORIES),
    "visibility_category": _band("visibility_m", VISIBILITY_CATEGORIES),
    "weather_condition_score": _score(),
    # No direction where it varies (type V) or nothing blows (type C, speed 0).
    "direction": (
        f"CASE WHEN coalesce({_part('wind', 2)}, '') NOT IN ('V', 'C') AND coalesce(wind_speed_ms, 1) > 0 "
        f"AND NOT {_has_no_comma('wind')} AND {_is_accepted(_part('wind', 1))} "
        f"THEN {_scaled(_part('wind', 0), 1)} END"
    ),
    "precipitation_period_h": whole_between("period", 1, 98),
    "condition": f"coalesce({_part('precipitation', 2)}, '')",
}

_RAIN = {
    "wind_direction_deg": whole_between("direction", 0, 360),
    "is_good_weather": f"weather_condition_score >= {GOOD_WEATHER_SCORE!r}e0",
    "is_bad_weather": f"weather_condition_score <= {BAD_WEATHER_SCORE!r}e0",
    # Whether the amount was too small to measure; null where the amount is not to be used.
    "precipitation_trace": (
        f"CASE WHEN precipitation_period_h IS NOT NULL AND {_is_accepted(_part('precipitation', 3))} "
        f"AND condition IN ({_TRACE}, {_PLAIN_CONDITIONS}) THEN condition = {_TRACE} END"
    ),
}

_DEPTH = {
    # A trace without a depth is 0.
    "precipitation_mm": (
        f"CASE WHEN precipitation_trace AND coalesce({_part('precipitation', 1)}, '') IN ('', '9999') THEN 0::DOUBLE "
        "WHEN precipitation_trace IS NOT NULL THEN depth_mm END"
    ),
}

_RATE = {
    # Totals of 6, 12 or 24 hours say nothing about now.
    "precipitation_mm_per_h": (
        "CASE WHEN precipitation_period_h <= 3 THEN precipitation_mm / precipitation_period_h END"
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

WEATHER_DATA = FeedRules(
    columns={
        "station": TEXT,
        "datetime": TEXT,
        "datetime_ts": INSTANT,
        "data_source": TEXT,
        **dict.fromkeys(_POSITIONS, NUMBER),
        "station_name": TEXT,
        "report_type": TEXT,
        "call_sign": TEXT,
        "quality_control": TEXT,
        **dict.fromkeys(_CODES, TEXT),
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
    },
    texts=_TEXTS,
    numbers=_POSITIONS,
    as_written={"datetime": ("datetime", "DATE"), **_CODES},
    times={"datetime_ts": "datetime"},
    time_zone="UTC",
    event_time_given="datetime IS NOT NULL",
    steps=(_SPLIT, _MEASURES, _IN_RANGE, _NAMES, _RAIN, _DEPTH, _RATE, _HAS_RAIN, _RAIN_NAME),
    refusals={
        Refusal.THE_REPORT_IS_A_SUMMARY: "coalesce(report_type IN ('SOD', 'SOM'), false)",
        Refusal.THE_STATION_IS_MISSING: "station IS NULL",
    },
)
