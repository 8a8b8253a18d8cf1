"""NOAA GHCN hourly, the successor of ISD (feeds.md section 3): numbers, each with codes of its own, in UTC."""

from spark_jobs.feeds.rules import whole_between
from spark_jobs.feeds.weather_layout import PLACE, TEXTS, WeatherLayout, in_range

_ELEMENTS = {
    "wind": ("wind_speed",),
    "wind_direction": ("wind_direction",),
    "temperature": ("temperature",),
    "dew_point": ("dew_point_temperature",),
    "visibility": ("visibility",),
    "sea_level_pressure": ("sea_level_pressure",),
    "precipitation": ("precipitation",),
    "ceiling": (),
}
_QUALITY = {f"{element}_quality": (f"{names[0]}_Quality_Code",) for element, names in _ELEMENTS.items() if names}
_MEASUREMENT = {
    "wind_direction_code": ("wind_direction_Measurement_Code", "wind_speed_Measurement_Code"),
    "precipitation_code": ("precipitation_Measurement_Code",),
}
_TIME_PARTS = ("Year", "Month", "Day", "Hour", "Minute")
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_ACCEPTED = "'', '0', '1', '4', '5', '9'"
_TRACE = "'T', '2'"
_PLAIN = "'', '0', '3', '9', 'E', 'Z', 'g'"
_NO_DIRECTION = "'V', 'C'"


def _code(text: str) -> str:
    """A code is written alone or with its meaning: `2-Trace`."""
    return f"coalesce(split_part({text}, '-', 1), '')"


def _number(element: str) -> str:
    text = f"trim_blanks({element})"
    return (
        f"CASE WHEN {_code(f'{element}_quality')} IN ({_ACCEPTED}) AND regexp_full_match({text}, '{_NUMBER}') "
        f"THEN try_cast({text} AS DOUBLE) END"
    )


def _date_and_time() -> str:
    parts = ", ".join(whole_between(f"{part.lower()}_part", 0, 9999) for part in _TIME_PARTS)
    return f"coalesce(datetime, printf('%04d-%02d-%02dT%02d:%02d:00', {parts}))"


_IS_TRACE = f"({_code('precipitation_code')} IN ({_TRACE}) AND {_code('precipitation_quality')} IN ({_ACCEPTED}))"

_MEASURES = {
    "datetime": _date_and_time(),
    "temperature_celsius": _number("temperature"),
    "dew_point_celsius": _number("dew_point"),
    # 4.023 km are 4023 m: without the rounding 4022.9999999999995.
    "visibility_m": f"round(({_number('visibility')}) * 1000, 3)",
    "sea_level_pressure_hpa": _number("sea_level_pressure"),
    "wind_speed_ms": _number("wind"),
    "wind_from": f"CASE WHEN {_code('wind_direction_code')} NOT IN ({_NO_DIRECTION}) "
    f"THEN {_number('wind_direction')} END",
    "depth_mm": f"CASE WHEN {_code('precipitation_code')} IN ({_TRACE}, {_PLAIN}) THEN {_number('precipitation')} END",
    "is_trace": _IS_TRACE,
    "ceiling_m": "NULL::DOUBLE",
}

GHCNH = WeatherLayout(
    texts={
        **TEXTS,
        "station": (*TEXTS["station"], "Station_ID"),
        "station_name": (*TEXTS["station_name"], "Station_name"),
        # Each element has a type of its own; a special is one by its rain.
        "report_type": ("precipitation_Report_Type", "temperature_Report_Type"),
        **_QUALITY,
        **_MEASUREMENT,
    },
    numbers={
        **{name: (*names, name.capitalize()) for name, names in PLACE.items()},
        **{f"{part.lower()}_part": (part,) for part in _TIME_PARTS},
    },
    elements=_ELEMENTS,
    time_zone="UTC",
    readings=(_MEASURES,),
    datetime=_date_and_time(),
    direction="wind_from",
    period=f"CASE WHEN is_trace OR {in_range('depth_mm')} IS NOT NULL THEN 1::DOUBLE END",
    trace="is_trace",
    amount="CASE WHEN precipitation_trace THEN coalesce(depth_mm, 0) ELSE depth_mm END",
    identifiers=frozenset({"station", *_QUALITY, *_MEASUREMENT}),
)
