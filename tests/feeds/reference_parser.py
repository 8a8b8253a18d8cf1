"""feeds.md once more in plain Python, sharing no code with spark_jobs: what Spark is compared with, cell by cell.

A row is a dict of the dataset's columns, or a reason to refuse (str).
"""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
BLANKS = " \t\n\x0b\f\r"
EMPTY = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N"}
BOSTON = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Token(str):
    """A JSON number, kept as its text."""

    __slots__ = ()


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=_Token, parse_int=_Token, parse_constant=lambda _: None)


def _json(text: str) -> Any:
    """The first value of the text; ValueError where there is none."""
    return _decoder().raw_decode(text.lstrip(" \t\r\n"))[0]


def _record(raw: bytes | None) -> tuple[dict[str, Any], Any, Any] | str:
    if raw is None or not raw.strip(b" \t\r\n"):
        return "the_message_is_empty"
    try:
        text = raw.decode("utf-8")
        message = _json(text)
        if not isinstance(message, dict):
            json.loads(text)
            return "the_message_is_not_an_object"
    except (ValueError, RecursionError):
        return "the_message_is_not_json"
    if "data" not in message:
        return message, None, None
    if not isinstance(message["data"], dict):
        return "the_data_is_not_an_object"
    return message["data"], message.get("timestamp"), message.get("source")


def _text(value: Any) -> str | None:
    """Untrimmed text of a single value, null for empty ones, objects and arrays."""
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


def _found(record: dict[str, Any], *names: str) -> str | None:
    for name in names:
        for spelling in (name, name.replace(" ", "_")):
            value: Any = record
            for key in spelling.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            if (text := _text(value)) is not None:
                return text
    return None


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


def _instant(text: str | None, zone: ZoneInfo | None) -> datetime | None:
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
    start, stop = _found(record, "start_time", "starttime"), _found(record, "stop_time", "stoptime")
    started, stopped = _instant(start, BOSTON), _instant(stop, BOSTON)
    bike = _trimmed(_found(record, "bike_id", "bikeid"))
    trip = _trimmed(_found(record, "trip_id")) or (f"{start}_{bike}" if start and bike else None)
    row: Row = {
        "trip_id": trip,
        "duration_seconds": _whole(_number(_found(record, "duration_seconds", "tripduration")), 1, 86_400),
        "start_time": start,
        "stop_time": stop,
        "start_time_ts": started,
        "stop_time_ts": stopped if started and stopped and started <= stopped < AFTER_TIME else None,
        "bike_id": bike,
        "user_type": _trimmed(_found(record, "user_type", "usertype")),
        "birth_year": _whole(_number(_found(record, "birth_year", "birth year")), 1900, started.year if started else 0),
        "gender": _whole(_number(_found(record, "gender")), 0, 2),
    }
    for end in ("start", "end"):
        of = {
            field: _found(record, f"{end}_station.{field}", f"{end} station {field}")
            for field in ("id", "name", "latitude", "longitude")
        }
        row[f"{end}_station_id"], row[f"{end}_station_name"] = _trimmed(of["id"]), _trimmed(of["name"])
        row[f"{end}_station_latitude"], row[f"{end}_station_longitude"] = _pair(
            _number(of["latitude"]), _number(of["longitude"])
        )
    return row, started, start is not None


