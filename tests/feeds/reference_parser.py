"""feeds.md once more in plain Python, sharing no code with spark_jobs: what Spark is compared with, cell by cell.

A row is a dict of the dataset's columns, or a reason to refuse (str).
"""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
BLANKS = " \t\n\x0b\f\r"
EMPTY = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N"}
BOSTON = ZoneInfo("America/New_York")
NOTHING = object()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Token(str):
    """A JSON number, kept as its text."""

    __slots__ = ()


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=_Token, parse_int=_Token, parse_constant=lambda _: None)


def _json(text: str) -> Any:
    """The only value of the text; ValueError where there is none, or more than one."""
    text = text.lstrip(" \t\r\n")
    value, end = _decoder().raw_decode(text)
    if text[end:].strip(" \t\r\n\0"):
        raise ValueError("a second value")
    return value


def _record(raw: bytes | None) -> tuple[dict[str, Any], Any, Any] | str:
    if raw is None or not raw.strip(b" \t\r\n"):
        return "the_message_is_empty"
    try:
        message = _json(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return "the_message_is_not_json"
    if not isinstance(message, dict):
        return "the_message_is_not_an_object"
    if set(message) == {"schema", "payload"}:
        message = message["payload"]
        if message is None:
            return "the_message_is_empty"
    found = _opened(message)
    if isinstance(found, str):
        return found
    record, timestamp, source = found
    if _is(record.get("__deleted"), "true", True) or _is(record.get("__op"), "d"):
        return "the_record_is_a_deletion"
    (first, *others) = record.items() or [("", None)]
    return {first[0].removeprefix("\ufeff"): first[1], **dict(others)}, timestamp, source


def _opened(message: Any) -> tuple[dict[str, Any], Any, Any] | str:
    if not isinstance(message, dict):
        return "the_data_is_not_an_object"
    timestamp = source = None
    if "data" in message:
        metadata = message.get("metadata")
        operation = metadata.get("operation") if isinstance(metadata, dict) else None
        if _is(message.get("type"), "delete") or _is(operation, "delete"):
            return "the_record_is_a_deletion"
        message, timestamp, source = message["data"], message.get("timestamp"), message.get("source")
    elif "op" in message and {"before", "after"} & set(message):
        if _is(message["op"], "d") or message.get("after") is None:
            return "the_record_is_a_deletion"
        message = message["after"]
    return (message, timestamp, source) if isinstance(message, dict) else "the_data_is_not_an_object"


def _single(value: Any) -> Any:
    """Avro writes an optional value as an object of its type's name."""
    if isinstance(value, dict) and list(value) in (["string"], ["int"], ["long"], ["float"], ["double"], ["boolean"]):
        return next(iter(value.values()))
    return value


def _is(value: Any, *expected: Any) -> bool:
    value = _single(value)
    return not isinstance(value, _Token) and any(type(value) is type(one) and value == one for one in expected)


def _text(value: Any) -> str | None:
    """Untrimmed text of a single value, null for empty ones, objects and arrays."""
    value = _single(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or value.strip(BLANKS) in EMPTY:
        return None
    if isinstance(value, _Token):
        return _plain_number(value)
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\ufffd", "?")


def _plain_number(token: str) -> str | None:
    if re.fullmatch(r"-?\d{1,20}", token) and -(2**63) <= int(token) < 2**64:
        return str(int(token))
    # As Python writes a double; so do integers beyond 64 bits.
    return repr(float(token)) if math.isfinite(float(token)) else token


def _trimmed(text: str | None) -> str | None:
    return None if text is None else text.strip(BLANKS)


def _values(record: dict[str, Any], *names: str) -> Iterator[Any]:
    """The values that are there, in the order of their names; NOTHING where one is not."""
    for name in names:
        for spelling in (name, name.replace(" ", "_")):
            value: Any = record
            for key in spelling.split("."):
                value = value.get(key, NOTHING) if isinstance(value, dict) else NOTHING
            yield value


def _found(record: dict[str, Any], *names: str) -> str | None:
    return next((text for value in _values(record, *names) if (text := _text(value)) is not None), None)


def _identifier(record: dict[str, Any], *names: str) -> str | None:
    value = next((value for value in _values(record, *names) if _text(value) is not None), None)
    text = _text(value)
    # A number as Python writes it ends in .0 where its fraction is zero.
    if text is not None and isinstance(_single(value), _Token) and text.endswith(".0"):
        return text[:-2]
    return _trimmed(text)


def _has(record: dict[str, Any], *names: str) -> bool:
    return any(value is not NOTHING for value in _values(record, *names))


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text.strip(BLANKS), re.ASCII):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _between(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and low <= value <= high else None


def _whole(value: float | None, low: float, high: float) -> int | None:
    value = _between(value, low, high)
    return int(value) if value is not None and value == int(value) else None


_TIME = re.compile(
    r"(?:(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)[ T](?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.(?P<f>\d{1,9}))?)?"
    r"|(?P<m2>\d{1,2})/(?P<d2>\d{1,2})/(?P<y2>\d{4})[ T](?P<H2>\d{1,2}):(?P<M2>\d\d)(?::(?P<S2>\d\d))?)"
    r"(?P<o>Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
BEFORE_TIME = datetime(1, 1, 1, tzinfo=UTC)
AFTER_TIME = datetime.max.replace(tzinfo=UTC)


def _instant(text: str | None, zone: tzinfo | None) -> datetime | None:
    match = _TIME.fullmatch(text.strip(BLANKS)) if text is not None else None
    if match is None:
        return None
    part = {name[:1]: value for name, value in match.groupdict().items() if value is not None}
    year = int(part["y"])
    micros = int((part.get("f", "") + "000000")[:6])
    try:
        # Year 0 is a leap year and far too old whatever its day: judge its calendar by another leap year.
        clock = datetime(
            year or 4, int(part["m"]), int(part["d"]), int(part["H"]), int(part["M"]), int(part.get("S", 0)), micros
        )
        offset = _offset(part["o"]) if "o" in part else None
    except ValueError:
        return None
    if year == 0:
        return BEFORE_TIME
    try:
        if offset is not None:
            return clock.replace(tzinfo=UTC) - offset
        return (clock.replace(tzinfo=zone or UTC, fold=0)).astimezone(UTC)
    except OverflowError:
        return AFTER_TIME if year > 5000 else BEFORE_TIME


def _offset(text: str) -> timedelta:
    digits = re.sub(r"\D", "", text).ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if minutes > 59 or hours * 60 + minutes > 18 * 60:
        raise ValueError(text)
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def _epoch(value: float | None) -> datetime | None:
    if value is None:
        return None
    seconds = value / 1000 if value >= 1e11 else value
    if not -62_167_219_200 <= seconds < 253_402_300_800:
        return None
    try:
        return EPOCH + timedelta(microseconds=round(seconds * 1_000_000))
    except OverflowError:
        return BEFORE_TIME


def _pair(latitude: float | None, longitude: float | None) -> tuple[float | None, float | None]:
    elsewhere = (latitude is not None and not 42.0 <= latitude <= 42.7) or (
        longitude is not None and not -71.6 <= longitude <= -70.6
    )
    return (None, None) if elsewhere else (latitude, longitude)


def _bike(record: dict[str, Any], _zone: str) -> tuple[Row, datetime | None, bool]:
    start = _found(record, "start_time", "starttime", "started_at")
    stop = _found(record, "stop_time", "stoptime", "ended_at")
    started, stopped = _instant(start, BOSTON), _instant(stop, BOSTON)
    bike = _identifier(record, "bike_id", "bikeid")
    duration = _number(_found(record, "duration_seconds", "tripduration"))
    if duration is None and started and stopped and _found(record, "started_at") and _found(record, "ended_at"):
        duration = (stopped - started) // timedelta(seconds=1)
    user = _trimmed(_found(record, "user_type", "usertype", "member_casual"))
    trip = _identifier(record, "trip_id", "ride_id") or (f"{start}_{bike}" if start and bike else None)
    row: Row = {
        "trip_id": trip,
        "duration_seconds": _whole(duration, 1, 86_400),
        "start_time": start,
        "stop_time": stop,
        "start_time_ts": started,
        "stop_time_ts": stopped if started and stopped and started <= stopped < AFTER_TIME else None,
        "bike_id": bike,
        "user_type": {"member": "Subscriber", "casual": "Customer"}.get(user or "", user),
        "birth_year": _whole(_number(_found(record, "birth_year", "birth year")), 1900, started.year if started else 0),
        "gender": _whole(_number(_found(record, "gender")), 0, 2),
    }
    for end in ("start", "end"):
        row[f"{end}_station_id"] = _identifier(record, f"{end}_station.id", f"{end} station id")
        short = {"name": "name", "latitude": "lat", "longitude": "lng"}
        of = {
            field: _found(
                record,
                f"{end}_station.{field}",
                f"{end} station {field}",
                *([f"{end}_{short[field]}"] if short[field] != field else []),
            )
            for field in short
        }
        row[f"{end}_station_name"] = _trimmed(of["name"])
        row[f"{end}_station_latitude"], row[f"{end}_station_longitude"] = _pair(
            _number(of["latitude"]), _number(of["longitude"])
        )
    return row, started, start is not None


def _is_rounded(epoch: Any) -> bool:
    """Whether a spreadsheet wrote it: 1.54E+12."""
    if not isinstance(epoch, str) or isinstance(epoch, _Token):
        return False
    number = re.fullmatch(r"[+-]?0*([\d.]*)[eE][+-]?\d+", epoch.strip(BLANKS), re.ASCII)
    return number is not None and len(re.sub(r"^0+", "", number[1].replace(".", ""))) < 7


def _taxi(record: dict[str, Any], _zone: str) -> tuple[Row, datetime | None, bool]:
    epoch, written = _found(record, "timestamp", "time_stamp"), _found(record, "datetime")
    given = next((value for value in _values(record, "timestamp", "time_stamp") if _text(value) is not None), None)
    when = (None if _is_rounded(_single(given)) else _epoch(_number(epoch))) or _instant(written, None)

    def snapshot(name: str, *others: str) -> float | None:
        return _number(_found(record, f"weather_snapshot.{name}", *others))

    latitude, longitude = _pair(
        _number(_found(record, "location.latitude", "latitude")),
        _number(_found(record, "location.longitude", "longitude")),
    )
    surge = _number(_found(record, "surge_multiplier"))
    row: Row = {
        "trip_id": _identifier(record, "id", "trip_id"),
        "datetime": written,
        "datetime_ts": when,
        "pickup_location": _trimmed(_found(record, "pickup_location", "source")),
        "dropoff_location": _trimmed(_found(record, "dropoff_location", "destination")),
        "cab_type": _trimmed(_found(record, "cab_type")),
        "product_id": _identifier(record, "product.id", "product_id"),
        "product_name": _trimmed(_found(record, "product.name", "name")),
        "price": _between(_number(_found(record, "price")), 0, math.inf),
        "distance": _between(_number(_found(record, "distance")), 0, math.inf),
        "surge_multiplier": surge if surge is not None and surge > 0 else None,
        "latitude": latitude,
        "longitude": longitude,
        "temperature": _between(snapshot("temperature", "temperature"), -60, 130),
        "apparent_temperature": _between(
            snapshot("apparent_temperature", "apparentTemperature", "apparent_temperature"), -60, 130
        ),
        "weather_summary": _trimmed(_found(record, "weather_snapshot.summary", "short_summary")),
        "precip_intensity": _between(snapshot("precip_intensity", "precipIntensity", "precip_intensity"), 0, math.inf),
        "humidity": _between(snapshot("humidity", "humidity"), 0, 1),
        "wind_speed": _between(snapshot("wind_speed", "windSpeed", "wind_speed"), 0, math.inf),
    }
    return row, when, epoch is not None or written is not None


def _accident(record: dict[str, Any], zone: str) -> tuple[Row, datetime | None, bool]:
    dispatched = _found(record, "dispatch_ts")
    local = re.sub(r"(Z|\+00(:?00)?)\Z", "", dispatched.strip(BLANKS)) if dispatched else None
    when = _instant(local, ZoneInfo(zone))
    latitude, longitude = _pair(_number(_found(record, "lat")), _number(_found(record, "long")))
    mode = _trimmed(_found(record, "mode_type"))
    row: Row = {
        "dispatch_ts": dispatched,
        "dispatch_timestamp": when,
        "mode_type": mode.lower() if mode else None,
        **{name: _trimmed(_found(record, name)) for name in ("location_type", "street", "xstreet1", "xstreet2")},
        "x_cord": _number(_found(record, "x_cord")),
        "y_cord": _number(_found(record, "y_cord")),
        "lat": latitude,
        "long": longitude,
    }
    return row, when, dispatched is not None


def _coded(text: str | None, per_unit: float, flag: str | None) -> float | None:
    if text is None or not re.fullmatch(r"[+-]?\d{1,6}", text, re.ASCII) or (flag or "") not in {"", *"01459ACIMPRU"}:
        return None
    return int(text) / per_unit


def _alone(text: str, per_unit: float) -> float | None:
    return int(text) / per_unit if re.fullmatch(r"[+-]\d{4}", text, re.ASCII) else _number(text)


def _simple(code: str | None, per_unit: float, low: float, high: float) -> float | None:
    if code is None:
        return None
    parts = code.split(",")
    return _between(_alone(code, per_unit) if len(parts) == 1 else _coded(parts[0], per_unit, parts[1]), low, high)


def _wind(code: str | None) -> tuple[float | None, int | None]:
    if code is None:
        return None, None
    parts = [*code.split(","), *[""] * 4]
    if "," not in code:
        return _between(_alone(code, 10), 0, 90), None
    speed = _between(_coded(parts[3], 10, parts[4]), 0, 90)
    if parts[2] in ("V", "C") or speed == 0:
        return speed, None
    return speed, _whole(_coded(parts[0], 1, parts[1]), 0, 360)


def _rain(code: str | None) -> tuple[int | None, float | None, bool | None, float | None]:
    """hours, mm, trace, mm per hour"""
    if code is None:
        return None, None, None, None
    if "," not in code:
        depth = _between(_alone(code, 10), 0, 999.8)
        return (None, None, None, None) if depth is None else (1, depth, False, depth)
    hours_text, depth_text, condition, flag = [*code.split(","), "", "", ""][:4]
    hours = _whole(_coded(hours_text, 1, None), 1, 98)
    if hours is None:
        return None, None, None, None
    if flag not in {"", *"01459ACIMPRU"} or condition not in ("2", "9", "E", ""):
        return hours, None, None, None
    mm = _between(_coded(depth_text, 10, None), 0, 999.8)
    if condition == "2" and depth_text in ("", "9999"):
        mm = 0.0
    return hours, mm, condition == "2", mm / hours if mm is not None and hours <= 3 else None


def _named(value: float | None, *bands: tuple[float, str]) -> str:
    return "unknown" if value is None else next(name for edge, name in bands if value < edge)


def _score(t: float | None, w: float | None, v: float | None) -> float | None:
    if t is None or w is None or v is None:
        return None
    warmth = 40 if 15 <= t <= 25 else 35 if 10 <= t <= 30 else 25 if 5 <= t < 10 else 20 if 0 <= t < 5 else 10
    calm = 30 if w < 1.5 else 25 if w < 5.5 else 15 if w < 10.8 else 5
    sight = 30 if v > 20_000 else 25 if v > 10_000 else 15 if v > 4_000 else 5
    return float(warmth + calm + sight)


ISD = {
    "wind": "WND",
    "temperature": "TMP",
    "visibility": "VIS",
    "dew_point": "DEW",
    "sea_level_pressure": "SLP",
    "ceiling": "CIG",
    "precipitation": "AA1",
}
Reading = dict[str, Any]
"""text columns; celsius, metres, wind_ms, direction, dew_point, sea_level_pressure, ceiling unchecked; rain; when"""


def _global_hourly(record: dict[str, Any]) -> Reading:
    texts = {name: _found(record, f"observations.{name}", code) for name, code in ISD.items()}
    code = {name: _trimmed(text) for name, text in texts.items()}
    wind_ms, direction = _wind(code["wind"])
    written = _found(record, "datetime", "DATE")
    return {
        "texts": texts,
        "celsius": _simple(code["temperature"], 10, -93.2, 61.8),
        "metres": _simple(code["visibility"], 1, 0, 160_000),
        "wind_ms": wind_ms,
        "direction": direction,
        "dew_point": _simple(code["dew_point"], 10, -98.2, 36.8),
        "sea_level_pressure": _simple(code["sea_level_pressure"], 10, 860, 1090),
        "ceiling": _simple(code["ceiling"], 1, 0, 22_000),
        "rain": _rain(code["precipitation"]),
        "report_type": _trimmed(_found(record, "station_info.report_type", "REPORT_TYPE")),
        "written": written,
        "when": _instant(written, None),
    }


LCD = {
    "wind": ("HourlyWindSpeed", "HOURLYWindSpeed"),
    "direction": ("HourlyWindDirection", "HOURLYWindDirection"),
    "temperature": ("HourlyDryBulbTemperature", "HOURLYDRYBULBTEMPF"),
    "temperature_c": ("HOURLYDRYBULBTEMPC",),
    "dew_point": ("HourlyDewPointTemperature", "HOURLYDewPointTempF"),
    "dew_point_c": ("HOURLYDewPointTempC",),
    "visibility": ("HourlyVisibility", "HOURLYVISIBILITY"),
    "sea_level_pressure": ("HourlySeaLevelPressure", "HOURLYSeaLevelPressure"),
    "precipitation": ("HourlyPrecipitation", "HOURLYPrecip"),
}


def _lcd_value(text: str | None) -> float | None:
    match = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+))[V*]*", (text or "").strip(BLANKS), re.ASCII)
    return float(match[1]) if match and math.isfinite(float(match[1])) else None


def _metres(kilometres: float | None) -> float | None:
    return None if kilometres is None else round(kilometres * 1000, 3)


def _lcd(record: dict[str, Any]) -> Reading:
    texts = {name: _found(record, *names) for name, names in LCD.items()}
    value = {name: _lcd_value(text) for name, text in texts.items()}
    is_metric = bool(re.fullmatch(r"[A-Z]{2}[A-Z0-9]{9}", _identifier(record, "station", "STATION") or ""))

    def unit(name: str, american: float) -> float | None:
        number = value[name]
        return None if number is None else number * (1.0 if is_metric else american)

    def celsius(name: str) -> float | None:
        number = value[name]
        if number is None:
            return value[f"{name}_c"]
        return number if is_metric else (number - 32) / 1.8

    written = _found(record, "datetime", "DATE")
    depth = _between(unit("precipitation", 25.4), 0, 999.8)
    is_trace = bool(re.fullmatch(r"T[V*]*", (texts["precipitation"] or "").strip(BLANKS)))
    return {
        "texts": {
            **{name: texts.get(name) for name in ISD},
            **{name: texts[name] or texts[f"{name}_c"] for name in ("temperature", "dew_point")},
        },
        "celsius": celsius("temperature"),
        "metres": _metres(value["visibility"]) if is_metric else unit("visibility", 1609.344),
        "wind_ms": unit("wind", 0.44704),
        "direction": value["direction"],
        "dew_point": celsius("dew_point"),
        "sea_level_pressure": unit("sea_level_pressure", 33.86389),
        "ceiling": None,
        "rain": _hour_of_rain(0.0 if is_trace else depth, is_trace),
        "name": ("STATION_NAME",),
        "report_type": _trimmed(_found(record, "station_info.report_type", "REPORT_TYPE", "REPORTTPYE")),
        "written": written,
        "when": _instant(written, timezone(timedelta(hours=-5))),
    }


def _hour_of_rain(depth: float | None, is_trace: bool) -> tuple[int | None, float | None, bool | None, float | None]:
    return (None, None, None, None) if depth is None else (1, depth, is_trace, depth)


GHCNH = {
    "wind": "wind_speed",
    "direction": "wind_direction",
    "temperature": "temperature",
    "dew_point": "dew_point_temperature",
    "visibility": "visibility",
    "sea_level_pressure": "sea_level_pressure",
    "precipitation": "precipitation",
}


def _ghcnh(record: dict[str, Any]) -> Reading:
    texts = {name: _found(record, column) for name, column in GHCNH.items()}

    def code(kind: str, *names: str) -> str:
        return (_identifier(record, *(f"{GHCNH[name]}_{kind}_Code" for name in names)) or "").split("-")[0]

    def value(name: str) -> float | None:
        return _number(texts[name]) if code("Quality", name) in {"", *"01459"} else None

    rain_code = code("Measurement", "precipitation")
    is_trace = rain_code in ("T", "2") and code("Quality", "precipitation") in {"", *"01459"}
    depth = _between(value("precipitation"), 0, 999.8) if rain_code in {"", *"039EZgT2"} else None
    written = _found(record, "datetime", "DATE") or _date_in_parts(record)
    return {
        "texts": {name: texts.get(name) for name in ISD},
        "celsius": value("temperature"),
        "metres": _metres(value("visibility")),
        "wind_ms": value("wind"),
        "direction": None if code("Measurement", "direction", "wind") in ("V", "C") else value("direction"),
        "dew_point": value("dew_point"),
        "sea_level_pressure": value("sea_level_pressure"),
        "ceiling": None,
        "rain": _hour_of_rain((depth or 0.0) if is_trace else depth, is_trace),
        "station": ("Station_ID",),
        "name": ("Station_name",),
        **{name: (name.capitalize(),) for name in ("latitude", "longitude", "elevation")},
        "report_type": _trimmed(_found(record, "precipitation_Report_Type", "temperature_Report_Type")),
        "written": written,
        "when": _instant(written, None),
    }


def _date_in_parts(record: dict[str, Any]) -> str | None:
    names = ("Year", "Month", "Day", "Hour", "Minute")
    parts = [_whole(_number(_found(record, name)), 0, 9999) for name in names]
    given = [part for part in parts if part is not None]
    return "{:04}-{:02}-{:02}T{:02}:{:02}:00".format(*given) if len(given) == len(names) else None


def _layout(record: dict[str, Any]) -> Reading | None:
    """The report as its layout reads it; None where no element is there."""
    if _has(record, *ISD.values(), *(f"observations.{name}" for name in ISD)):
        return _global_hourly(record)
    if _has(record, *(name for names in LCD.values() for name in names)):
        return _lcd(record)
    return _ghcnh(record) if _has(record, *GHCNH.values()) else None


def _weather(record: dict[str, Any], _zone: str) -> tuple[Row, datetime | None, bool]:
    def position(*names: str) -> float | None:
        value = _number(_found(record, *names))
        return None if value in (9999, 99_999, -999.9) else value

    read = _layout(record)
    assert read is not None
    celsius = _between(read["celsius"], -93.2, 61.8)
    metres = _between(read["metres"], 0, 160_000)
    wind_ms = _between(read["wind_ms"], 0, 90)
    direction = None if wind_ms == 0 else _whole(read["direction"], 0, 360)
    hours, mm, trace, rate = read["rain"]
    if (read["report_type"] or "").startswith(("FM-16", "FM16")):
        rate = None
    wet = None if rate is None else rate > 0 or bool(trace)
    score = _score(celsius, wind_ms, metres)
    row: Row = {
        "station": _identifier(record, "station", "STATION", *read.get("station", ())),
        "datetime": read["written"],
        "datetime_ts": read["when"],
        "data_source": _trimmed(_found(record, "source", "SOURCE")),
        "latitude": position("location.latitude", "LATITUDE", *read.get("latitude", ())),
        "longitude": position("location.longitude", "LONGITUDE", *read.get("longitude", ())),
        "elevation": position("location.elevation", "ELEVATION", *read.get("elevation", ())),
        "station_name": _trimmed(_found(record, "station_info.name", "NAME", *read.get("name", ()))),
        "report_type": read["report_type"],
        "call_sign": _trimmed(_found(record, "station_info.call_sign", "CALL_SIGN")),
        "quality_control": _trimmed(_found(record, "station_info.quality_control", "QUALITY_CONTROL")),
        **read["texts"],
        "temperature_celsius": celsius,
        "wind_speed_ms": wind_ms,
        "visibility_m": metres,
        "temp_bucket": _named(
            celsius,
            (-10, "below_-10C"),
            (-5, "-10_to_-5C"),
            (0, "-5_to_0C"),
            *((edge, f"{edge - 5}_to_{edge}C") for edge in range(5, 31, 5)),
            (math.inf, "above_30C"),
        ),
        "wind_category": _named(
            wind_ms,
            (1.5, "calm"),
            (5.5, "light_breeze"),
            (10.8, "moderate"),
            (17.2, "fresh"),
            (math.inf, "strong_wind"),
        ),
        "visibility_category": _named(
            metres,
            (1_000, "very_poor"),
            (4_000, "poor"),
            (10_000, "moderate"),
            (20_000, "good"),
            (math.inf, "excellent"),
        ),
        "weather_condition_score": score,
        "is_good_weather": None if score is None else score >= 70,
        "is_bad_weather": None if score is None else score <= 30,
        "has_precipitation": wet,
        "precip_category": "unknown"
        if wet is None or rate is None
        else "none"
        if not wet
        else "light"
        if rate <= 2.5
        else "moderate"
        if rate <= 7.6
        else "heavy",
        "wind_direction_deg": direction,
        "ceiling_height_m": _whole(read["ceiling"], 0, 22_000),
        "dew_point_celsius": _between(read["dew_point"], -98.2, 36.8),
        "sea_level_pressure_hpa": _between(read["sea_level_pressure"], 860, 1090),
        "precipitation_period_h": hours,
        "precipitation_mm": mm,
        "precipitation_trace": trace,
        "precipitation_mm_per_h": rate,
    }
    return row, read["when"], read["written"] is not None


# The names that tell a record of the feed, those of a weather report apart.
_KNOWN = {
    "bike_trips": (
        *("trip_id", "ride_id", "duration_seconds", "tripduration", "stop_time", "stoptime", "ended_at"),
        *("bike_id", "bikeid", "user_type", "usertype", "member_casual", "birth_year", "birth year", "gender"),
        *(
            f"{end}{between}{field}"
            for end in ("start", "end")
            for between in ("_station.", " station ")
            for field in ("id", "name", "latitude", "longitude")
        ),
        *("start_lat", "start_lng", "end_lat", "end_lng"),
    ),
    "taxi_trips": (
        *("trip_id", "pickup_location", "dropoff_location", "destination", "cab_type", "product.id", "product_id"),
        *("product.name", "price", "distance", "surge_multiplier"),
    ),
    "accidents": (
        *("mode_type", "location_type", "street", "xstreet1", "xstreet2", "x_cord", "y_cord", "lat", "long"),
    ),
}  # fmt: skip


def _is_known(feed: str, record: dict[str, Any]) -> bool:
    return _layout(record) is not None if feed == "weather_data" else _has(record, *_KNOWN[feed])


_FEEDS = {"bike_trips": _bike, "taxi_trips": _taxi, "weather_data": _weather, "accidents": _accident}


def _refusal(feed: str, row: Row, when: datetime | None, has_time: bool, sent: datetime) -> str | None:
    if feed == "weather_data" and (row["report_type"] or "").startswith(("SOD", "SOM")):
        return "the_report_is_a_summary"
    if feed == "weather_data" and row["station"] is None:
        return "the_station_is_missing"
    if feed == "accidents" and row["mode_type"] not in ("bike", "ped", "mv"):
        return "the_mode_is_unknown"
    if not has_time:
        return "the_event_time_is_missing"
    if when is None:
        return "the_event_time_is_unreadable"
    if when < datetime(2000, 1, 1, tzinfo=UTC):
        return "the_event_time_is_too_old"
    return "the_event_time_is_in_the_future" if when > sent + timedelta(hours=24) else None


def parsed_message(
    feed: str, raw: bytes | None, kafka_time: datetime, read_at: datetime, accident_time_zone: str
) -> Row | str:
    """The dataset's columns (without Kafka's own), or the reason to refuse."""
    found = _record(raw)
    if isinstance(found, str):
        return found
    record, timestamp, source = found
    if not _is_known(feed, record):
        return "the_record_has_no_known_field"
    row, when, has_time = _FEEDS[feed](record, accident_time_zone)
    tells = datetime(2000, 1, 1, tzinfo=UTC) <= kafka_time <= read_at + timedelta(hours=24)
    refusal = _refusal(feed, row, when, has_time, kafka_time if tells else read_at)
    if refusal is not None or when is None:
        return refusal or "the_event_time_is_unreadable"
    return {
        **row,
        "event_timestamp": _trimmed(_text(timestamp)),
        "source": _trimmed(_text(source)),
    }
