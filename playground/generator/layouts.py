"""The same events as other producers write them, on request: what is told of them stays what it is."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from random import Random
from typing import Any

from playground.generator.message import BIKES, WEATHER, Message
from playground.generator.weather_reports import DAY_SUMMARY, MONTH_SUMMARY

Record = dict[str, Any]

_SINCE_2023 = {"Subscriber": "member", "Customer": "casual"}
# Only a price may be unknown.
_CONNECT_TYPES = {str: "string", int: "int64", float: "double", bool: "boolean", dict: "struct", type(None): "double"}


@dataclass(frozen=True)
class Layouts:
    """Shares of messages, each between 0 and 1."""

    trips_since_2023: float = 0.0
    """of the bike trips: the published layout since 2023"""
    ghcnh: float = 0.0
    """of the weather reports: NOAA's GHCN hourly"""
    connect: float = 0.0
    """of all messages: the envelope of Kafka Connect's JSON converter"""

    def __bool__(self) -> bool:
        return any(astuple(self))


def relaid(messages: Iterable[Message], layouts: Layouts, rng: Random) -> Iterator[Message]:
    """Write each message as its layout and envelope are drawn."""
    for message in messages:
        draw, wrapped = rng.random(), rng.random() < layouts.connect
        whole = json.loads(message.value)
        record = whole.get("data", whole)
        if message.feed == BIKES and draw < layouts.trips_since_2023:
            other = trip_since_2023(record, rng)
        elif message.feed == WEATHER and draw < layouts.ghcnh and not _is_summary(record):
            other = ghcnh_report(record)
        else:
            other = record
        if other is not record:
            whole = {**whole, "data": other} if "data" in whole else other
        whole = in_connect(other) if wrapped else whole
        yield message._replace(value=json.dumps(whole).encode()) if wrapped or other is not record else message


def in_connect(record: Record) -> Record:
    return {"schema": connect_schema(record), "payload": record}


def connect_schema(record: Record) -> Record:
    return {**_connect_field(record), "optional": False}


def _connect_field(value: Any) -> Record:
    field: Record = {"type": _CONNECT_TYPES[type(value)], "optional": True}
    if isinstance(value, dict):
        field["fields"] = [{"field": name, **_connect_field(inside)} for name, inside in value.items()]
    return field


def trip_since_2023(trip: Record, rng: Random) -> Record:
    """Milliseconds at both ends, so that the time between them is the duration that is no longer told."""
    start, fraction = str(trip.get("start_time") or trip["starttime"]).split(".")
    stop = trip.get("stop_time") or trip["stoptime"]
    return {
        "ride_id": f"{rng.getrandbits(64):016X}",
        "rideable_type": "classic_bike",
        "started_at": f"{start}.{fraction[:3]}",
        "ended_at": f"{stop}.{fraction[:3]}",
        **{
            f"{end}_station_{field}": _station(trip, end, field) for end in ("start", "end") for field in ("name", "id")
        },
        **{
            f"{end}_{short}": _station(trip, end, field)
            for end in ("start", "end")
            for short, field in (("lat", "latitude"), ("lng", "longitude"))
        },
        "member_casual": _SINCE_2023[trip.get("user_type") or trip["usertype"]],
    }


def _station(trip: Record, end: str, field: str) -> str:
    nested = trip.get(f"{end}_station")
    return str(nested[field] if nested else trip[f"{end} station {field}"])


def _is_summary(report: Record) -> bool:
    return report["station_info"]["report_type"] in (DAY_SUMMARY, MONTH_SUMMARY)


def ghcnh_report(report: Record) -> Record:
    """The codes as numbers, each with its quality; a total of several hours has no place here."""
    codes = {name: str(code).split(",") for name, code in report["observations"].items()}
    report_type = report["station_info"]["report_type"].replace("-", "")
    wind = codes["wind"]
    elements = {
        "temperature": _value(codes["temperature"], 10),
        "dew_point_temperature": _value(codes["dew_point"], 10),
        "sea_level_pressure": _value(codes["sea_level_pressure"], 10),
        "wind_direction": ("000" if wind[2] == "C" else "" if wind[0] == "999" else wind[0], wind[1]),
        "wind_speed": _value(wind[3:], 10),
        "visibility": _value(codes["visibility"], 1000),
    }
    rain = codes.get("precipitation")
    if rain is not None and rain[0] == "01":
        elements["precipitation"] = _value([rain[1], rain[3]], 10)
    return {
        "STATION": "USW00014739",
        "Station_name": "BOSTON LOGAN INTL AP",
        "DATE": report["datetime"],
        "LATITUDE": "42.3606",
        "LONGITUDE": "-71.0097",
        "ELEVATION": "3.7",
        **{name: text for name, (text, _) in elements.items()},
        **{f"{name}_Quality_Code": quality for name, (_, quality) in elements.items()},
        **{f"{name}_Report_Type": report_type for name in ("temperature", "precipitation") if name in elements},
        "wind_direction_Measurement_Code": {"V": "V-Variable", "C": "C-Calm"}.get(wind[2], "N-Normal"),
        "precipitation_Measurement_Code": "2-Trace" if rain is not None and rain[2] == "2" else "",
    }


def _value(code: list[str], per_unit: int) -> tuple[str, str]:
    """(number or nothing, quality)"""
    digits, quality = code[0], code[1]
    missing = digits.lstrip("+").strip("9") == "" and len(digits) >= 4
    return "" if missing else repr(int(digits) / per_unit), quality
