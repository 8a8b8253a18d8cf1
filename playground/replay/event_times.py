"""Event times of a file's rows in seconds since the epoch, by each publisher's clock as in section 2 of feeds.md."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from playground.generator.clock import BOSTON

Row = Mapping[str, str]

MILLISECONDS_FROM = 1e11
LATEST_S = 253_402_300_799.0
"""9999-12-31: beyond it Python has no time"""
BOSTON_STANDARD_TIME = timezone(timedelta(hours=-5))
"""NOAA's local files keep it all year"""
_SPREADSHEET = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})(?::(\d{2}))?")
# A spreadsheet writes 1544952607890 as 1.54E+12: the time of day is lost.
_ROUNDED = re.compile(r"(?P<digits>[\d.]+)[eE].*")
_LEAST_DIGITS = 7


def _written(text: str) -> datetime:
    match = _SPREADSHEET.fullmatch(text)
    if match is None:
        return datetime.fromisoformat(text)
    month, day, year, hour, minute, second = (int(part or 0) for part in match.groups())
    return datetime(year, month, day, hour, minute, second)


def instant_s(text: str, zone: tzinfo) -> float | None:
    """Parse a time; `zone` applies where it has no offset. None: unreadable."""
    try:
        written = _written(text.strip())
        return (written if written.tzinfo else written.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return None


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
    return instant_s(row.get("starttime") or row.get("started_at", ""), BOSTON)


def cab_ride_s(row: Row) -> float | None:
    return epoch_s(row.get("time_stamp", ""))


def rideshare_s(row: Row) -> float | None:
    at_s = epoch_s(row.get("timestamp", ""))
    return instant_s(row.get("datetime", ""), UTC) if at_s is None else at_s


def report_s(row: Row) -> float | None:
    return instant_s(row.get("DATE", ""), UTC)


def local_report_s(row: Row) -> float | None:
    return instant_s(row.get("DATE", ""), BOSTON_STANDARD_TIME)


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
    return instant_s(re.sub(r"(Z|\+00(:?00)?)$", "", row.get("dispatch_ts", "").strip()), BOSTON)
