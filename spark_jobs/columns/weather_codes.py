"""NOAA ISD codes such as `+0056,1` -> numbers (feeds.md section 5).

A code is handed in as its comma-separated parts. Every missing sentinel lies outside its valid range, so the range
check finds it; the one exception is the depth of a trace of rain.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.columns.given_text import number, number_between, whole_number_between

_ACCEPTED_FLAGS = tuple("01459ACIMPRU")
_CODED = r"^[+-]?\d{1,6}\z"
_CODED_WITHOUT_COMMA = r"^[+-]\d{4}\z"

_MISSING_DEPTH = 9999
_TRACE = "2"
_PLAIN_CONDITIONS = ("9", "E", "")
_TENTHS = 10.0
_UNITS = 1.0

_TEMPERATURES_C = (-93.2, 61.8)
_DEW_POINTS_C = (-98.2, 36.8)
_DIRECTIONS_DEG = (0, 360)
_SPEEDS_MS = (0.0, 90.0)
_VISIBILITIES_M = (0.0, 160_000.0)
_CEILINGS_M = (0, 22_000)
_PRESSURES_HPA = (860.0, 1090.0)
_PERIODS_H = (1, 98)
_DEPTHS_MM = (0.0, 999.8)
_LONGEST_PERIOD_WITH_A_RATE_H = 3


def parts(code: Column) -> Column:
    """The code's comma-separated fields."""
    return F.split(code, ",")


def _part(code: Column, position: int) -> Column:
    return F.get(code, F.lit(position))


def _has_no_comma(code: Column) -> Column:
    return F.size(code) == 1


def _is_accepted(flag: Column) -> Column:
    return F.coalesce(flag, F.lit("")).isin("", *_ACCEPTED_FLAGS)


def _scaled(text: Column, per_unit: float) -> Column:
    return F.when(text.rlike(_CODED), text.try_cast("double") / per_unit)


def _measured(code: Column, position: int, flag_position: int, per_unit: float) -> Column:
    """The value before its range check: coded, or (no comma, no sign and four digits) already in its unit."""
    text = _part(code, position)
    already_in_its_unit = F.when(~text.rlike(_CODED_WITHOUT_COMMA), number(text))
    coded = F.when(_is_accepted(_part(code, flag_position)), _scaled(text, per_unit))
    return F.when(_has_no_comma(code), F.coalesce(already_in_its_unit, _scaled(text, per_unit))).otherwise(coded)


def temperature_celsius(code: Column) -> Column:
    return number_between(_measured(code, 0, 1, _TENTHS), *_TEMPERATURES_C)


def dew_point_celsius(code: Column) -> Column:
    return number_between(_measured(code, 0, 1, _TENTHS), *_DEW_POINTS_C)


def visibility_m(code: Column) -> Column:
    return number_between(_measured(code, 0, 1, _UNITS), *_VISIBILITIES_M)


def ceiling_height_m(code: Column) -> Column:
    return whole_number_between(_measured(code, 0, 1, _UNITS), *_CEILINGS_M)


def sea_level_pressure_hpa(code: Column) -> Column:
    return number_between(_measured(code, 0, 1, _TENTHS), *_PRESSURES_HPA)


def wind_speed_ms(code: Column) -> Column:
    alone = _measured(code, 0, 4, _TENTHS)
    coded = F.when(_is_accepted(_part(code, 4)), _scaled(_part(code, 3), _TENTHS))
    return number_between(F.when(_has_no_comma(code), alone).otherwise(coded), *_SPEEDS_MS)


def wind_direction_deg(code: Column, wind_speed_ms: Column) -> Column:
    """Null where it varies (type V) or nothing blows (type C, speed 0)."""
    kind = F.coalesce(_part(code, 2), F.lit(""))
    has_a_direction = ~kind.isin("V", "C") & (F.coalesce(wind_speed_ms, F.lit(1.0)) > 0) & ~_has_no_comma(code)
    degrees = F.when(has_a_direction & _is_accepted(_part(code, 1)), _scaled(_part(code, 0), _UNITS))
    return whole_number_between(degrees, *_DIRECTIONS_DEG)


def precipitation_period_h(code: Column) -> Column:
    """Hours the depth was gathered over; a bare number is millimetres of one hour."""
    hours = F.when(_has_no_comma(code), F.when(_depth_mm(code).isNotNull(), F.lit(1.0))).otherwise(
        _scaled(_part(code, 0), _UNITS)
    )
    return whole_number_between(hours, *_PERIODS_H)


def _depth_mm(code: Column) -> Column:
    coded = _scaled(_part(code, 1), _TENTHS)
    return number_between(F.when(_has_no_comma(code), _measured(code, 0, 3, _TENTHS)).otherwise(coded), *_DEPTHS_MM)


def precipitation_trace(code: Column, period_h: Column) -> Column:
    """Whether the amount was too small to measure; null where the amount is not to be used."""
    condition = F.coalesce(_part(code, 2), F.lit(""))
    is_usable = period_h.isNotNull() & _is_accepted(_part(code, 3)) & condition.isin(_TRACE, *_PLAIN_CONDITIONS)
    return F.when(is_usable, condition == _TRACE)


def precipitation_mm(code: Column, trace: Column) -> Column:
    """Depth of water; a trace without a depth is 0."""
    depth = _part(code, 1)
    has_no_depth = depth.isNull() | (depth == "") | (depth == str(_MISSING_DEPTH))
    return F.when(trace & has_no_depth, F.lit(0.0)).when(trace.isNotNull(), _depth_mm(code))


def precipitation_mm_per_h(mm: Column, period_h: Column) -> Column:
    """Totals of 6, 12 or 24 hours say nothing about now."""
    return F.when(period_h <= _LONGEST_PERIOD_WITH_A_RATE_H, mm / period_h)
