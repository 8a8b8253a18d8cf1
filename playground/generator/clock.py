"""Simulated time in quarter hours since the epoch, and the publishers' clocks."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_S = 900
QUARTERS_PER_DAY = 96
QUARTER = timedelta(seconds=QUARTER_S)
BOSTON = ZoneInfo("America/New_York")

SEND_DELAY = timedelta(seconds=2)
"""from the event to its producer's send time; not 0, so that the two cannot be mistaken for each other"""

SECOND_TEXTS = tuple(b"%02d" % second for second in range(60))


def quarter_of(instant: datetime) -> int:
    return int(instant.timestamp()) // QUARTER_S


def start_of(quarter: int) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_S, UTC)


@lru_cache(maxsize=4096)
def _hour_offset_s(hour: int) -> int:
    offset = datetime.fromtimestamp(hour * 3600, BOSTON).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def boston_offset_s(epoch_s: int) -> int:
    """Return the seconds to add to UTC for Boston's wall clock; they change on the full hour only."""
    return _hour_offset_s(epoch_s // 3600)


def boston_time(quarter: int) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_S, BOSTON)


@lru_cache(maxsize=4096)
def _hour_text(hour: int, separator: str) -> bytes:
    return datetime.fromtimestamp(hour * 3600, UTC).strftime(f"%Y-%m-%d{separator}%H:").encode()


@lru_cache(maxsize=16384)
def minute_text(minute: int, separator: str = " ") -> bytes:
    """Format a minute since the epoch as `YYYY-MM-DD HH:MM:`, once per minute and not per event."""
    hour, in_hour = divmod(minute, 60)
    return b"%b%b:" % (_hour_text(hour, separator), SECOND_TEXTS[in_hour])


def second_text(epoch_s: int, separator: str = " ") -> bytes:
    minute, second = divmod(epoch_s, 60)
    return minute_text(minute, separator) + SECOND_TEXTS[second]


def local_text(epoch_s: int) -> bytes:
    """Format Boston's wall clock, without offset."""
    return second_text(epoch_s + boston_offset_s(epoch_s))


def event_hour(instant: datetime) -> bytes:
    """Format the message key: `YYYY-MM-DD-HH`, UTC."""
    return instant.strftime("%Y-%m-%d-%H").encode()
