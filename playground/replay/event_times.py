"""Event times of a file's rows in seconds since the epoch, by each publisher's clock as in section 2 of feeds.md."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from playground.generator.clock import BOSTON
from spark_jobs.feeds.instants import irregular_instant
from spark_jobs.feeds.weather_lcd import LCD

Row = Mapping[str, str]

MILLISECONDS_FROM = 1e11
LATEST_S = 253_402_300_799.0
"""9999-12-31: beyond it Python has no time"""
_BOSTON = BOSTON.key
_BOSTON_STANDARD_TIME = LCD.time_zone
"""NOAA's local files keep it all year"""
# A spreadsheet writes 1544952607890 as 1.54E+12: the time of day is lost.
_ROUNDED = re.compile(r"(?P<digits>[\d.]+)[eE].*")
_LEAST_DIGITS = 7


def instant_s(text: str, time_zone: str) -> float | None:
    """Parse a time as ingestion does; the zone applies where it has no offset. None: unreadable."""
    instant = irregular_instant(text, time_zone)
    return None if instant is None else instant.timestamp()


def epoch_s(text: str) -> float | None:
    """Parse seconds or milliseconds since the epoch. None: unreadable, or rounded by a spreadsheet."""
    rounded = _ROUNDED.fullmatch(text.strip())
    if rounded and len(rounded["digits"].replace(".", "")) < _LEAST_DIGITS:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    seconds = number / 1000 if number >= MILLISECONDS_FROM else number
    return seconds if 0 <= seconds <= LATEST_S else None


def bike_start_s(row: Row) -> float | None:
    return instant_s(row.get("starttime") or row.get("started_at", ""), _BOSTON)


def cab_ride_s(row: Row) -> float | None:
    return epoch_s(row.get("time_stamp", ""))


def rideshare_s(row: Row) -> float | None:
    at_s = epoch_s(row.get("timestamp", ""))
    return instant_s(row.get("datetime", ""), "UTC") if at_s is None else at_s


def report_s(row: Row) -> float | None:
    return instant_s(row.get("DATE", ""), "UTC")


def local_report_s(row: Row) -> float | None:
    return instant_s(row.get("DATE", ""), _BOSTON_STANDARD_TIME)


def ghcnh_report_s(row: Row) -> float | None:
    if row.get("DATE"):
        return report_s(row)
    try:
        parts = [int(row[name]) for name in ("Year", "Month", "Day", "Hour", "Minute")]
        return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]
    except (KeyError, ValueError, OverflowError):
        return None


def dispatch_s(row: Row) -> float | None:
    """Parse a time that is written with `+00` and is Boston's wall clock."""
    return instant_s(re.sub(r"(Z|\+00(:?00)?)$", "", row.get("dispatch_ts", "").strip()), _BOSTON)
