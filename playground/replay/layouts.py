"""Recognise a publisher's file by its header."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playground.generator.message import ACCIDENTS, BIKES, TAXIS, WEATHER
from playground.replay.event_times import Row, bike_start_s, cab_ride_s, dispatch_s, report_s, rideshare_s


@dataclass(frozen=True)
class CsvLayout:
    name: str
    feed: str
    columns: tuple[str, ...]
    """those that identify it; the file may have more, in any order"""
    event_time_s: Callable[[Row], float | None]


LAYOUTS = (
    CsvLayout(
        "Bluebikes trips",
        BIKES,
        ("tripduration", "starttime", "stoptime", "start station id", "end station id", "bikeid"),
        bike_start_s,
    ),
    CsvLayout(
        "cab_rides.csv", TAXIS, ("time_stamp", "cab_type", "surge_multiplier", "source", "destination"), cab_ride_s
    ),
    CsvLayout(
        "rideshare quotes with weather",
        TAXIS,
        ("timestamp", "datetime", "cab_type", "surge_multiplier", "source", "destination"),
        rideshare_s,
    ),
    CsvLayout("NOAA global-hourly", WEATHER, ("STATION", "DATE", "REPORT_TYPE"), report_s),
    CsvLayout("Vision Zero crashes", ACCIDENTS, ("dispatch_ts", "mode_type", "location_type"), dispatch_s),
)


class UnknownLayout(Exception):
    """No known publisher has this header: the file, its header and the known ones."""


def layout_of(file: Path, header: list[str]) -> CsvLayout:
    """Return the layout that has these columns. Raises: UnknownLayout."""
    for layout in LAYOUTS:
        if set(layout.columns) <= set(header):
            return layout
    known = "; ".join(f"{layout.name} ({', '.join(layout.columns)}, ...)" for layout in LAYOUTS)
    raise UnknownLayout(f"{file} has an unknown header: {', '.join(header) or 'nothing at all'}. Known are: {known}.")
