"""Vision Zero Boston accidents."""

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.columns.boston import in_boston
from spark_jobs.columns.given_text import number, trimmed
from spark_jobs.columns.instants import instant, odd_time, without_utc_suffix
from spark_jobs.feeds.refusals import Refusal
from spark_jobs.feeds.rules import FeedRules

MODES = ("bike", "ped", "mv")

_NUMBERS = ("x_cord", "y_cord", "lat", "long")
_TEXTS = ("location_type", "street", "xstreet1", "xstreet2")


def _columns() -> Mapping[str, Column]:
    latitude, longitude = F.col("lat_number"), F.col("long_number")
    is_usable = in_boston(latitude, longitude)
    return {
        "dispatch_ts": F.col("given_dispatch_ts"),
        **{name: trimmed(F.col(f"given_{name}")) for name in _TEXTS},
        "x_cord": F.col("x_cord_number"),
        "y_cord": F.col("y_cord_number"),
        "lat": F.when(is_usable, latitude),
        "long": F.when(is_usable, longitude),
    }


def _refusals() -> Mapping[Refusal, Column]:
    return {Refusal.THE_MODE_IS_UNKNOWN: ~F.coalesce(F.col("mode_type").isin(*MODES), F.lit(False))}


def accidents(time_zone: str) -> FeedRules:
    """The rules, given the zone of a dispatch time without an offset."""

    def numbers() -> Mapping[str, Column]:
        # The publisher ends every local time in +00 (feeds.md section 2), so that suffix says nothing.
        dispatched = without_utc_suffix(trimmed(F.col("given_dispatch_ts")))
        return {
            **{f"{name}_number": number(F.col(f"given_{name}")) for name in _NUMBERS},
            "dispatched": dispatched,
            "odd_dispatched": odd_time(dispatched),
            "mode_type": F.lower(trimmed(F.col("given_mode_type"))),
        }

    def times() -> Mapping[str, Column]:
        return {"dispatch_timestamp": instant(F.col("dispatched"), F.col("odd_dispatched"), time_zone)}

    return FeedRules(
        lookups={name: (name,) for name in ("dispatch_ts", "mode_type", *_TEXTS, *_NUMBERS)},
        schema=(
            "dispatch_ts string, dispatch_timestamp timestamp, mode_type string, location_type string, "
            "street string, xstreet1 string, xstreet2 string, x_cord double, y_cord double, lat double, long double"
        ),
        steps=(numbers, times, _columns),
        event_time_texts=("dispatch_ts",),
        refusals=_refusals,
    )
