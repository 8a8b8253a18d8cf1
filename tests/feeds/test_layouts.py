"""The layouts that people have beside the first ones, with values worked out by hand (feeds.md sections 3 and 5)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.catalog import feed_named
from spark_jobs.feeds.parsed_messages import Parser
from tests.feeds.kafka_messages import KAFKA_TIME, READ_AT, TRIP, kafka_messages, outcomes

STATION = {"STATION": "72509014739", "DATE": "2018-03-07T07:07:00"}
OLD_TRIP = {"tripduration": "388", "starttime": "2018-01-01 00:16:33.1870", "bikeid": "643"}
LCD = {"STATION": "72509014739", "DATE": "2023-01-01T00:54:00", "REPORT_TYPE": "FM-15"}
LCD_2 = {**LCD, "STATION": "USW00014739"}
OLD_LCD = {"STATION": "WBAN:14739", "DATE": "1/1/2015 0:54", "REPORTTPYE": "FM-15"}
GHCNH = {"STATION": "USW00014739", "DATE": "2025-09-01T00:54:00"}


def row(feed: str, record: dict[str, Any]) -> dict[str, Any]:
    (of_record,) = outcomes(feed, [json.dumps(record).encode()])
    assert of_record["refusal"] is None, of_record["refusal"]
    return of_record


def assert_has(row: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert row[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_trip_as_written_since_2023(wrapped: bool) -> None:
    expected = {
        "trip_id": "0093C49F0B7B1D8E",
        "start_time": "2023-04-13 13:49:59.150",
        "start_time_ts": datetime(2023, 4, 13, 17, 49, 59, 150_000, tzinfo=UTC),
        "stop_time_ts": datetime(2023, 4, 13, 17, 55, 3, 20_000, tzinfo=UTC),
        "duration_seconds": 303,  # 303.87, rounded down
        "start_station_id": "A32010",
        "start_station_latitude": 42.36,
        "start_station_longitude": -71.1,
        "end_station_id": None,
        "user_type": "Subscriber",
        "bike_id": None,
        "gender": None,
    }
    assert_has(row("bike_trips", {"data": TRIP} if wrapped else TRIP), expected)


TRIPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "casual": ({**TRIP, "member_casual": "casual"}, {"user_type": "Customer"}),
    "another kind": ({**TRIP, "member_casual": "guest"}, {"user_type": "guest"}),
    "over the hour that is twice": (
        {**TRIP, "started_at": "2023-11-05 00:59:00", "ended_at": "2023-11-05 02:01:00"},
        {"duration_seconds": 2 * 3600 + 120},
    ),
    "over the hour that is not": (
        {**TRIP, "started_at": "2023-03-12 01:59:00", "ended_at": "2023-03-12 03:01:00"},
        {"duration_seconds": 120},
    ),
    "no end": ({**TRIP, "ended_at": ""}, {"duration_seconds": None, "stop_time_ts": None}),
    "an end before the start": (
        {**TRIP, "ended_at": "2023-04-13 13:49:58"},
        {"duration_seconds": None, "stop_time_ts": None},
    ),
    "less than a second": ({**TRIP, "ended_at": "2023-04-13 13:50:00"}, {"duration_seconds": None}),
    "longer than a day": ({**TRIP, "ended_at": "2023-04-14 13:50:00.150"}, {"duration_seconds": None}),
    "a duration beside": ({**TRIP, "tripduration": 60}, {"duration_seconds": 60}),
    "the old names tell no duration": (
        {"starttime": TRIP["started_at"], "stoptime": TRIP["ended_at"]},
        {"duration_seconds": None},
    ),
    "one coordinate elsewhere": ({**TRIP, "start_lat": "0"}, {"start_station_longitude": None}),
}


@pytest.mark.parametrize("what", TRIPS)
def test_trips_since_2023(what: str) -> None:
    record, expected = TRIPS[what]
    assert_has(row("bike_trips", record), expected)


def rain(record: dict[str, Any]) -> dict[str, Any]:
    of_record = row("weather_data", record)
    return {name: of_record[f"precipitation_{name}"] for name in ("mm", "trace", "mm_per_h")}


SPECIALS = {
    "hourly": ({**STATION, "REPORT_TYPE": "FM-15", "AA1": "01,0013,9,5"}, (1.3, False, 1.3)),
    "special": ({**STATION, "REPORT_TYPE": "FM-16", "AA1": "01,0015,9,5"}, (1.5, False, None)),
    "special with a trace": ({**STATION, "REPORT_TYPE": "FM-16", "AA1": "01,9999,2,5"}, (0.0, True, None)),
    "special, bare number": ({**STATION, "REPORT_TYPE": "FM-16", "AA1": "2.5"}, (2.5, False, None)),
    "special of LCD": ({**LCD, "REPORT_TYPE": "FM-16", "HourlyPrecipitation": "0.02"}, (0.508, False, None)),
    "special of old LCD": ({**OLD_LCD, "REPORTTPYE": "FM-16", "HOURLYPrecip": "T"}, (0.0, True, None)),
    "special of GHCNh": ({**GHCNH, "precipitation": "3.8", "precipitation_Report_Type": "FM16"}, (3.8, False, None)),
    "special of GHCNh by its temperature": (
        {**GHCNH, "precipitation": "3.8", "temperature_Report_Type": "FM16-SPECI-Aviation-selected"},
        (3.8, False, None),
    ),
    "hourly rain in GHCNh": (
        {**GHCNH, "precipitation": "3.8", "precipitation_Report_Type": "FM15", "temperature_Report_Type": "FM16"},
        (3.8, False, 3.8),
    ),
    "three hours": ({**STATION, "REPORT_TYPE": "FM-12", "AA1": "03,0030,9,5"}, (3.0, False, 1.0)),
    "six hours": ({**STATION, "REPORT_TYPE": "FM-12", "AA1": "06,0030,9,5"}, (3.0, False, None)),
}


@pytest.mark.parametrize("what", SPECIALS)
def test_the_amount_of_a_special_is_no_rate(what: str) -> None:
    record, (mm, trace, rate) = SPECIALS[what]
    assert rain(record) == {"mm": mm, "trace": trace, "mm_per_h": rate}
    of_record = row("weather_data", record)
    assert of_record["has_precipitation"] is (None if rate is None else rate > 0 or trace)
    assert (of_record["precip_category"] == "unknown") is (rate is None)


LCD_VALUES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "degrees F": ({**LCD, "HourlyDryBulbTemperature": "53"}, {"temperature_celsius": 21 / 1.8, "temperature": "53"}),
    "suspect": ({**LCD, "HourlyDryBulbTemperature": "53s"}, {"temperature_celsius": None, "temperature": "53s"}),
    "dew point": ({**LCD, "HourlyDewPointTemperature": "-4"}, {"dew_point_celsius": -20.0}),
    "degrees C": ({**LCD_2, "HourlyDryBulbTemperature": "11.7"}, {"temperature_celsius": 11.7}),
    "mph": ({**LCD, "HourlyWindSpeed": "5"}, {"wind_speed_ms": 2.2352, "wind": "5"}),
    "m/s": ({**LCD_2, "HourlyWindSpeed": "5.1"}, {"wind_speed_ms": 5.1}),
    "from": ({**LCD, "HourlyWindDirection": "190", "HourlyWindSpeed": "9"}, {"wind_direction_deg": 190}),
    "from anywhere": ({**LCD, "HourlyWindDirection": "VRB", "HourlyWindSpeed": "5"}, {"wind_direction_deg": None}),
    "calm": ({**LCD, "HourlyWindDirection": "000", "HourlyWindSpeed": "0"}, {"wind_direction_deg": None}),
    "miles": ({**LCD, "HourlyVisibility": "9.94"}, {"visibility_m": 15_996.87936}),
    "variable": ({**LCD, "HourlyVisibility": "0.25V"}, {"visibility_m": 402.336}),
    "km": ({**LCD_2, "HourlyVisibility": "16.093"}, {"visibility_m": 16_093.0}),
    "inHg": ({**LCD, "HourlySeaLevelPressure": "29.60"}, {"sea_level_pressure_hpa": 1002.371144}),
    "hPa": ({**LCD_2, "HourlySeaLevelPressure": "1002.4"}, {"sea_level_pressure_hpa": 1002.4}),
    "inch": ({**LCD, "HourlyPrecipitation": "0.02"}, {"precipitation_mm": 0.508, "precipitation_period_h": 1}),
    "mm": ({**LCD_2, "HourlyPrecipitation": "0.5"}, {"precipitation_mm": 0.5, "precipitation_mm_per_h": 0.5}),
    "from elsewhere": ({**LCD, "HourlyPrecipitation": "0.10*"}, {"precipitation_mm": 2.54}),
    "trace": ({**LCD, "HourlyPrecipitation": "T"}, {"precipitation_trace": True, "precip_category": "light"}),
    "suspect trace": ({**LCD, "HourlyPrecipitation": "Ts"}, {"precipitation_trace": None, "precipitation_mm": None}),
    "missing": ({**LCD, "HourlyPrecipitation": "M"}, {"precipitation_mm": None, "precipitation_period_h": None}),
    "out of range": ({**LCD, "HourlyDryBulbTemperature": "999"}, {"temperature_celsius": None}),
    "standard time in winter": (
        {**LCD, "HourlyWindSpeed": "1"}, {"datetime_ts": datetime(2023, 1, 1, 5, 54, tzinfo=UTC)}),
    "standard time in summer": (
        {**LCD, "DATE": "2023-07-01T00:54:00", "HourlyWindSpeed": "1"},
        {"datetime_ts": datetime(2023, 7, 1, 5, 54, tzinfo=UTC)},
    ),
    "an offset is obeyed": (
        {**LCD, "DATE": "2023-07-01T00:54:00Z", "HourlyWindSpeed": "1"},
        {"datetime_ts": datetime(2023, 7, 1, 0, 54, tzinfo=UTC)},
    ),
    "old header": (
        {**OLD_LCD, "HOURLYDRYBULBTEMPF": "22", "HOURLYDRYBULBTEMPC": "-5.6", "HOURLYVISIBILITY": "10.00"},
        {
            "datetime_ts": datetime(2015, 1, 1, 5, 54, tzinfo=UTC),
            "temperature_celsius": -10 / 1.8,
            "visibility_m": 16_093.44,
            "report_type": "FM-15",
        },
    ),
    "old header, degrees C alone": (
        {**OLD_LCD, "HOURLYDRYBULBTEMPC": "-5.6", "HOURLYDewPointTempC": "-12.8"},
        {"temperature_celsius": -5.6, "dew_point_celsius": -12.8, "temperature": "-5.6"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LCD_VALUES)
def test_lcd(what: str) -> None:
    record, expected = LCD_VALUES[what]
    assert_has(row("weather_data", record), expected)


GHCNH_VALUES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "numbers": (
        {
            **GHCNH,
            "Station_name": "BOSTON LOGAN INTL AP",
            "LATITUDE": "42.3606",
            "temperature": "21.1",
            "temperature_Quality_Code": "5",
            "temperature_Report_Type": "FM15",
            "dew_point_temperature": "12.8",
            "sea_level_pressure": "1016.4",
            "wind_direction": "200",
            "wind_speed": "4.1",
            "precipitation": "0.0",
            "visibility": "16.093",
        },
        {
            "datetime_ts": datetime(2025, 9, 1, 0, 54, tzinfo=UTC),
            "station_name": "BOSTON LOGAN INTL AP",
            "report_type": "FM15",
            "latitude": 42.3606,
            "temperature_celsius": 21.1,
            "dew_point_celsius": 12.8,
            "sea_level_pressure_hpa": 1016.4,
            "wind_speed_ms": 4.1,
            "wind_direction_deg": 200,
            "visibility_m": 16_093.0,
            "precipitation_mm_per_h": 0.0,
            "has_precipitation": False,
            "temperature": "21.1",
            "wind": "4.1",
            "ceiling": None,
        },
    ),
    "a time in parts": (
        {"Station_ID": "USW00014739", "Year": "2025", "Month": "09", "Day": 1, "Hour": 0.0, "Minute": "54",
         "Elevation": "-999.9", "wind_speed": "1"},
        {"station": "USW00014739", "datetime": "2025-09-01T00:54:00", "elevation": None,
         "datetime_ts": datetime(2025, 9, 1, 0, 54, tzinfo=UTC)},
    ),
    "suspect": ({**GHCNH, "temperature": "21.1", "temperature_Quality_Code": "2"}, {"temperature_celsius": None}),
    "failed a check": ({**GHCNH, "wind_speed": "9", "wind_speed_Quality_Code": "L"}, {"wind_speed_ms": None}),
    "a code with its meaning": (
        {**GHCNH, "temperature": "21.1", "temperature_Quality_Code": "9-Missing"}, {"temperature_celsius": 21.1}),
    "a code as a number": (
        {**GHCNH, "temperature": 21.1, "temperature_Quality_Code": 5.0}, {"temperature_celsius": 21.1}),
    "trace": (
        {**GHCNH, "precipitation": "0.0", "precipitation_Measurement_Code": "T"},
        {"precipitation_trace": True, "precipitation_mm": 0.0, "precip_category": "light"}),
    "trace without an amount": (
        {**GHCNH, "precipitation": "", "precipitation_Measurement_Code": "2-Trace"},
        {"precipitation_trace": True, "precipitation_mm": 0.0}),
    "measurable": (
        {**GHCNH, "precipitation": "0.5", "precipitation_Measurement_Code": "3-Measurable"},
        {"precipitation_trace": False, "precipitation_mm": 0.5}),
    "several hours": (
        {**GHCNH, "precipitation": "5", "precipitation_Measurement_Code": "24-hr-accum"}, {"precipitation_mm": None}),
    "accumulated": (
        {**GHCNH, "precipitation": "5", "precipitation_Quality_Code": "A"}, {"precipitation_mm": None}),
    "variable wind": (
        {**GHCNH, "wind_direction": "200", "wind_speed": "2", "wind_direction_Measurement_Code": "V-Variable"},
        {"wind_direction_deg": None, "wind_speed_ms": 2.0}),
    "calm": ({**GHCNH, "wind_direction": "000", "wind_speed": "0.0"}, {"wind_direction_deg": None}),
}  # fmt: skip


@pytest.mark.parametrize("what", GHCNH_VALUES)
def test_ghcnh(what: str) -> None:
    record, expected = GHCNH_VALUES[what]
    assert_has(row("weather_data", record), expected)


@pytest.mark.parametrize(
    "report",
    [{**STATION, "VIS": "004023,5,N,5"}, {**LCD_2, "HourlyVisibility": "4.023"}, {**GHCNH, "visibility": "4.023"}],
)
def test_the_same_distance_is_the_same_number_in_every_layout(report: dict[str, Any]) -> None:
    assert row("weather_data", report)["visibility_m"] == 4023.0


def test_the_codes_of_global_hourly_win_over_other_layouts_names() -> None:
    both = {**STATION, "TMP": "+0056,1", "temperature": "99", "HourlyDryBulbTemperature": "99"}
    assert row("weather_data", both)["temperature_celsius"] == 5.6


CONNECT: dict[str, Any] = {"schema": {"type": "struct", "fields": [{"type": "string", "field": "starttime"}]}}
RECORDS: dict[str, tuple[dict[str, Any], str]] = {
    "Connect": (CONNECT | {"payload": OLD_TRIP}, "643"),
    "Connect, no schema": ({"schema": None, "payload": OLD_TRIP}, "643"),
    "Connect around an envelope": (CONNECT | {"payload": {"data": OLD_TRIP, "source": "bikes"}}, "643"),
    "a row inserted": ({"before": None, "after": OLD_TRIP, "op": "c", "source": {"table": "trips"}}, "643"),
    "a row read": ({"after": OLD_TRIP, "op": "r"}, "643"),
    "a row changed, through Connect": (
        CONNECT | {"payload": {"before": OLD_TRIP, "after": OLD_TRIP, "op": "u"}},
        "643",
    ),
    "not deleted": ({**OLD_TRIP, "__deleted": "false", "__op": "u"}, "643"),
    "a byte order mark": ({"\ufeffbikeid": "643", "starttime": OLD_TRIP["starttime"]}, "643"),
    "a byte order mark in the data": ({"data": {"\ufeffbikeid": "643", "starttime": OLD_TRIP["starttime"]}}, "643"),
    "optional values": ({"starttime": {"string": OLD_TRIP["starttime"]}, "bikeid": {"int": 643}}, "643"),
    "an identifier as a double": ({**OLD_TRIP, "bikeid": 643.0}, "643"),
    "an optional identifier as a double": ({**OLD_TRIP, "bikeid": {"double": 643.0}}, "643"),
    "a text stays": ({**OLD_TRIP, "bikeid": "643.0"}, "643.0"),
    "a fraction stays": ({**OLD_TRIP, "bikeid": 643.5}, "643.5"),
}


@pytest.mark.parametrize("what", RECORDS)
@pytest.mark.parametrize("many", [1, 700], ids=["alone", "in a full batch"])
def test_the_record_is_found(what: str, many: int) -> None:
    message, bike = RECORDS[what]
    rows = outcomes("bike_trips", [json.dumps(message).encode()] * many)
    assert {(row["refusal"], row["bike_id"]) for row in rows} == {(None, bike)}
    assert {row["trip_id"] for row in rows} == {f"{OLD_TRIP['starttime']}_{bike}"}
    assert {row["source"] for row in rows} == {"bikes" if what == "Connect around an envelope" else None}


def test_a_column_that_is_no_identifier_takes_a_number_as_it_is() -> None:
    assert row("bike_trips", {**OLD_TRIP, "start station name": 7.0})["start_station_name"] == "7.0"
    assert row("weather_data", {**STATION, "STATION": 72509014739.0, "TMP": "+0056,1"})["station"] == "72509014739"


EPOCHS: dict[Any, datetime | None] = {
    "1.5449526E12": datetime(2018, 12, 16, 9, 30, tzinfo=UTC),
    "1544952600000": datetime(2018, 12, 16, 9, 30, tzinfo=UTC),
    1.54e12: datetime(2018, 10, 20, 1, 46, 40, tzinfo=UTC),
    "1.54E+12": None,
    "1.54495E+12": None,
    "0001.54495e+12": None,
}


@pytest.mark.parametrize("epoch", EPOCHS)
def test_an_epoch_that_a_spreadsheet_rounded_tells_no_time(epoch: Any) -> None:
    (told,) = outcomes("taxi_trips", [json.dumps({"time_stamp": epoch, "price": 5}).encode()])
    assert told["refusal"] == (None if EPOCHS[epoch] else "the_event_time_is_unreadable")
    assert told["datetime_ts"] == EPOCHS[epoch]
    beside = row("taxi_trips", {"time_stamp": epoch, "price": 5, "datetime": "2018-12-16 00:00:00"})
    assert beside["datetime_ts"] == (EPOCHS[epoch] or datetime(2018, 12, 16, tzinfo=UTC))


@pytest.mark.parametrize("sent_ms", [-1, 0, 1_700_000_000, int(KAFKA_TIME.timestamp() * 1_000_000)])
@pytest.mark.parametrize(("ahead", "refusal"), [(24, None), (25, "the_event_time_is_in_the_future")])
def test_a_record_timestamp_that_is_none_says_nothing(sent_ms: int, ahead: int, refusal: str | None) -> None:
    started = READ_AT + timedelta(hours=ahead)
    values = [json.dumps({**OLD_TRIP, "starttime": f"{started:%Y-%m-%dT%H:%M:%SZ}"}).encode()]
    sent = pa.array([sent_ms * 1000], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    messages = kafka_messages(values).set_column(2, "kafka_timestamp", sent)
    result = Parser(feed_named("bike_trips"), "UTC", READ_AT).parse(messages)
    assert result["refusal"].to_pylist() == [refusal]
    assert result["kafka_timestamp"].cast(pa.int64()).to_pylist() == [sent_ms * 1000]
