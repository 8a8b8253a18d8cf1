"""Recognise a publisher's file by its header."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from playground.generator.message import ACCIDENTS, BIKES, TAXIS, WEATHER
from playground.replay.dark_sky_weather import dark_sky_report
from playground.replay.event_times import (
    Row,
    bike_start_s,
    cab_ride_s,
    dispatch_s,
    ghcnh_report_s,
    local_report_s,
    report_s,
    rideshare_s,
)
from playground.replay.found_files import FoundFile, UnusableFile
from spark_jobs.feeds.rules import names_in
from spark_jobs.feeds.weather_data import WEATHER_DATA
from spark_jobs.feeds.weather_ghcnh import GHCNH
from spark_jobs.feeds.weather_lcd import LCD

Record = Mapping[str, object]

_STATION = ("id", "name", "latitude", "longitude")
_OLD_TRIP = ("starttime", "stoptime", "start station id", "end station id", "bikeid")
_CITI_BIKE_2016 = {
    "Trip Duration": "tripduration",
    "Start Time": "starttime",
    "Stop Time": "stoptime",
    **{
        f"{end} Station {'ID' if field == 'id' else field.title()}": f"{end.lower()} station {field}"
        for end in ("Start", "End")
        for field in _STATION
    },
    "Bike ID": "bikeid",
    "User Type": "usertype",
    "Birth Year": "birth year",
    "Gender": "gender",
}
_LOOKED_UP = frozenset(
    name for rules in WEATHER_DATA for name in names_in(rules.texts, rules.numbers, rules.as_written)
)


def as_published(row: Row) -> Record:
    return row


def with_wanted_columns(row: Row) -> Record:
    """NOAA's tables have up to 227 columns, most of them empty: only those that ingestion looks up.

    Elements stay where they are empty too: they tell the layout. So all rows of a file have the same few names, and
    are read fast (docs/decisions/0004-parsing-in-the-tasks.md).
    """
    return {name: cell for name, cell in row.items() if name in _LOOKED_UP}


@dataclass(frozen=True)
class FileLayout:
    """How a publisher's file is known, and read."""

    name: str
    feed: str
    columns: tuple[str, ...]
    """those that identify it; the file may have more, in any order"""
    event_time_s: Callable[[Row], float | None]
    one_of: tuple[tuple[str, ...], ...] = ()
    """of each of these at least one belongs to it too"""
    keys: Mapping[str, str] = field(default_factory=dict)
    """column -> key of the message, where they differ"""
    record: Callable[[Row], Record] = as_published

    def lacks(self, header: Sequence[str]) -> list[str]:
        """What the header would need to be of this layout."""
        lacking = [name for name in self.columns if name not in header]
        return lacking + [f"one of {', '.join(names)}" for names in self.one_of if set(names).isdisjoint(header)]

    def share_lacking(self, header: Sequence[str]) -> float:
        return len(self.lacks(header)) / (len(self.columns) + len(self.one_of))


LAYOUTS = (
    FileLayout("Bluebikes trips until March 2023", BIKES, _OLD_TRIP, bike_start_s),
    FileLayout(
        "Bluebikes trips since April 2023",
        BIKES,
        ("ride_id", "started_at", "ended_at", "start_station_id", "end_station_id", "member_casual"),
        bike_start_s,
    ),
    FileLayout(
        "Citi Bike trips of 2016",
        BIKES,
        ("Start Time", "Stop Time", "Start Station ID", "End Station ID", "Bike ID"),
        bike_start_s,
        keys=_CITI_BIKE_2016,
    ),
    FileLayout(
        "cab_rides.csv", TAXIS, ("time_stamp", "cab_type", "surge_multiplier", "source", "destination"), cab_ride_s
    ),
    FileLayout(
        "rideshare quotes with weather",
        TAXIS,
        ("timestamp", "datetime", "cab_type", "surge_multiplier", "source", "destination"),
        rideshare_s,
    ),
    FileLayout(
        "weather.csv of the cab rides",
        WEATHER,
        ("temp", "location", "pressure", "rain", "time_stamp", "wind"),
        cab_ride_s,
        record=dark_sky_report,
    ),
    FileLayout(
        "NOAA LCD",
        WEATHER,
        ("STATION", "DATE"),
        local_report_s,
        one_of=(tuple(names_in(LCD.elements)),),
        record=with_wanted_columns,
    ),
    FileLayout(
        "NOAA global-hourly",
        WEATHER,
        ("STATION", "DATE"),
        report_s,
        # Not SLP: the summaries of days (GSOD) have one too, and no time of day.
        one_of=(("WND", "CIG", "VIS", "TMP", "DEW", "AA1"),),
        record=with_wanted_columns,
    ),
    FileLayout(
        "NOAA GHCNh",
        WEATHER,
        (),
        ghcnh_report_s,
        one_of=(("STATION", "Station_ID"), ("DATE", "Minute"), tuple(names_in(GHCNH.elements))),
        record=with_wanted_columns,
    ),
    FileLayout("Vision Zero crashes", ACCIDENTS, ("dispatch_ts", "mode_type", "location_type"), dispatch_s),
)  # fmt: skip

_MOST_NAMES, _LONGEST_NAME = 8, 30


def layout_of(file: FoundFile, header: list[str]) -> FileLayout:
    """Return the layout that has these columns. Raises: UnusableFile."""
    for layout in LAYOUTS:
        if not layout.lacks(header):
            return layout
    raise UnusableFile(f"{file} has an unknown header: {_shown(header)}. {_nearest(header)}")


def _nearest(header: list[str]) -> str:
    nearest = min(LAYOUTS, key=lambda layout: layout.share_lacking(header))
    if len(header) == 1:
        return "It has one column: cells have to be separated by commas, in NOAA's .psv by |."
    if nearest.share_lacking(header) == 1:
        return f"Known are: {', '.join(layout.name for layout in LAYOUTS)}."
    return f"The nearest known layout is {nearest.name}; the file lacks {', '.join(nearest.lacks(header))}."


def _shown(header: list[str]) -> str:
    """The first names, short, and in characters that no terminal obeys."""
    names = [ascii(name)[1:-1] for name in header[:_MOST_NAMES]]
    short = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in names]
    more = len(header) - len(names)
    return (", ".join(short) or "nothing at all") + (f" and {more} more" if more else "")
