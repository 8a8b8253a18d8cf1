"""Times as text -> UTC instants (feeds.md section 2).

Nearly all texts have the plain shape and are read by DuckDB in one go; the odd ones one by one.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.feeds.slow_path import BLANKS

INSTANT = pa.timestamp("us", tz="UTC")

# A year below 1000 is odd: far too old, whatever the calendar says of it.
PLAIN_TIME = r"[1-9]\d{3}-\d{2}-\d{2}[ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_ODD_TIME = re.compile(
    r"(?:(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[ T](?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"|(?P<month_>\d{1,2})/(?P<day_>\d{1,2})/(?P<year_>\d{4})[ T](?P<hour_>\d{1,2}):(?P<minute_>\d\d)"
    r"(?::(?P<second_>\d\d))?)"
    r"(?P<offset>Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)
_AFTER_ALL = datetime.max.replace(tzinfo=UTC)
_LARGEST_OFFSET = timedelta(hours=18)
# Clocks change on quarter hours everywhere, so one offset holds for all of one.
_QUARTER_US = 900_000_000


def in_utc(clocks: pa.Array, time_zone: str) -> pa.Array:
    """Wall clock times without a zone -> instants.

    A time in the spring gap moves forward by 1 h, a repeated autumn time takes the earlier offset.
    """
    since_epoch = clocks.cast(pa.int64())
    if time_zone != "UTC":
        quarters = pc.divide(since_epoch, _QUARTER_US)
        known = pc.drop_null(pc.unique(quarters))
        offsets = pa.array([_offset_us(quarter, time_zone) for quarter in known.to_pylist()], pa.int64())
        since_epoch = pc.subtract(since_epoch, offsets.take(pc.index_in(quarters, known)))
    return since_epoch.cast(INSTANT)


@lru_cache(maxsize=100_000)
def _offset_us(quarter: int, time_zone: str) -> int:
    clock = datetime(1970, 1, 1) + timedelta(microseconds=quarter * _QUARTER_US)
    offset = clock.replace(tzinfo=ZoneInfo(time_zone), fold=0).utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)


def irregular_instants(texts: pa.Array, time_zone: str) -> pa.Array:
    """The instants of texts that are not plain; most are null, for all the plain ones."""
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), INSTANT)
    read: Callable[[str | None], datetime | None] = lambda text: irregular_instant(text, time_zone)  # noqa: E731
    return pa.array(map(read, texts.to_pylist()), INSTANT)


def irregular_instant(text: str | None, time_zone: str) -> datetime | None:
    """The instant a text names, None where it matches no accepted pattern or is no calendar time."""
    match = _ODD_TIME.fullmatch(text.strip(BLANKS)) if text is not None else None
    if match is None:
        return None
    part = {name.rstrip("_"): value for name, value in match.groupdict().items() if value is not None}
    year = int(part["year"])
    try:
        # Year 0 is a leap year and too old whatever its day: its calendar is judged by another leap year.
        clock = datetime(
            year or 4,
            int(part["month"]),
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            int(part.get("second", 0)),
            int(part.get("fraction", "").ljust(6, "0")[:6]),
        )
        offset = _offset(part["offset"]) if "offset" in part else None
    except ValueError:
        return None
    return _BEFORE_ALL if year == 0 else _at(clock, offset, time_zone)


def _at(clock: datetime, offset: timedelta | None, time_zone: str) -> datetime:
    try:
        if offset is not None:
            return clock.replace(tzinfo=UTC) - offset
        return clock.replace(tzinfo=ZoneInfo(time_zone), fold=0).astimezone(UTC)
    except OverflowError:
        return _AFTER_ALL if clock.year > 1000 else _BEFORE_ALL


def _offset(text: str) -> timedelta:
    digits = re.sub(r"\D", "", text).ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if int(digits[2:]) > 59 or offset > _LARGEST_OFFSET:
        raise ValueError(text)
    return -offset if text[0] == "-" else offset
