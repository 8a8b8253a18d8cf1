"""Times as text or epoch numbers -> UTC instants. The session's time zone must be UTC."""

from pyspark.sql import Column
from pyspark.sql import functions as F

_DATE = r"\d{4}-\d{2}-\d{2}"
_SPREADSHEET_DATE = r"\d{1,2}/\d{1,2}/\d{4}"
_OFFSET = r"(?:Z|[+-]\d{2}(?::?\d{2})?)"
_TIME = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_WITHOUT_OFFSET = rf"^{_DATE}[ T]{_TIME}$"
_ACCEPTED = rf"^(?:{_DATE}[ T]{_TIME}|{_SPREADSHEET_DATE}[ T]\d{{1,2}}:\d{{2}}(?::\d{{2}})?){_OFFSET}?$"
_TRAILING_OFFSET = rf"({_OFFSET})$"

_MILLISECONDS_FROM = 1e11
"""an epoch from here up counts milliseconds: as seconds it would be the year 5138"""
_YEAR_0 = -62_167_219_200
_YEAR_10000 = 253_402_300_800


def _calendar_time(text: Column) -> Column:
    return text.try_cast("timestamp")


def _in_utc(wall_clock: Column, time_zone: str) -> Column:
    # A time in the spring gap moves forward by 1 h, a repeated autumn time takes the earlier offset.
    return wall_clock if time_zone == "UTC" else F.to_utc_timestamp(wall_clock, time_zone)


def _rare_pattern(text: Column, time_zone: str) -> Column:
    """Spreadsheet dates and explicit offsets."""
    offset = F.regexp_extract(text, _TRAILING_OFFSET, 1)
    iso = F.regexp_replace(text, r"^(\d{1,2})/(\d{1,2})/(\d{4})", "$3-$1-$2")
    wall_clock = _calendar_time(F.regexp_replace(iso, _TRAILING_OFFSET, ""))
    # Written out again the wall clock has its seconds, which the cast wants before an offset.
    at_offset = _calendar_time(F.concat(wall_clock.cast("string"), offset))
    return F.when(offset == "", _in_utc(wall_clock, time_zone)).otherwise(at_offset)


def instant(text: Column, time_zone: str) -> Column:
    """The instant a (trimmed) text names, null where it matches no accepted pattern or is no calendar time.

    `time_zone` applies where the text has no offset.
    """
    return F.when(text.rlike(_WITHOUT_OFFSET), _in_utc(_calendar_time(text), time_zone)).when(
        text.rlike(_ACCEPTED), _rare_pattern(text, time_zone)
    )


def without_utc_suffix(text: Column) -> Column:
    """The text without a closing Z or +00[:00]."""
    return F.regexp_replace(text, r"(?:Z|\+00(?::?00)?)$", "")


def epoch_instant(epoch: Column) -> Column:
    """Unix seconds, or milliseconds from 1e11 up, as an instant; null outside the years 0-9999."""
    seconds = F.when(epoch >= _MILLISECONDS_FROM, epoch / 1000).otherwise(epoch)
    is_calendar_time = (seconds >= _YEAR_0) & (seconds < _YEAR_10000)
    return F.when(is_calendar_time, F.timestamp_micros(F.rint(seconds * 1_000_000).cast("bigint")))
