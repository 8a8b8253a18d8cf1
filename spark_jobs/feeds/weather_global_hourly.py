"""NOAA ISD / global-hourly: each element is a code of several fields, one of them a quality flag (feeds.md section 5).

Every missing sentinel of a code lies outside its valid range, so the range check finds it; the one exception is the
depth of a trace of rain.
"""

from spark_jobs.feeds.weather_layout import PLACE, TEXTS, WeatherLayout, in_range

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
    "condition": f"coalesce({_part('precipitation', 2)}, '')",
}

GLOBAL_HOURLY = WeatherLayout(
    texts=TEXTS,
    numbers=PLACE,
    elements=_CODES,
    time_zone="UTC",
    readings=(_SPLIT, _MEASURES),
    # No direction where it varies (type V) or nothing blows (type C).
    direction=(
        f"CASE WHEN coalesce({_part('wind', 2)}, '') NOT IN ('V', 'C') AND NOT {_has_no_comma('wind')} "
        f"AND {_is_accepted(_part('wind', 1))} THEN {_scaled(_part('wind', 0), 1)} END"
    ),
    # A bare number is millimetres of one hour.
    period=(
        f"CASE WHEN {_has_no_comma('precipitation')} THEN CASE WHEN {in_range('depth_mm')} IS NOT NULL "
        f"THEN 1::DOUBLE END ELSE {_scaled(_part('precipitation', 0), 1)} END"
    ),
    trace=(
        f"CASE WHEN {_is_accepted(_part('precipitation', 3))} AND condition IN ({_TRACE}, {_PLAIN_CONDITIONS}) "
        f"THEN condition = {_TRACE} END"
    ),
    # A trace without a depth is 0.
    amount=(
        f"CASE WHEN precipitation_trace AND coalesce({_part('precipitation', 1)}, '') IN ('', '9999') THEN 0::DOUBLE "
        "WHEN precipitation_trace IS NOT NULL THEN depth_mm END"
    ),
)
