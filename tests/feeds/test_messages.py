"""Sections 1, 6 and 7 of feeds.md: shapes, refusals, and oddities that only cost a value."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from spark_jobs.catalog import FEEDS
from spark_jobs.feeds.parsed_messages import OUTCOME_COLUMNS, Parser, dataset_columns
from spark_jobs.feeds.refusals import Refusal
from tests.feeds.kafka_messages import READ_AT, kafka_messages, outcomes

BIKE = {"starttime": "2018-01-01 00:16:33", "bikeid": 643}
TAXI = {"timestamp": 1544952607.89, "cab_type": "Lyft"}
WEATHER = {"STATION": "72509014739", "DATE": "2018-01-15T09:54:00", "TMP": "+9999,9"}
ACCIDENT = {"dispatch_ts": "2018-08-26 14:16:11+00", "mode_type": "bike"}
CONNECT: dict[str, Any] = {"schema": {"type": "struct", "fields": [{"field": "x"}]}, "payload": {}}
NO_KNOWN_FIELD, DELETION = "the_record_has_no_known_field", "the_record_is_a_deletion"
JSON = json.dumps

REFUSED: dict[str, tuple[str, bytes | None, str]] = {
    "null value": ("bike_trips", None, "the_message_is_empty"),
    "zero bytes": ("bike_trips", b"", "the_message_is_empty"),
    "blanks only": ("bike_trips", b" \t\r\n", "the_message_is_empty"),
    "not UTF-8": ("bike_trips", b'{"starttime": "2018-01-01 00:16:33", "bikeid": "\xff"}', "the_message_is_not_json"),
    "byte order mark": ("bike_trips", b"\xef\xbb\xbf" + JSON(BIKE).encode(), "the_message_is_not_json"),
    "cut off": ("bike_trips", JSON(BIKE).encode()[:-1], "the_message_is_not_json"),
    "single quotes": ("bike_trips", b"{'starttime': 1}", "the_message_is_not_json"),
    "a comma too many": ("bike_trips", b'{"a": 1,}', "the_message_is_not_json"),
    "a number of 1,001 digits": ("bike_trips", b'{"gender": ' + b"1" * 1001 + b"}", "the_event_time_is_missing"),
    "a name of 60,000 letters": ("bike_trips", b'{"' + b"a" * 60_000 + b'": 1}', "the_record_has_no_known_field"),
    "2,000 arrays deep": ("bike_trips", b'{"a": ' + b"[" * 2000 + b"]" * 2000 + b"}", "the_message_is_not_json"),
    "2,000 arrays deep at the top": ("bike_trips", b"[" * 2000, "the_message_is_not_json"),
    "array": ("bike_trips", JSON([BIKE]).encode(), "the_message_is_not_an_object"),
    "text": ("bike_trips", b'"text"', "the_message_is_not_an_object"),
    "number": ("bike_trips", b"12", "the_message_is_not_an_object"),
    "boolean": ("bike_trips", b"true", "the_message_is_not_an_object"),
    "null": ("bike_trips", b"null", "the_message_is_not_an_object"),
    "NaN": ("bike_trips", b"NaN", "the_message_is_not_an_object"),
    "data is null": ("bike_trips", JSON({**BIKE, "data": None}).encode(), "the_data_is_not_an_object"),
    "data is null beside NaN": ("bike_trips", b'{"data": null, "a": NaN}', "the_data_is_not_an_object"),
    "data is a number": ("bike_trips", JSON({**BIKE, "data": 5}).encode(), "the_data_is_not_an_object"),
    "data is a text": ("bike_trips", JSON({**BIKE, "data": "{}"}).encode(), "the_data_is_not_an_object"),
    "data is an array": ("bike_trips", JSON({**BIKE, "data": [BIKE]}).encode(), "the_data_is_not_an_object"),
    "data twice, last a number": ("bike_trips", b'{"data": {}, "data": 5}', "the_data_is_not_an_object"),
    "data spelt with an escape": ("bike_trips", b'{"d\\u0061ta": null}', "the_data_is_not_an_object"),
    "a second trip": ("bike_trips", JSON(BIKE).encode() + b"\n" + JSON(BIKE).encode(), "the_message_is_not_json"),
    "a second value": ("taxi_trips", JSON(TAXI).encode() + b" 1", "the_message_is_not_json"),
    "a letter behind a NUL byte": ("accidents", JSON(ACCIDENT).encode() + b"\0x", "the_message_is_not_json"),
    "a payload that is null": ("bike_trips", b'{"schema": null, "payload": null}', "the_message_is_empty"),
    "a payload that is a text": ("bike_trips", JSON(CONNECT | {"payload": "x"}).encode(), "the_data_is_not_an_object"),
    "a payload in a payload": (
        "bike_trips", JSON(CONNECT | {"payload": CONNECT}).encode(), "the_record_has_no_known_field"),
    "data in a payload is a text": (
        "bike_trips", JSON(CONNECT | {"payload": {"data": "x"}}).encode(), "the_data_is_not_an_object"),
    "a third key beside schema and payload": ("bike_trips", JSON({**CONNECT, "id": 1}).encode(), NO_KNOWN_FIELD),
    "a row deleted": ("bike_trips", JSON({"op": "d", "before": BIKE, "after": None}).encode(), DELETION),
    "a row deleted, its last state told": ("bike_trips", JSON({"op": "d", "after": BIKE}).encode(), DELETION),
    "a change without a state after it": ("accidents", JSON({"op": "u", "before": ACCIDENT}).encode(), DELETION),
    "a row deleted, through Connect": (
        "weather_data", JSON(CONNECT | {"payload": {"op": "d", "before": WEATHER}}).encode(), DELETION),
    "marked as deleted": ("bike_trips", JSON({**BIKE, "__deleted": "true", "__op": "d"}).encode(), DELETION),
    "marked by a boolean": ("accidents", JSON({"data": {**ACCIDENT, "__deleted": True}}).encode(), DELETION),
    "marked by its operation": ("taxi_trips", JSON({**TAXI, "__op": "d"}).encode(), DELETION),
    "a row deleted, by Maxwell": ("bike_trips", JSON({"type": "delete", "data": BIKE, "ts": 1}).encode(), DELETION),
    "a row deleted, by DMS": (
        "taxi_trips",
        JSON({"data": TAXI, "metadata": {"record-type": "data", "operation": "delete"}}).encode(),
        DELETION,
    ),
    "a row deleted, by Maxwell through Connect": (
        "accidents", JSON(CONNECT | {"payload": {"type": {"string": "delete"}, "data": ACCIDENT}}).encode(), DELETION),
    "deleted, and no object": ("bike_trips", b'{"type": "delete", "data": null}', DELETION),
    "marked in a payload": ("taxi_trips", JSON(CONNECT | {"payload": {**TAXI, "__op": "d"}}).encode(), DELETION),
    "deleted comes before no object": ("bike_trips", b'{"op": "d", "after": "text"}', DELETION),
    "the state after a change is a text": ("bike_trips", b'{"op": "c", "after": "x"}', "the_data_is_not_an_object"),
    "an empty object": ("bike_trips", b"{}", NO_KNOWN_FIELD),
    "an empty envelope": ("taxi_trips", b'{"data": {}, "cab_type": "Lyft"}', NO_KNOWN_FIELD),
    "a time alone": ("bike_trips", JSON({"starttime": BIKE["starttime"]}).encode(), NO_KNOWN_FIELD),
    "a ride's common names alone": (
        "taxi_trips", JSON({"id": 1, "name": "x", "timestamp": 1, "datetime": "y"}).encode(), NO_KNOWN_FIELD),
    "a station without an element": (
        "weather_data", JSON({name: WEATHER[name] for name in ("STATION", "DATE")}).encode(), NO_KNOWN_FIELD),
    "another feed's record": ("accidents", JSON(BIKE).encode(), NO_KNOWN_FIELD),
    "a place's weather among quotes": (
        "taxi_trips",
        JSON(
            {
                "station": "72509014739",
                "datetime": "2018-01-15T09:54:00",
                "location": {"latitude": 42.36, "longitude": -71.0},
                "observations": {"temperature": "+0056,1"},
                "humidity": 0.5,
            }
        ).encode(),
        NO_KNOWN_FIELD,
    ),
    "an envelope of another kind": ("accidents", JSON({"payload": ACCIDENT}).encode(), NO_KNOWN_FIELD),
    "a spreadsheet's epoch": (
        "taxi_trips", JSON({**TAXI, "timestamp": "1.54495E+12"}).encode(), "the_event_time_is_unreadable"),
    "a summary as GHCNh writes it": (
        "weather_data", JSON({"STATION": "USW00014739", "temperature": "1", "temperature_Report_Type": "SOD-ASOS-AWOS"})
        .encode(), "the_report_is_a_summary"),
    "day summary": ("weather_data", JSON({**WEATHER, "REPORT_TYPE": "SOD  "}).encode(), "the_report_is_a_summary"),
    "month summary, no station": ("weather_data", b'{"REPORT_TYPE": "SOM", "TMP": ""}', "the_report_is_a_summary"),
    "no station": ("weather_data", JSON({**WEATHER, "STATION": " "}).encode(), "the_station_is_missing"),
    "station is an object": ("weather_data", JSON({**WEATHER, "STATION": {}}).encode(), "the_station_is_missing"),
    "no mode": ("accidents", JSON({**ACCIDENT, "mode_type": None}).encode(), "the_mode_is_unknown"),
    "odd mode": ("accidents", JSON({**ACCIDENT, "mode_type": "bus"}).encode(), "the_mode_is_unknown"),
    "no time": ("bike_trips", b'{"bikeid": 1}', "the_event_time_is_missing"),
    "send time is no event time": (
        "bike_trips", b'{"data": {"bikeid": 1}, "timestamp": "x"}', "the_event_time_is_missing"),
    "empty word for a time": ("bike_trips", JSON({**BIKE, "starttime": "NaN"}).encode(), "the_event_time_is_missing"),
    "words for a time": ("bike_trips", JSON({**BIKE, "starttime": "noon"}).encode(), "the_event_time_is_unreadable"),
    "no such day": (
        "bike_trips", JSON({**BIKE, "starttime": "2018-02-30 00:00"}).encode(), "the_event_time_is_unreadable"),
    "both taxi times": (
        "taxi_trips", b'{"timestamp": "x", "datetime": "y", "price": 1}', "the_event_time_is_unreadable"),
    "year 0": ("bike_trips", JSON({**BIKE, "starttime": "0000-01-01 00:00"}).encode(), "the_event_time_is_too_old"),
    "one second too old": (
        "weather_data", JSON({**WEATHER, "DATE": "1999-12-31T23:59:59"}).encode(), "the_event_time_is_too_old"),
    "year 9999": (
        "bike_trips", JSON({**BIKE, "starttime": "9999-12-31 23:59:59"}).encode(), "the_event_time_is_in_the_future"),
    "24 h and 1 s ahead": (
        "weather_data", JSON({**WEATHER, "DATE": "2026-01-02T00:00:01"}).encode(), "the_event_time_is_in_the_future"),
}  # fmt: skip


def outcome(row: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    return {"refusal": row["refusal"]} | {name: row[name] for name in names}


@pytest.mark.parametrize("feed", ["bike_trips", "taxi_trips", "weather_data", "accidents"])
def test_refused_messages_say_why_and_keep_their_bytes(feed: str) -> None:
    cases = {name: case for name, case in REFUSED.items() if case[0] == feed}
    rows = outcomes(feed, [value for _, value, _ in cases.values()])
    assert {name: row["refusal"] for name, row in zip(cases, rows, strict=True)} == {
        name: reason for name, (_, _, reason) in cases.items()
    }
    raws = [None if row["raw"] is None else bytes(row["raw"]) for row in rows]
    assert raws == [value for _, value, _ in cases.values()]


def test_every_reason_has_a_case() -> None:
    assert {reason for _, _, reason in REFUSED.values()} == {str(reason) for reason in Refusal}


ACCEPTED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a bare record has no envelope": (
        "bike_trips", JSON({**BIKE, "source": "x", "timestamp": "y"}), {"source": None, "event_timestamp": None}),
    "an envelope tells its source": (
        "bike_trips", JSON({"data": BIKE, "source": "bike-streamer", "timestamp": "y"}),
        {"source": "bike-streamer", "event_timestamp": "y", "bike_id": "643"}),
    "fields beside data are not the record's": (
        "bike_trips", JSON({"data": BIKE, "gender": 1}), {"gender": None}),
    "a deeper data is no envelope": ("bike_trips", JSON({**BIKE, "x": {"data": 1}}), {"bike_id": "643"}),
    "a bare ride has its own timestamp and source": (
        "taxi_trips", JSON({**TAXI, "source": "Back Bay"}), {"pickup_location": "Back Bay", "source": None}),
    "the first name present and not empty wins": (
        "bike_trips", JSON({**BIKE, "user_type": "NA", "usertype": "Customer"}), {"user_type": "Customer"}),
    "an underscore for a space": ("bike_trips", JSON({**BIKE, "start_station_id": 7}), {"start_station_id": "7"}),
    "case matters": ("bike_trips", JSON({**BIKE, "Gender": 1}), {"gender": None}),
    "the last of two wins": ("bike_trips", '{"starttime":"2018-01-01 00:00:00","gender":1,"gender":2}', {"gender": 2}),
    "blanks and NUL bytes after the object": ("bike_trips", JSON(BIKE) + " \n\0\0", {"bike_id": "643"}),
    "NaN is no value": ("taxi_trips", '{"timestamp": 1544952607.89, "price": NaN, "distance": -Infinity}',
                        {"price": None, "distance": None}),
    "a wrong type costs only its own values": (
        "bike_trips", JSON({"data": {**BIKE, "start_station": 5, "end_station": {"id": 8}, "gender": 1}}),
        {"start_station_id": None, "end_station_id": "8", "gender": 1}),
    "booleans are not numbers": ("bike_trips", JSON({**BIKE, "gender": True}), {"gender": None}),
    "numbers as text": ("bike_trips", JSON({**BIKE, "birth year": "1985.0", "gender": " 1 "}),
                        {"birth_year": 1985, "gender": 1}),
    "a database's DECIMAL": (
        "bike_trips", JSON({**BIKE, "bikeid": "Aoc=", "tripduration": "AfQ=", "gender": {"scale": 0, "value": "AQ=="}}),
        {"bike_id": "Aoc=", "duration_seconds": None, "gender": None}),
    "no half years": ("bike_trips", JSON({**BIKE, "birth year": 1985.5}), {"birth_year": None}),
    "a trip without an id": ("bike_trips", JSON(BIKE), {"trip_id": "2018-01-01 00:16:33_643"}),
    "no bike, no id": ("bike_trips", JSON({"starttime": BIKE["starttime"], "gender": 1}), {"trip_id": None}),
    "a rental of no length": ("bike_trips", JSON({**BIKE, "tripduration": 0}), {"duration_seconds": None}),
    "the longest rental": ("bike_trips", JSON({**BIKE, "tripduration": 86400}), {"duration_seconds": 86400}),
    "a lost bike": ("bike_trips", JSON({**BIKE, "tripduration": 86401}), {"duration_seconds": None}),
    "a stop before the start": ("bike_trips", JSON({**BIKE, "stoptime": "2018-01-01 00:16:32"}),
                                {"stop_time_ts": None, "stop_time": "2018-01-01 00:16:32"}),
    "born too early": ("bike_trips", JSON({**BIKE, "birth year": 1899}), {"birth_year": None}),
    "born after the ride": ("bike_trips", JSON({**BIKE, "birth year": 2019}), {"birth_year": None}),
    "a gender that is none": ("bike_trips", JSON({**BIKE, "gender": 3}), {"gender": None}),
    "another user type": ("bike_trips", JSON({**BIKE, "usertype": "Dependent"}), {"user_type": "Dependent"}),
    "position 0, 0": ("bike_trips", JSON({**BIKE, "start station latitude": 0, "start station longitude": 0}),
                      {"start_station_latitude": None, "start_station_longitude": None}),
    "one coordinate elsewhere": ("accidents", JSON({**ACCIDENT, "lat": 42.3, "long": -72}),
                                 {"lat": None, "long": None}),
    "negative amounts": (
        "taxi_trips", JSON({**TAXI, "price": -1, "distance": -1, "windSpeed": -1, "precipIntensity": -1}),
                         {"price": None, "distance": None, "wind_speed": None, "precip_intensity": None}),
    "no surge of 0": ("taxi_trips", JSON({**TAXI, "surge_multiplier": 0}), {"surge_multiplier": None}),
    "humidity is a fraction": ("taxi_trips", JSON({**TAXI, "humidity": 68}), {"humidity": None}),
    "impossible heat": ("taxi_trips", JSON({**TAXI, "temperature": 131, "apparentTemperature": -61}),
                        {"temperature": None, "apparent_temperature": None}),
    "another cab": ("taxi_trips", JSON({**TAXI, "cab_type": "Yellow"}), {"cab_type": "Yellow"}),
    "an element that is missing": (
        "weather_data", JSON(WEATHER), {"temperature_celsius": None, "temp_bucket": "unknown"}),
    "positions NOAA does not know": ("weather_data", JSON({**WEATHER, "LATITUDE": "99999", "ELEVATION": "+9999"}),
                                     {"latitude": None, "elevation": None}),
    "modes in any case": ("accidents", JSON({**ACCIDENT, "mode_type": " PED"}), {"mode_type": "ped"}),
    "another place": ("accidents", JSON({**ACCIDENT, "location_type": "Bridge"}), {"location_type": "Bridge"}),
    "24 h ahead": ("weather_data", JSON({**WEATHER, "DATE": "2026-01-02T00:00:00"}),
                   {"datetime_ts": datetime(2026, 1, 2, tzinfo=UTC)}),
    "the first instant": ("weather_data", JSON({**WEATHER, "DATE": "2000-01-01T00:00"}),
                          {"datetime_ts": datetime(2000, 1, 1, tzinfo=UTC)}),
    "instants are UTC": ("bike_trips", JSON({**BIKE, "starttime": "2018-12-31 23:30:00"}),
                           {"start_time_ts": datetime(2019, 1, 1, 4, 30, tzinfo=UTC)}),
}  # fmt: skip


@pytest.mark.parametrize("feed", ["bike_trips", "taxi_trips", "weather_data", "accidents"])
def test_odd_messages_are_accepted(feed: str) -> None:
    cases = {name: case for name, case in ACCEPTED.items() if case[0] == feed}
    rows = outcomes(feed, [value.encode() for _, value, _ in cases.values()])
    found = {name: outcome(row, case[2]) for (name, case), row in zip(cases.items(), rows, strict=True)}
    assert found == {name: {"refusal": None, **expected} for name, (_, _, expected) in cases.items()}


def test_columns_come_in_the_order_of_the_dataset_whether_there_are_rows_or_not() -> None:
    for feed in FEEDS:
        for values in ([], [b"{}"]):
            result = Parser(feed, "UTC", READ_AT).parse(kafka_messages(values))
            assert dict(zip(result.schema.names, result.schema.types, strict=True)) == {
                **dataset_columns(feed),
                **OUTCOME_COLUMNS,
            }
