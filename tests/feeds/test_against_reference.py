"""Spark's rows and an independent plain-Python reading of feeds.md, cell by cell."""

import csv
import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.feeds.kafka_messages import KAFKA_TIME, READ_AT, TRIP, outcomes
from tests.feeds.reference_parser import parsed_message

REAL_DATA = Path(__file__).parents[2].parent / "shared" / "data" / "boston-2018-12"
MOST_BIKE_TRIPS = 5_000
MUTANTS_PER_FEED = 2_600
FILES = {
    "bike_trips": "bike-trips.csv.gz",
    "taxi_trips": "taxi-trips.csv",
    "weather_data": "weather-data.csv",
    "accidents": "accidents.csv",
}
ACCIDENT_TIME_ZONE = "America/New_York"

NESTED_NAMES = {
    "bike_trips": {
        "tripduration": "duration_seconds",
        "starttime": "start_time",
        "stoptime": "stop_time",
        "bikeid": "bike_id",
        "usertype": "user_type",
        "birth year": "birth_year",
        **{f"{end} station {f}": f"{end}_station.{f}" for end in ("start", "end") for f in ("id", "name")},
        **{f"{end} station {f}": f"{end}_station.{f}" for end in ("start", "end") for f in ("latitude", "longitude")},
    },
    "taxi_trips": {
        "time_stamp": "timestamp",
        "source": "pickup_location",
        "destination": "dropoff_location",
        "product_id": "product.id",
        "name": "product.name",
    },
    "weather_data": {
        "STATION": "station",
        "DATE": "datetime",
        "SOURCE": "source",
        **{name: f"location.{name.lower()}" for name in ("LATITUDE", "LONGITUDE", "ELEVATION")},
        **{name: f"station_info.{name.lower()}" for name in ("NAME", "REPORT_TYPE", "CALL_SIGN", "QUALITY_CONTROL")},
        "WND": "observations.wind",
        "CIG": "observations.ceiling",
        "VIS": "observations.visibility",
        "TMP": "observations.temperature",
        "DEW": "observations.dew_point",
        "SLP": "observations.sea_level_pressure",
        "AA1": "observations.precipitation",
    },
    "accidents": {},
}

SAMPLES: dict[str, dict[str, str]] = {
    "bike_trips": {
        "tripduration": "388",
        "starttime": "2018-01-01 00:16:33.1870",
        "stoptime": "2018-01-01 00:23:01",
        "start station id": "178",
        "start station name": "MIT Pacific St at Purrington St",
        "start station latitude": "42.359573",
        "start station longitude": "-71.101295",
        "end station id": "107",
        "bikeid": "643",
        "usertype": "Subscriber",
        "birth year": "1992",
        "gender": "1",
    },
    "taxi_trips": {
        "id": "424553bb-7174",
        "time_stamp": "1544952607890",
        "datetime": "2018-12-16 09:30:07",
        "source": "Haymarket Square",
        "cab_type": "Lyft",
        "name": "Shared",
        "price": "5",
        "distance": "0.44",
        "surge_multiplier": "1",
        "latitude": "42.2148",
        "longitude": "-71.033",
        "temperature": "42.34",
        "humidity": "0.68",
        "short_summary": " Mostly Cloudy ",
    },
    "weather_data": {
        "STATION": "72509014739",
        "DATE": "2018-01-15T09:54:00",
        "SOURCE": "7",
        "LATITUDE": "42.3606",
        "ELEVATION": "3.7",
        "REPORT_TYPE": "FM-15",
        "WND": "160,1,N,0046,1",
        "CIG": "22000,5,9,N",
        "VIS": "016093,5,N,5",
        "TMP": "+0056,1",
        "DEW": "+0033,1",
        "SLP": "10208,1",
        "AA1": "01,0005,9,5",
    },
    "accidents": {
        "dispatch_ts": "2018-08-26 14:16:11+00",
        "mode_type": "bike",
        "location_type": "Intersection",
        "street": "CUMMINS HWY",
        "x_cord": "774032.36",
        "lat": "42.34451",
        "long": "-71.06401",
    },
}

