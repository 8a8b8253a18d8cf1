"""Which publisher's file this is, told by its header."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playground.generator.message import ACCIDENTS, BIKES, TAXIS, WEATHER
from playground.replay.event_times import Row, bike_start_s, cab_ride_s, dispatch_s, report_s, rideshare_s


@dataclass(frozen=True)
class Layout:
    name: str
    feed: str
    columns: tuple[str, ...]
    """Those that tell it apart; the file may have more, in any order."""
    event_time_s: Callable[[Row], float | None]


LAYOUTS = (
    Layout(
        "Bluebikes trips",
        BIKES,
        ("tripduration", "starttime", "stoptime", "start station id", "end station id", "bikeid"),
        bike_start_s,
    ),
    Layout("cab_rides.csv", TAXIS, ("time_stamp", "cab_type", "surge_multiplier", "source", "destination"), cab_ride_s),
    Layout(
        "rideshare quotes with weather",
        TAXIS,
        ("timestamp", "datetime", "cab_type", "surge_multiplier", "source", "destination"),
        rideshare_s,
    ),
    Layout("NOAA global-hourly", WEATHER, ("STATION", "DATE", "REPORT_TYPE"), report_s),
    Layout("Vision Zero crashes", ACCIDENTS, ("dispatch_ts", "mode_type", "location_type"), dispatch_s),
)


class UnknownLayout(Exception):
    """A header nobody is known to publish: file, header and what is known, in a sentence."""


def layout_of(file: Path, header: list[str]) -> Layout:
    for layout in LAYOUTS:
        if set(layout.columns) <= set(header):
            return layout
    known = "; ".join(f"{layout.name} ({', '.join(layout.columns)}, ...)" for layout in LAYOUTS)
    raise UnknownLayout(f"{file} has an unknown header: {', '.join(header) or 'nothing at all'}. Known are: {known}.")
