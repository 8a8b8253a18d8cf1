"""Random events with holes, through the tiles and the nine queries, beside the reference that knows neither."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import feed_named
from spark_jobs.rollup.tiles import tiles_of
from tests.analytics.reference.comparison import KEYS, PARTITION_COLUMNS, differences
from tests.analytics.reference.handmade import SCHEMAS, HandmadeFeeds
from tests.analytics.reference.outputs import all_references
from tests.analytics.tiles import TilesInMemory, output_tables

START = datetime(2018, 10, 29, tzinfo=UTC)
"""the clock goes back on 4 November"""
HOURS = 9 * 24
MINUTE = timedelta(minutes=1)


def history(root: Path, seed: int) -> HandmadeFeeds:
    """Nine days: warmth, wind and demand that go on from hour to hour, spells of rain, hours without any event."""
    chance = random.Random(seed)
    feeds = HandmadeFeeds(root)
    warmth, wind, rain, demand = 10.0, 5.0, 0.0, 3.0
    for hour in range(HOURS):
        warmth += chance.gauss(0, 1)
        wind = abs(wind + chance.gauss(0, 1))
        demand = max(0.0, demand + chance.gauss(0, 0.5))
        if chance.random() < 0.2:
            rain = chance.choice((0.0, 0.0, 0.3, 4.0))
        for _ in range(chance.choice((0, 1, 1, 2))):
            feeds.weather(
                f"{_some_minute(chance, hour)}:{chance.randrange(60):02}",
                t=chance.choice((round(warmth, 1), round(warmth, 1), None)),
                w=chance.choice((round(wind, 1), None)),
                v=chance.choice((50.0, 9_000.0, 16_000.0, None)),
                p=chance.choice((rain, rain, None)),
                trace=chance.random() < 0.05,
                station=chance.choice("12"),
                report_type=chance.choice(("FM-15", "FM-16", "FM-12", None)),
            )
        if chance.random() < 0.1:
            continue
        for _ in range(round(4 * demand)):
            feeds.bike(_some_minute(chance, hour), duration=chance.choice((600, 300, None)))
            if chance.random() < 0.5:
                _ride(feeds, chance, hour, warmth, rain)
        for _ in range(chance.choice((0, 0, 1, 2))):
            feeds.accident(_some_minute(chance, hour), chance.choice(("mv", "mv", "bike")))
    return feeds


def _some_minute(chance: random.Random, hour: int) -> str:
    return f"{START + timedelta(hours=hour) + chance.randrange(60) * MINUTE:%Y-%m-%d %H:%M}"


def _ride(feeds: HandmadeFeeds, chance: random.Random, hour: int, warmth: float, rain: float) -> None:
    feeds.taxi(
        _some_minute(chance, hour),
        chance.choice(("Uber", "Lyft", None)),
        price=chance.choice((5.0, 20.5)),
        surge_multiplier=chance.choice((1.0, 1.0, 1.5)),
        temperature=round(warmth * 1.8 + 32 + chance.gauss(0, 1), 2),
        precip_intensity=rain / 25.4,
        humidity=chance.random(),
    )


@pytest.fixture(scope="module", params=[1, 2])
def feeds(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> HandmadeFeeds:
    return history(tmp_path_factory.mktemp("feeds"), seed=request.param)


@pytest.fixture(scope="module")
def expected(feeds: HandmadeFeeds) -> dict[str, pa.Table]:
    feeds.write()
    with duckdb.connect() as connection:
        return all_references(connection, feeds.root)


@pytest.fixture(scope="module")
def tiles(feeds: HandmadeFeeds) -> TilesInMemory:
    found = TilesInMemory()
    for feed, rows in feeds.rows.items():
        found.add(feed, tiles_of(pa.Table.from_pylist(rows, SCHEMAS[feed]), feed_named(feed), ()))
    return found


@pytest.mark.parametrize("name", KEYS)
def test_every_cell_is_that_of_the_reference(name: str, expected: dict[str, pa.Table], tiles: TilesInMemory) -> None:
    actual = pa.concat_tables([table for _, table in output_tables(declaration_of(name), tiles)])
    assert actual.num_rows > 100
    assert differences(actual, expected[name].drop_columns([*PARTITION_COLUMNS]), KEYS[name]) == []


SEEN = {  # output -> columns that have to be known now and then, or the comparison says little
    "pearson_correlations": ("bike_temp_eff_ci_low", "taxi_precip_effective_n", "total_weather_score_eff_ci_high"),
    "temporal_correlations": ("bike_wind_eff_ci_low", "taxi_temp_effective_n"),
    "precipitation_impact": ("precip_bike_impact_score",),
    "multi_variable_summary": ("model_r_squared", "naive_prediction_error"),
    "weather_safety_analysis": ("observed_weather_risk_ratio_ci_low",),
}


@pytest.mark.parametrize("name", SEEN)
def test_the_history_has_cases_of_everything(name: str, expected: dict[str, pa.Table]) -> None:
    known = {column: len(expected[name]) - expected[name][column].null_count for column in SEEN[name]}
    assert min(known.values()) > 20, known
