"""Merging tiles: any grouping, any order, the same result."""

import random
from datetime import timedelta

import pyarrow as pa
import pytest

from spark_jobs.rollup.tile_schemas import TILE_SCHEMAS, merged, no_tiles, tile_keys
from tests.analytics.tiles import NOON, Row, accidents, bikes, report, ride, tile_table

SECOND = timedelta(seconds=1)


def random_row(feed: str, rng: random.Random) -> Row:
    at = NOON + rng.randrange(1, 1500) * SECOND
    # quarters and whole numbers: their sums are exact, so that equality is the law and not a tolerance
    match feed:
        case "bike_trips":
            return bikes(at, rng.randrange(1, 9), rng.choice([None, 300, 600]), subscribers=rng.randrange(3))
        case "taxi_trips":
            values = [rng.choice([None, rng.randrange(-8, 80) / 4]) for _ in range(4)]
            cab_type = rng.choice(["Uber", "Lyft", None])
            return ride(at, cab_type, rng.choice([None, 12.5]), rng.choice([None, 1.0, 1.25, 2.0]), *values)
        case "weather_data":
            temperature_c, wind_ms, visibility_m, rain = (rng.choice([None, rng.randrange(40) / 4]) for _ in range(4))
            on_the_minute, trace = at - at.second * SECOND, rng.random() < 0.5
            row = report(on_the_minute, temperature_c, wind_ms, visibility_m, rain, trace)
            for element in ("temp_latest", "wind_latest", "visibility_latest", "precip_latest"):
                if row[element]:
                    row[element] |= {"rank": rng.randrange(1, 4), "station": rng.choice(["A", "B"])}
            return row
        case _:
            return accidents(at, rng.choice(["mv", "ped", "bike"]), rng.randrange(1, 4), intersections=1)


@pytest.mark.parametrize("feed", TILE_SCHEMAS)
def test_merge_is_associative_and_commutative(feed: str) -> None:
    rng = random.Random(feed)
    rows = [random_row(feed, rng) for _ in range(200)]
    at_once = merged([tile_table(feed, rows)], feed)
    assert at_once.num_rows < 40
    for _ in range(5):
        rng.shuffle(rows)
        cuts = sorted(rng.sample(range(len(rows)), 3))
        a, b, c, d = (
            tile_table(feed, rows[start:end]) for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)
        )
        assert merged([merged([merged([a, b], feed), c], feed), d], feed) == at_once
        assert merged([d, merged([c, merged([a, b], feed)], feed)], feed) == at_once


@pytest.mark.parametrize("feed", TILE_SCHEMAS)
def test_nothing_changes_nothing(feed: str) -> None:
    tiles = merged([tile_table(feed, [random_row(feed, random.Random(1))])], feed)
    assert merged([tiles, no_tiles(feed)], feed) == tiles
    assert merged([no_tiles(feed)], feed) == no_tiles(feed)


def test_an_unknown_cab_type_is_a_key_of_its_own() -> None:
    tiles = merged([tile_table("taxi_trips", [ride(NOON, None), ride(NOON, None), ride(NOON, "Uber")])], "taxi_trips")
    assert sorted(tiles.select(["cab_type", "ride_count"]).to_pylist(), key=str) == [
        {"cab_type": "Uber", "ride_count": 1},
        {"cab_type": None, "ride_count": 2},
    ]


def test_an_unknown_amount_stays_unknown_and_hides_none() -> None:
    both = merged([tile_table("taxi_trips", [ride(NOON, price=None), ride(NOON, price=8.5)])], "taxi_trips")
    neither = merged([tile_table("taxi_trips", [ride(NOON, price=None), ride(NOON, price=None)])], "taxi_trips")
    assert both.select(["price_n", "price_sum"]).to_pylist() == [{"price_n": 1, "price_sum": 8.5}]
    assert neither.select(["price_n", "price_sum"]).to_pylist() == [{"price_n": 0, "price_sum": None}]


def latest(**changes: object) -> Row:
    tuples = {"ts": NOON, "rank": 2, "station": "B", "value": 1.0, "trace": False} | changes
    return {"bucket_start": NOON - timedelta(minutes=5), "observation_count": 1, "precip_latest": tuples}


GREATER = {
    "a later time before everything": (latest(rank=3, station="Z", value=9.0, trace=True), latest(ts=NOON + SECOND)),
    "then the report type": (latest(station="Z", value=9.0, trace=True), latest(rank=3)),
    "then the station": (latest(value=9.0, trace=True), latest(station="C")),
    "then the value": (latest(trace=True), latest(value=1.5)),
    "then the trace": (latest(), latest(trace=True)),
}


@pytest.mark.parametrize(("less", "more"), GREATER.values(), ids=GREATER)
def test_the_greatest_tuple_is_the_latest(less: Row, more: Row) -> None:
    for order in ([less, more], [more, less]):
        tiles = merged([tile_table("weather_data", order)], "weather_data")
        assert tiles["precip_latest"].to_pylist() == [more["precip_latest"]]
        assert tiles["observation_count"].to_pylist() == [2]


def test_keys_come_first_and_times_are_utc() -> None:
    for feed, schema in TILE_SCHEMAS.items():
        assert tuple(schema.names[: len(tile_keys(feed))]) == tile_keys(feed)
        assert schema.field("bucket_start").type == pa.timestamp("us", tz="UTC")