# Other layouts of the feeds.
MORE_SAMPLES: dict[str, tuple[dict[str, str], ...]] = {
    "bike_trips": (TRIP,),
    "taxi_trips": (),
    "weather_data": (
        {
            "STATION": "72509014739",
            "DATE": "2023-01-01T00:14:00",
            "REPORT_TYPE": "FM-16",
            "SOURCE": "7",
            "HourlyDewPointTemperature": "50",
            "HourlyDryBulbTemperature": "53",
            "HourlyPrecipitation": "0.02",
            "HourlySeaLevelPressure": "29.60",
            "HourlyVisibility": "9.94V",
            "HourlyWindDirection": "190",
            "HourlyWindSpeed": "9",
        },
        {
            "STATION": "WBAN:14739",
            "STATION_NAME": "BOSTON",
            "DATE": "1/1/2015 0:54",
            "REPORTTPYE": "FM-15",
            "HOURLYVISIBILITY": "10.00",
            "HOURLYDRYBULBTEMPF": "22",
            "HOURLYDRYBULBTEMPC": "-5.6",
            "HOURLYDewPointTempC": "-12.8",
            "HOURLYWindSpeed": "10",
            "HOURLYWindDirection": "VRB",
            "HOURLYSeaLevelPressure": "30.12",
            "HOURLYPrecip": "T",
        },
        {
            "STATION": "USW00014739",
            "DATE": "2025-09-01T00:54:00",
            "temperature": "21.1",
            "temperature_Quality_Code": "5",
            "temperature_Report_Type": "FM15",
            "wind_direction": "200",
            "wind_direction_Measurement_Code": "N-Normal",
            "wind_speed": "4.1",
            "precipitation": "0.3",
            "precipitation_Measurement_Code": "2-Trace",
            "precipitation_Quality_Code": "1",
            "visibility": "16.093",
            "sea_level_pressure": "1016.4",
        },
        {
            "Station_ID": "USW00014739",
            "Station_name": "BOSTON LOGAN INTL AP",
            "Year": "2025",
            "Month": "09",
            "Day": "1",
            "Hour": "0",
            "Minute": "54",
            "Latitude": "42.3606",
            "Elevation": "-999.9",
            "dew_point_temperature": "12.8",
            "precipitation": "2.5",
            "precipitation_Report_Type": "FM16",
            "wind_direction_Quality_Code": "2",
            "visibility": "11.265",
        },
    ),
    "accidents": (),
}
LAYOUTS = {feed: (SAMPLES[feed], *MORE_SAMPLES[feed]) for feed in FILES}