def _taxi(record: dict[str, Any], _zone: str) -> tuple[Row, datetime | None, bool]:
    epoch, written = _found(record, "timestamp", "time_stamp"), _found(record, "datetime")
    when = _epoch(_number(epoch)) or _instant(written, None)

    def snapshot(name: str, *others: str) -> float | None:
        return _number(_found(record, f"weather_snapshot.{name}", *others))

    latitude, longitude = _pair(
        _number(_found(record, "location.latitude", "latitude")),
        _number(_found(record, "location.longitude", "longitude")),
    )
    surge = _number(_found(record, "surge_multiplier"))
    row: Row = {
        "trip_id": _trimmed(_found(record, "id", "trip_id")),
        "datetime": written,
        "datetime_ts": when,
        "pickup_location": _trimmed(_found(record, "pickup_location", "source")),
        "dropoff_location": _trimmed(_found(record, "dropoff_location", "destination")),
        "cab_type": _trimmed(_found(record, "cab_type")),
        "product_id": _trimmed(_found(record, "product.id", "product_id")),
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


def _weather(record: dict[str, Any], _zone: str) -> tuple[Row, datetime | None, bool]:
    def observed(name: str, code: str) -> str | None:
        return _found(record, f"observations.{name}", code)

    def position(*names: str) -> float | None:
        value = _number(_found(record, *names))
        return None if value in (9999, 99_999) else value

    written = _found(record, "datetime", "DATE")
    when = _instant(written, None)
    codes = {
        "wind": observed("wind", "WND"),
        "temperature": observed("temperature", "TMP"),
        "visibility": observed("visibility", "VIS"),
        "dew_point": observed("dew_point", "DEW"),
        "sea_level_pressure": observed("sea_level_pressure", "SLP"),
        "ceiling": observed("ceiling", "CIG"),
        "precipitation": observed("precipitation", "AA1"),
    }
    code = {name: _trimmed(text) for name, text in codes.items()}
    celsius = _simple(code["temperature"], 10, -93.2, 61.8)
    metres = _simple(code["visibility"], 1, 0, 160_000)
    wind_ms, direction = _wind(code["wind"])
    hours, mm, trace, rate = _rain(code["precipitation"])
    wet = None if rate is None else rate > 0 or bool(trace)
    score = _score(celsius, wind_ms, metres)
    row: Row = {
        "station": _trimmed(_found(record, "station", "STATION")),
        "datetime": written,
        "datetime_ts": when,
        "data_source": _trimmed(_found(record, "source", "SOURCE")),
        "latitude": position("location.latitude", "LATITUDE"),
        "longitude": position("location.longitude", "LONGITUDE"),
        "elevation": position("location.elevation", "ELEVATION"),
        "station_name": _trimmed(_found(record, "station_info.name", "NAME")),
        "report_type": _trimmed(_found(record, "station_info.report_type", "REPORT_TYPE")),
        "call_sign": _trimmed(_found(record, "station_info.call_sign", "CALL_SIGN")),
        "quality_control": _trimmed(_found(record, "station_info.quality_control", "QUALITY_CONTROL")),
        **codes,
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
        "ceiling_height_m": _whole(_simple(code["ceiling"], 1, 0, 22_000), 0, 22_000),
        "dew_point_celsius": _simple(code["dew_point"], 10, -98.2, 36.8),
        "sea_level_pressure_hpa": _simple(code["sea_level_pressure"], 10, 860, 1090),
        "precipitation_period_h": hours,
        "precipitation_mm": mm,
        "precipitation_trace": trace,
        "precipitation_mm_per_h": rate,
    }
    return row, when, written is not None


_FEEDS = {"bike_trips": _bike, "taxi_trips": _taxi, "weather_data": _weather, "accidents": _accident}


def _refusal(feed: str, row: Row, when: datetime | None, has_time: bool, kafka_time: datetime) -> str | None:
    if feed == "weather_data" and row["report_type"] in ("SOD", "SOM"):
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
    return "the_event_time_is_in_the_future" if when > kafka_time + timedelta(hours=24) else None


def parsed_message(feed: str, raw: bytes | None, kafka_time: datetime, accident_time_zone: str) -> Row | str:
    """The dataset's columns (without Kafka's own), or the reason to refuse."""
    found = _record(raw)
    if isinstance(found, str):
        return found
    record, timestamp, source = found
    row, when, has_time = _FEEDS[feed](record, accident_time_zone)
    refusal = _refusal(feed, row, when, has_time, kafka_time)
    if refusal is not None or when is None:
        return refusal or "the_event_time_is_unreadable"
    return {
        **row,
        "event_timestamp": _trimmed(_text(timestamp)),
        "source": _trimmed(_text(source)),
    }
