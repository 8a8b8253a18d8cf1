"""Simulated time: quarter hours counted from the epoch, and the clocks the publishers write by."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_S = 900
QUARTERS_PER_DAY = 96
QUARTER = timedelta(seconds=QUARTER_S)
BOSTON = ZoneInfo("America/New_York")

SENDING_TAKES = timedelta(seconds=2)
"""From the event to its producer's send time: never 0, so that the two are not mistaken for each other."""

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
    """Seconds to add to UTC for Boston's wall clock; it only changes on the full hour."""
    return _hour_offset_s(epoch_s // 3600)


def boston_time(quarter: int) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_S, BOSTON)


@lru_cache(maxsize=4096)
def _hour_text(hour: int, separator: str) -> bytes:
    return datetime.fromtimestamp(hour * 3600, UTC).strftime(f"%Y-%m-%d{separator}%H:").encode()


@lru_cache(maxsize=16384)
def minute_text(minute: int, separator: str = " ") -> bytes:
    """`YYYY-MM-DD HH:MM:` of a minute counted from the epoch: formatted once, not per event."""
    hour, in_hour = divmod(minute, 60)
    return b"%b%b:" % (_hour_text(hour, separator), SECOND_TEXTS[in_hour])


def second_text(epoch_s: int, separator: str = " ") -> bytes:
    minute, second = divmod(epoch_s, 60)
    return minute_text(minute, separator) + SECOND_TEXTS[second]


def local_text(epoch_s: int) -> bytes:
    """Boston's wall clock, no offset written."""
    return second_text(epoch_s + boston_offset_s(epoch_s))


def event_hour(instant: datetime) -> bytes:
    """The message key: `YYYY-MM-DD-HH`, UTC."""
    return instant.strftime("%Y-%m-%d-%H").encode()
