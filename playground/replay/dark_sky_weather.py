"""The weather.csv beside cab_rides.csv, from the Dark Sky API, as reports of the weather feed.

The feed takes plain numbers as °C, m/s, hPa and mm of the last hour; the file has °F, mph, hPa and inches of the last
hour, and no other element that the feed keeps. An empty `rain` stays unknown.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from playground.replay.event_times import Row, epoch_s

M_PER_S_PER_MPH = 0.44704
MM_PER_INCH = 25.4


def dark_sky_report(row: Row) -> Mapping[str, object]:
    """Return the report of one of the twelve places, which is its station."""
    at_s = epoch_s(row.get("time_stamp", ""))
    return {
        "station": row.get("location", ""),
        "datetime": "" if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}",
        "observations": {
            "temperature": _converted(row, "temp", lambda fahrenheit: (fahrenheit - 32) / 1.8),
            "wind": _converted(row, "wind", lambda mph: mph * M_PER_S_PER_MPH),
            "sea_level_pressure": _converted(row, "pressure", lambda hpa: hpa),
            "precipitation": _converted(row, "rain", lambda inches: inches * MM_PER_INCH),
        },
    }


def _converted(row: Row, column: str, convert: Callable[[float], float]) -> str:
    try:
        return f"{convert(float(row[column])):.4f}"
    except (KeyError, ValueError):
        return ""
