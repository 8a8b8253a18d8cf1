"""NOAA Local Climatological Data (feeds.md section 3): plain numbers with flag letters, in the station's standard time.

Version 1 has American units, version 2 (stations with an identifier of GHCN) metric ones, below the same names.
"""

from spark_jobs.feeds.weather_layout import PLACE, TEXTS, WeatherLayout, in_range

_ELEMENTS = {
    "wind": ("HourlyWindSpeed", "HOURLYWindSpeed"),
    "wind_from": ("HourlyWindDirection", "HOURLYWindDirection"),
    "temperature": ("HourlyDryBulbTemperature", "HOURLYDRYBULBTEMPF"),
    "temperature_c": ("HOURLYDRYBULBTEMPC",),
    "dew_point": ("HourlyDewPointTemperature", "HOURLYDewPointTempF"),
    "dew_point_c": ("HOURLYDewPointTempC",),
    "visibility": ("HourlyVisibility", "HOURLYVISIBILITY"),
    "sea_level_pressure": ("HourlySeaLevelPressure", "HOURLYSeaLevelPressure"),
    "precipitation": ("HourlyPrecipitation", "HOURLYPrecip"),
    "ceiling": (),
}
_STATION_OF_GHCN = "[A-Z]{2}[A-Z0-9]{9}"
# `s` is suspect; `V` (variable) and `*` (made by somebody else than the sensor) say nothing against the value.
_FLAGGED_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)[V*]*"
_FLAGGED_TRACE = "T[V*]*"
_KM_PER_MILE, _MM_PER_INCH, _HPA_PER_INHG, _MS_PER_MPH = 1.609344, 25.4, 33.86389, 0.44704


def _number(element: str) -> str:
    text = f"trim_blanks({element})"
    return f"CASE WHEN regexp_full_match({text}, '{_FLAGGED_NUMBER}') THEN try_cast(rtrim({text}, 'V*') AS DOUBLE) END"


def _metric(element: str, per_american_unit: float) -> str:
    return f"{element}_value * CASE WHEN is_metric THEN 1 ELSE {per_american_unit!r}e0 END"


def _celsius(element: str) -> str:
    return (
        f"coalesce(CASE WHEN is_metric THEN {element}_value ELSE ({element}_value - 32) / 1.8e0 END, {element}_c_value)"
    )


_NUMBERS = {
    "is_metric": f"coalesce(regexp_full_match(station, '{_STATION_OF_GHCN}'), false)",
    "is_trace": f"coalesce(regexp_full_match(trim_blanks(precipitation), '{_FLAGGED_TRACE}'), false)",
    **{f"{element}_value": _number(element) for element in _ELEMENTS if element != "ceiling"},
}

_MEASURES = {
    "temperature_celsius": _celsius("temperature"),
    "dew_point_celsius": _celsius("dew_point"),
    # 4.023 km are 4023 m: without the rounding 4022.9999999999995.
    "visibility_m": f"CASE WHEN is_metric THEN round(visibility_value * 1000, 3) "
    f"ELSE visibility_value * {1000 * _KM_PER_MILE!r}e0 END",
    "sea_level_pressure_hpa": _metric("sea_level_pressure", _HPA_PER_INHG),
    "wind_speed_ms": _metric("wind", _MS_PER_MPH),
    "depth_mm": _metric("precipitation", _MM_PER_INCH),
    "ceiling_m": "NULL::DOUBLE",
    **{name: f"coalesce({name}, {name}_c)" for name in ("temperature", "dew_point")},
}

LCD = WeatherLayout(
    texts={
        **TEXTS,
        "station_name": (*TEXTS["station_name"], "STATION_NAME"),
        "report_type": (*TEXTS["report_type"], "REPORTTPYE"),
    },
    numbers=PLACE,
    elements=_ELEMENTS,
    # Standard time all year, that of Boston.
    time_zone="Etc/GMT+5",
    readings=(_NUMBERS, _MEASURES),
    direction="wind_from_value",
    period=f"CASE WHEN is_trace OR {in_range('depth_mm')} IS NOT NULL THEN 1::DOUBLE END",
    trace="is_trace",
    amount="CASE WHEN precipitation_trace THEN 0::DOUBLE ELSE depth_mm END",
)
