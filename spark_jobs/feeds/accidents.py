"""Vision Zero Boston accidents."""

from spark_jobs.feeds.refusals import Refusal
from spark_jobs.feeds.rules import INSTANT, NUMBER, TEXT, FeedRules, in_boston

_TEXTS = ("location_type", "street", "xstreet1", "xstreet2")
_NUMBERS = ("x_cord", "y_cord", "lat", "long")


def accidents(time_zone: str) -> FeedRules:
    """The rules, given the zone of a dispatch time without an offset."""
    return FeedRules(
        columns={
            "dispatch_ts": TEXT,
            "dispatch_timestamp": INSTANT,
            "mode_type": TEXT,
            **dict.fromkeys(_TEXTS, TEXT),
            **dict.fromkeys(_NUMBERS, NUMBER),
        },
        texts={name: (name,) for name in ("mode_type", *_TEXTS)},
        numbers={name: (name,) for name in _NUMBERS},
        known_by=("mode_type", *_TEXTS, *_NUMBERS),
        as_written={"dispatch_ts": ("dispatch_ts",)},
        # The publisher ends every local time in +00 (feeds.md section 2), so that suffix says nothing.
        times={"dispatch_timestamp": r"regexp_replace(trim_blanks(dispatch_ts), '(Z|\+00(:?00)?)$', '')"},
        time_zone=time_zone,
        event_time_given="dispatch_ts IS NOT NULL",
        steps=({"mode_type": "lower(mode_type)", **in_boston("lat", "long")},),
        refusals={Refusal.THE_MODE_IS_UNKNOWN: "coalesce(mode_type NOT IN ('bike', 'ped', 'mv'), true)"},
    )