ODD_VALUES: list[Any] = [
    *(None, True, False, "", "  ", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N", " NA ", "na", "-", "x"),
    *(0, -1, 1, 2, 1.5, 1985.0, "1985.0", "1985.5", 86_400, 86_401, 1e400, -1e-400, 10**30, 3e9, "1e3", "1d", "0x1p3"),
    *(float("nan"), float("inf"), float("-inf"), "Infinity", "+5", "5.", ".5", "5,5", "1_000", "١٢", "\u00a05", " 7\t"),
    *({}, {"a": 1}, [], [1, {"b": None}], [[[[]]]], "{", "[x]", "\ud800", "é" * 9, "\u0000", "a\nb"),
    *(
        643.0,
        -0.0,
        1e16,
        {"string": "NA"},
        {"string": " 12 "},
        {"int": 3},
        {"double": 1.5},
        {"boolean": True},
        {"long": {}},
    ),
    *("member", "casual", "T", "Ts", "12s", "12V*", "VRB", "FM16", "FM-16x", "2", "9-Missing", "A", "d", "true", "007"),
    *(
        "1.54E+12",
        "1.5449526E12",
        "1.544953e12",
        "0001.5449526E12",
        "1e-5",
        "USW00014739",
        "-999.9",
        {"string": "2E12"},
    ),
    *("0000-01-01 00:00:00", "0000-02-29 00:00", "9999-12-31 23:59:59", "1999-12-31 18:59:59", "2018-02-30 00:00"),
    "9999-12-31 23:59:59.9999999",
    *("2018-03-11 02:30:00", "2018-11-04 01:30:00", "2018-11-04 01:30:00-05:00", "2018-01-01T00:00Z", "2018-01-01"),
    *("1/5/2018 9:05", "12/31/2018 23:59:59", "13/1/2018 9:05", "1/5/2018 9:05:01-0330", "2018-01-01 24:00:00"),
    *("2018-01-01 00:00:00.123456789", "2018-01-01 00:00:00.1234567891", "2018-01-01 00:00:60", "2018-1-1 00:00:00"),
    *("2018-01-01 00:00:00+19", "2018-01-01 00:00:00 +01", "2018-01-01 00:00:00+1800", "2018-01-01 00:00:00-18:01"),
    *("2026-01-01 12:00:00", "2026-01-03 00:00:00", "SOD", "SOM", "PED", "Mv", "bike ", "2018-01-01 00:00:00-00"),
    *("+9999,9", "+0056", "-0123,2", "5.6", "+0056,", "+0056,X", "+0056,A", "5.6,1", "999,9,C,0000,1", "160,1,V,0046"),
    *("999,9,9,9999,9", "361,1,N,0046,1", "160,2,N,0046,1", "160,1,N,0901,1", "99999,9,9,N", "160001,1,N,5", ",,,"),
    *("06,0010,9,5", "02,0010,9,5", "01,9999,2,5", "01,,2,5", "01,0003,2", "00,0005,9,5", "99,0005,9,5", "01,0005"),
    *("01,0005,3,1", "01,0005,9,2", "01,0005,E,5", "01,0005,Z,5", "01,9999,9,9", "2.5", "8", "11,1,1", "0010,1"),
    *(9999, 99_999, "+9999", 42.0, 42.7, 42.71, -71.6, -70.6, -70.59, 1544952607.89, 1543208580200, -1e12, 1e11, 99e9),
]


def enveloped(feed: str, fields: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in fields.items():
        key, _, inner = NESTED_NAMES[feed].get(name, name).partition(".")
        if inner:
            nested.setdefault(key, {})[inner] = value
        else:
            nested[key] = value
    return {"data": nested, "timestamp": "2026-01-01T00:00:00", "source": "a-streamer"}


def encoded(message: Any) -> bytes:
    return json.dumps(message).encode()


def compare(feed: str, values: list[bytes | None]) -> None:
    rows = outcomes(feed, values)
    assert len(rows) == len(values)
    differences = [
        (value, difference)
        for value, row in zip(values, rows, strict=True)
        if (difference := difference_of(feed, value, row))
    ]
    assert not differences, f"{len(differences)} of {len(values)}, such as {differences[:5]}"


def difference_of(feed: str, value: bytes | None, row: dict[str, Any]) -> Any:
    expected = parsed_message(feed, value, KAFKA_TIME, READ_AT, ACCIDENT_TIME_ZONE)
    if isinstance(expected, str):
        given = None if row["raw"] is None else bytes(row["raw"])
        return None if (row["refusal"], given) == (expected, value) else (row["refusal"], "expected", expected)
    if row["refusal"] is not None or row["raw"] is not None:
        return row["refusal"], "expected a row"
    return {name: (row[name], cell) for name, cell in expected.items() if row[name] != cell} or None


@pytest.mark.parametrize("feed", FILES)
def test_real_messages_read_the_same_in_both(feed: str) -> None:
    path = REAL_DATA / FILES[feed]
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        rows = [row for row, _ in zip(csv.DictReader(lines), range(MOST_BIKE_TRIPS), strict=False)]
    compare(feed, [encoded(message) for row in rows for message in (row, enveloped(feed, row))])


@pytest.mark.parametrize("feed", FILES)
def test_mutated_messages_read_the_same_in_both(feed: str) -> None:
    compare(feed, list(mutants(feed)))


@pytest.mark.parametrize("feed", FILES)
def test_an_odd_value_among_sound_ones_reads_the_same_in_both(feed: str) -> None:
    # In a small batch the odd value may be the only one, and meet what is made for sound ones.
    for value in ODD_VALUES:
        compare(feed, [encoded(enveloped(feed, {**SAMPLES[feed], name: value})) for name in SAMPLES[feed]])


@pytest.mark.parametrize("feed", FILES)
def test_an_odd_value_in_another_layout_reads_the_same_in_both(feed: str) -> None:
    for fields in MORE_SAMPLES[feed]:
        compare(feed, [encoded({**fields, name: value}) for name in fields for value in ODD_VALUES])


def mutants(feed: str) -> Iterator[bytes | None]:
    chance = random.Random(f"{feed} 1")
    for number in range(MUTANTS_PER_FEED):
        # Every odd value meets every field over and over; the rest is chance.
        fields: dict[str, Any] = dict(LAYOUTS[feed][number % len(LAYOUTS[feed])])
        turn = number // len(LAYOUTS[feed])
        fields[list(fields)[turn % len(fields)]] = ODD_VALUES[turn // len(fields) % len(ODD_VALUES)]
        for name in chance.sample(list(fields), chance.choice([0, 0, 1, 2])):
            fields[name] = chance.choice(ODD_VALUES)
        message: Any = wrapped(feed, fields, chance)
        yield broken(encoded(reshaped(message, chance)), chance)


def wrapped(feed: str, fields: dict[str, Any], chance: random.Random) -> Any:
    """In an envelope of those there are, or in none."""
    match chance.randrange(10):
        case 0:
            return connected(chance.choice([fields, enveloped(feed, fields), changed(fields)]))
        case 1:
            return changed(fields, chance.choice([*"ccurd", None, {"string": "d"}]))
        case 2:
            return {**fields, chance.choice(["__deleted", "__op"]): chance.choice([*ODD_VALUES, "false", "u"])}
        case 3:
            return {"\ufeff" + name if not place else name: value for place, (name, value) in enumerate(fields.items())}
        case 4:
            marks: list[dict[str, Any]] = [{"type": done} for done in ("insert", "delete", {"string": "delete"}, None)]
            marks += [{"metadata": {"operation": done}} for done in ("load", "delete")] + [{"metadata": "delete"}]
            return {**chance.choice(marks), **enveloped(feed, fields)}
        case 5 | 6:
            return fields
        case _:
            return enveloped(feed, fields)


def connected(payload: Any) -> dict[str, Any]:
    field = {"type": "string", "optional": True, "field": "starttime"}
    return {"schema": {"type": "struct", "fields": [field], "optional": False, "name": 'a "trip"'}, "payload": payload}


def changed(after: Any, op: Any = "c") -> dict[str, Any]:
    source = {
        "connector": "postgresql",
        "table": "trips",
        "snapshot": "false",
        "sequence": '["24023119","24023128"]',
        "lsn": None,
        "ts_ns": 1700000000000000000,
    }
    return {"before": None, "after": after, "source": source, "op": op, "ts_ms": 1700000000000}


def reshaped(message: dict[str, Any], chance: random.Random) -> Any:
    match chance.randrange(40):
        case 0:
            return {**message, "data": chance.choice([None, 1, "text", [], [1], True, "{}", {}])}
        case 1:
            return chance.choice([[message], 1, "text", None, True, 1.5, []])
        case 2:
            inner = message.get("data", message)
            return {**message, **({"data": {**inner, **nested_junk()}} if "data" in message else nested_junk())}
        case 3:
            return {**message, "other": {"data": 1}, "timestamp": chance.choice(ODD_VALUES)}
        case 4:
            return connected(chance.choice([None, "text", [message], {}, connected(message)]))
        case 5:
            return changed(chance.choice([None, "text", [message], {}, enveloped("accidents", message)]))
        case 6:
            return chance.choice([{}, {"data": {}}, {"op": "c"}, {"before": message, "op": "u"}, {"payload": message}])
        case _:
            return message


def nested_junk() -> dict[str, Any]:
    return {"start_station": 5, "location": [1], "weather_snapshot": "x", "observations": None, "unknown": [[{}]]}


def broken(value: bytes, chance: random.Random) -> bytes | None:
    place = chance.randrange(len(value))
    match chance.randrange(60):
        case 0:
            return value[:place]
        case 1:
            return value[:place] + bytes([chance.choice([0xFF, 0xC0, 0xED, 0x80])]) + value[place:]
        case 2:
            return chance.choice([None, b"", b" ", b"\n\t ", b"\xef\xbb\xbf" + value, b"\x00" + value])
        case 3:
            return value + chance.choice([b" and more", b"}", b"{}", b"\n", b"]", b"\x00", b" \x00\r\n", b"\n" + value])
        case 4:
            return b" \n" + value
        case 5:
            return value.replace(b'"', b"'")
        case 6:
            return value.replace(b'"data"', b'"d\\u0061ta"')
        case _:
            return value
