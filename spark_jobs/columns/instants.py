"""Times as text or epoch numbers -> UTC instants. The session's time zone must be UTC."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.columns.given_text import BLANKS

_DATE = r"\d{4}-\d{2}-\d{2}"
_SPREADSHEET_DATE = r"\d{1,2}/\d{1,2}/\d{4}"
_OFFSET = r"(?:Z|[+-]\d{2}(?::?\d{2})?)"
_TIME = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_WITHOUT_OFFSET = rf"^{_DATE}[ T]{_TIME}\z"
_ANY_WALL_CLOCK = rf"(?:{_DATE}[ T]{_TIME}|{_SPREADSHEET_DATE}[ T]\d{{1,2}}:\d{{2}}(?::\d{{2}})?)"
_ACCEPTED_WITHOUT_OFFSET = rf"^{_ANY_WALL_CLOCK}\z"
_ACCEPTED = rf"^{_ANY_WALL_CLOCK}{_OFFSET}\z"
_TRAILING_OFFSET = rf"({_OFFSET})\z"

_MILLISECONDS_FROM = 1e11
"""an epoch from here up counts milliseconds: as seconds it would be the year 5138"""
_YEAR_0 = -62_167_219_200
_YEAR_10000 = 253_402_300_800


def _calendar_time(text: Column) -> Column:
    return text.try_cast("timestamp")


def _in_utc(wall_clock: Column, time_zone: str) -> Column:
    # A time in the spring gap moves forward by 1 h, a repeated autumn time takes the earlier offset.
    return wall_clock if time_zone == "UTC" else F.to_utc_timestamp(wall_clock, time_zone)


def odd_time(text: Column) -> Column:
    """The text, trimmed, where it is anything but the plain `YYYY-MM-DD HH:MM[:SS[.f]]`: null for nearly every row.

    A column of its own, so that the long rules below stand on a short name: trees Spark plans and compiles stay small.
    """
    return F.when(~text.rlike(_WITHOUT_OFFSET), F.btrim(text, F.lit(BLANKS)))


def instant(text: Column, odd_time: Column, time_zone: str) -> Column:
    """The instant a text names, null where it matches no accepted pattern or is no calendar time.

    `odd_time` is made of the same text; `time_zone` applies where there is no offset.
    """
    return (
        F.when(odd_time.isNull(), _in_utc(_calendar_time(text), time_zone))
        .when(odd_time.rlike(_ACCEPTED_WITHOUT_OFFSET), _in_utc(_calendar_time(_iso(odd_time)), time_zone))
        .when(odd_time.rlike(_ACCEPTED), _at_its_offset(odd_time))
    )


def _iso(odd_time: Column) -> Column:
    """Spreadsheet dates turned round."""
    return F.regexp_replace(odd_time, r"^(\d{1,2})/(\d{1,2})/(\d{4})", "$3-$1-$2")


def _at_its_offset(odd_time: Column) -> Column:
    wall_clock = _calendar_time(F.regexp_replace(_iso(odd_time), _TRAILING_OFFSET, ""))
    # Written out again the wall clock has its seconds, which the cast wants before an offset.
    return _calendar_time(F.concat(wall_clock.cast("string"), F.regexp_extract(odd_time, _TRAILING_OFFSET, 1)))


def within_the_calendar(instant: Column) -> Column:
    """Null from the year 10000 on, where a local time of the last hours of 9999 may land: few readers go there."""
    return F.when(instant < F.timestamp_seconds(F.lit(_YEAR_10000)), instant)


def without_utc_suffix(text: Column) -> Column:
    """The text without a closing Z or +00[:00]."""
    return F.regexp_replace(text, r"(?:Z|\+00(?::?00)?)\z", "")


def epoch_instant(epoch: Column) -> Column:
    """Unix seconds, or milliseconds from 1e11 up, as an instant; null outside the years 0-9999."""
    seconds = F.when(epoch >= _MILLISECONDS_FROM, epoch / 1000).otherwise(epoch)
    is_calendar_time = (seconds >= _YEAR_0) & (seconds < _YEAR_10000)
    return F.when(is_calendar_time, F.timestamp_micros(F.rint(seconds * 1_000_000).cast("bigint")))
