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
_GHCNH_ELEMENTS = (
    "temperature", "dew_point_temperature", "wind_speed", "visibility", "sea_level_pressure", "precipitation",
)  # fmt: skip


def as_published(row: Row) -> Record:
    return row


@dataclass(frozen=True)
class FileLayout:
    """How a publisher's file is known, and read."""

    name: str
    feed: str
    columns: tuple[str, ...]
    """those that identify it; the file may have more, in any order"""
    event_time_s: Callable[[Row], float | None]
    one_of: tuple[str, ...] = ()
    """at least one of them belongs to it too"""
    keys: Mapping[str, str] = field(default_factory=dict)
    """column -> key of the message, where they differ"""
    record: Callable[[Row], Record] = as_published

    def lacks(self, header: Sequence[str]) -> list[str]:
        """What the header would need to be of this layout."""
        lacking = [name for name in self.columns if name not in header]
        if self.one_of and not set(self.one_of) & set(header):
            lacking.append(f"one of {', '.join(self.one_of)}")
        return lacking

    def share_lacking(self, header: Sequence[str]) -> float:
        return len(self.lacks(header)) / (len(self.columns) + bool(self.one_of))


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
        one_of=("HourlyDryBulbTemperature", "HourlyPrecipitation", "HourlyVisibility", "HourlyWindSpeed"),
    ),
    FileLayout(
        "NOAA LCD before 2018",
        WEATHER,
        ("STATION", "DATE"),
        local_report_s,
        one_of=("HOURLYDRYBULBTEMPF", "HOURLYDRYBULBTEMPC", "HOURLYPrecip", "HOURLYVISIBILITY", "HOURLYWindSpeed"),
    ),
    FileLayout(
        "NOAA global-hourly",
        WEATHER,
        ("STATION", "DATE"),
        report_s,
        one_of=("WND", "CIG", "VIS", "TMP", "DEW", "SLP", "AA1"),
    ),
    FileLayout("NOAA GHCNh", WEATHER, ("STATION", "DATE"), ghcnh_report_s, one_of=_GHCNH_ELEMENTS),
    FileLayout(
        "NOAA GHCNh of 2024",
        WEATHER,
        ("Station_ID", "Year", "Month", "Day", "Hour", "Minute"),
        ghcnh_report_s,
        one_of=_GHCNH_ELEMENTS,
        keys={
            "Station_ID": "STATION", "Latitude": "LATITUDE", "Longitude": "LONGITUDE", "Elevation": "ELEVATION",
        },
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
    if nearest.share_lacking(header) == 1:
        return f"Known are: {', '.join(layout.name for layout in LAYOUTS)}."
    return f"The nearest known layout is {nearest.name}; the file lacks {', '.join(nearest.lacks(header))}."


def _shown(header: list[str]) -> str:
    """The first names, short, and in characters that no terminal obeys."""
    names = [ascii(name)[1:-1] for name in header[:_MOST_NAMES]]
    short = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in names]
    more = len(header) - len(names)
    return (", ".join(short) or "nothing at all") + (f" and {more} more" if more else "")
