"""Hand-made events and the tiles that section 2 of analytics.md makes of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.catalog import feed_named
from spark_jobs.rollup.tile_schemas import TILE_SCHEMAS
from spark_jobs.rollup.tiles import MEASURED, tiles_of

TWELVE = datetime(2018, 11, 4, 12, tzinfo=UTC)
TILE, MICROSECOND = timedelta(minutes=5), timedelta(microseconds=1)
NUMBERS = {"surge_multiplier", "price", "temperature", "precip_intensity", "humidity", "wind_speed"}
READINGS = {"temperature_celsius", "wind_speed_ms", "visibility_m", "precipitation_mm_per_h"}
Row = dict[str, Any]


def kind(column: str) -> pa.DataType:
    if column in NUMBERS | READINGS:
        return pa.float64()
    return {"duration_seconds": pa.int32(), "precipitation_trace": pa.bool_()}.get(column, pa.string())


def tiles(feed: str, *events: Row) -> list[Row]:
    time = feed_named(feed).event_time
    columns = {time: pa.timestamp("us", "UTC"), **{name: kind(name) for name in MEASURED[feed]}}
    rows = [{time: TWELVE, **event} for event in events]
    table = tiles_of(pa.Table.from_pylist(rows, schema=pa.schema(columns)), feed_named(feed), ())
    assert table.schema.equals(TILE_SCHEMAS[feed])
    return sorted(table.to_pylist(), key=lambda row: (row["bucket_start"], row.get("cab_type") or ""))


def weather(at: datetime = TWELVE, **values: Any) -> Row:
    return {"datetime_ts": at, "station": "72509", "report_type": "FM-15", **values}


def latest_temperature(*events: Row) -> Row:
    (tile,) = tiles("weather_data", *events)
    latest: Row = tile["temp_latest"]
    return latest


def test_a_bike_trip_lies_in_the_tile_that_it_starts_in() -> None:
    found = tiles(
        "bike_trips",
        {"start_time_ts": TWELVE, "duration_seconds": 600, "user_type": "Subscriber"},
        {"start_time_ts": TWELVE + TILE - MICROSECOND, "duration_seconds": None, "user_type": "Customer"},
        {"start_time_ts": TWELVE + TILE, "duration_seconds": None, "user_type": None},
    )
    measures = ("rental_count", "duration_n", "duration_sum", "subscriber_count", "customer_count")
    assert [(row["bucket_start"], *(row[name] for name in measures)) for row in found] == [
        (TWELVE, 2, 1, 600, 1, 1),
        (TWELVE + TILE, 1, 0, None, 0, 0),
    ]


@pytest.mark.parametrize(
    ("at", "bucket"),
    [(TWELVE, TWELVE - TILE), (TWELVE + MICROSECOND, TWELVE), (TWELVE + TILE, TWELVE)],
)
def test_a_report_on_the_edge_belongs_to_the_tile_that_ends_there(at: datetime, bucket: datetime) -> None:
    (tile,) = tiles("weather_data", weather(at, temperature_celsius=1.0))
    assert tile["bucket_start"] == bucket
    assert tile["temp_latest"]["ts"] == at


def test_an_unknown_cab_type_is_a_key_like_any_other() -> None:
    found = tiles("taxi_trips", {"cab_type": None, "price": 5.0}, {"cab_type": "Uber"}, {"cab_type": None})
    assert [(row["cab_type"], row["ride_count"], row["price_n"], row["price_sum"]) for row in found] == [
        (None, 2, 1, 5.0),
        ("Uber", 1, 0, None),
    ]


def test_a_ride_without_a_value_counts_as_a_ride_and_not_in_that_values_sums() -> None:
    (tile,) = tiles(
        "taxi_trips",
        {"cab_type": "Lyft", "surge_multiplier": 1.5, "temperature": 50.0, "precip_intensity": 0.1},
        {"cab_type": "Lyft", "surge_multiplier": None, "temperature": 32.0, "precip_intensity": 0.0},
        {"cab_type": "Lyft", "surge_multiplier": 1.0, "temperature": None, "precip_intensity": 0.0},
    )
    assert (tile["ride_count"], tile["surge_n"], tile["surge_ride_count"], tile["surge_max"]) == (3, 2, 1, 1.5)
    assert (tile["temp_n"], tile["temp_sum"]) == (2, pytest.approx(10.0))
    assert [tile[f"st_{name}"] for name in ("n", "x", "y", "xx", "yy", "xy")] == pytest.approx(
        [1, 10.0, 1.5, 100.0, 2.25, 15.0]
    )
    assert (tile["sp_n"], tile["sp_x"], tile["sh_n"], tile["sh_x"]) == (2, pytest.approx(2.54), 0, None)
    assert (tile["wet_surge_n"], tile["wet_surge_sum"]) == (1, 1.5)
    assert (tile["dry_surge_n"], tile["dry_surge_sum"]) == (1, 1.0)


def test_the_latest_report_wins_then_its_type_then_station_then_value() -> None:
    earlier = weather(TWELVE - TILE + MICROSECOND, temperature_celsius=30.0)
    assert latest_temperature(earlier, weather(temperature_celsius=1.0))["value"] == 1.0
    special = weather(temperature_celsius=2.0, report_type="FM-16")
    assert latest_temperature(special, weather(temperature_celsius=1.0))["value"] == 1.0
    untold = weather(temperature_celsius=9.0, report_type=None)
    assert latest_temperature(special, untold)["rank"] == 2
    elsewhere = weather(temperature_celsius=0.0, station="9")
    assert latest_temperature(weather(temperature_celsius=1.0), elsewhere)["station"] == "9"
    assert latest_temperature(weather(temperature_celsius=1.0), weather(temperature_celsius=3.0))["value"] == 3.0


def test_elements_are_independent_and_a_trace_decides_last() -> None:
    (tile,) = tiles(
        "weather_data",
        weather(TWELVE - MICROSECOND, temperature_celsius=4.0, precipitation_mm_per_h=0.0, precipitation_trace=True),
        weather(wind_speed_ms=2.0, precipitation_mm_per_h=0.0, precipitation_trace=False),
        weather(precipitation_mm_per_h=0.0, precipitation_trace=True),
    )
    assert tile["observation_count"] == 3
    assert (tile["temp_latest"]["value"], tile["wind_latest"]["value"]) == (4.0, 2.0)
    assert tile["visibility_latest"] is None
    assert tile["precip_latest"]["ts"] == TWELVE
    assert tile["precip_latest"]["trace"] is True


def test_a_special_report_says_nothing_about_the_rate_of_rain() -> None:
    special = weather(report_type="FM-16", precipitation_mm_per_h=9.0, temperature_celsius=1.0)
    untold = weather(TWELVE - MICROSECOND, report_type=None, precipitation_mm_per_h=2.0, temperature_celsius=3.0)
    (tile,) = tiles("weather_data", untold, special)
    assert (tile["precip_latest"]["value"], tile["precip_latest"]["rank"]) == (2.0, 1)
    assert (tile["temp_latest"]["ts"], tile["temp_latest"]["rank"]) == (TWELVE, 2)
    (alone,) = tiles("weather_data", special)
    assert alone["precip_latest"] is None


def test_accidents_count_by_mode_and_place() -> None:
    found = tiles(
        "accidents",
        {"mode_type": "mv", "location_type": "Intersection"},
        {"mode_type": "mv", "location_type": "Street"},
        {"mode_type": "mv", "location_type": None},
        {"mode_type": "ped", "location_type": "Other"},
    )
    counts = {row["mode_type"]: tuple(row.values())[2:] for row in found}
    assert counts == {"mv": (3, 1, 1), "ped": (1, 0, 0)}
