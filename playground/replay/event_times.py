"""Event times of CSV rows in seconds since the epoch, by each publisher's clock as in section 2 of feeds.md."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from playground.generator.clock import BOSTON

Row = Mapping[str, str]

MILLISECONDS_FROM = 1e11
_SPREADSHEET = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})(?::(\d{2}))?")


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
    try:
        number = float(text)
    except ValueError:
        return None
    return number / 1000 if number >= MILLISECONDS_FROM else number


def bike_start_s(row: Row) -> float | None:
    return instant_s(row["starttime"], BOSTON)


def cab_ride_s(row: Row) -> float | None:
    return epoch_s(row["time_stamp"])


def rideshare_s(row: Row) -> float | None:
    at_s = epoch_s(row["timestamp"])
    return instant_s(row.get("datetime", ""), UTC) if at_s is None else at_s


def report_s(row: Row) -> float | None:
    return instant_s(row["DATE"], UTC)


def dispatch_s(row: Row) -> float | None:
    """Parse a time that is written with `+00` and is Boston's wall clock."""
    return instant_s(re.sub(r"(Z|\+00(:?00)?)$", "", row["dispatch_ts"].strip()), BOSTON)
