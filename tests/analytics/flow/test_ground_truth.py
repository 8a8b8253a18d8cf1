"""60 generated days: what the generator's documentation promises stands in the nine outputs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from statistics import median
from typing import Any

import pyarrow as pa
import pytest

from playground.generator.ground_truth import PROMISED, PROMISED_DAYS, PROMISED_START, pearson
from playground.generator.stream import messages
from spark_jobs.analytics.affected_hours import every_hour
from spark_jobs.analytics.refresh import refresh
from tests.analytics.flow.feeds import parsed_feeds
from tests.analytics.flow.live import NAMES, LiveJob
from tests.analytics.tiles import queries

VOLUME = 0.3
"""a third of the rides: the same means of everything that is a share, a ratio or an r; hardly more noise"""
TEMPERATURE_BINS = ("below_-10C", "-10_to_-5C", "-5_to_0C", "0_to_5C", "5_to_10C", "10_to_15C", "15_to_20C")
WARM_BINS = ("20_to_25C", "25_to_30C", "above_30C")

Row = dict[str, Any]
Outputs = dict[str, list[Row]]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """The rows of all nine outputs, computed as the queries do but not written."""
    job = LiveJob(tmp_path_factory.mktemp("ground-truth"), by_hour=False)
    job.take(parsed_feeds(messages(seed=5, start=PROMISED_START, days=PROMISED_DAYS, volume=VOLUME)))
    return {name: _rows(job, name) for name in NAMES}


def _rows(job: LiveJob, name: str) -> list[Row]:
    declaration = job.analytics[name].declaration
    first, last = job.tiles.oldest_tile(declaration.reads), job.tiles.newest_tile(declaration.reads)
    assert first is not None
    assert last is not None
    hours = every_hour(first, last, declaration, job.durations)
    tables = refresh(queries(), job.tiles, declaration, job.durations, hours)
    rows: list[Row] = pa.concat_tables([table for _, table in tables]).to_pylist()
    return rows


def promised(name: str, value: float) -> None:
    low, high = PROMISED[name]
    print(f"{name} {value:.3f}, promised {low} to {high}")
    assert low <= value <= high, name


def at_midnight(rows: Iterable[Row]) -> Iterator[Row]:
    """The last window of each UTC day from the seventh on."""
    for row in rows:
        end = row["window_end"]
        if (end.hour, end.minute) == (0, 0) and end >= PROMISED_START + timedelta(days=7):
            yield row


def pairs(rows: Iterable[Row], x: str, y: str) -> list[tuple[float, float]]:
    return [(row[x], float(row[y])) for row in rows if row[x] is not None]


@pytest.mark.parametrize(
    ("figure", "x"),
    [
        ("bike_temp", "avg_temperature_c"),
        ("bike_wind", "avg_wind_speed_ms"),
        ("bike_rain", "precipitation_mm_per_h"),
    ],
)
def test_bikes_answer_to_the_weather_as_promised(outputs: Outputs, figure: str, x: str) -> None:
    rows = [row for row in outputs["pearson_correlations"] if row["lookback_hours"] == 168]
    promised(f"{figure}_r", pearson(pairs(rows, x, "total_bike_rentals")))
    column = f"{figure.replace('rain', 'precip')}_correlation"
    weekly = [row[column] for row in at_midnight(rows) if row[column] is not None]
    promised(f"{figure}_r_weekly_median", median(weekly))


def test_rain_moves_people_from_bikes_to_taxis(outputs: Outputs) -> None:
    rows = list(at_midnight(outputs["precipitation_impact"]))
    for figure, column in (("bike_impact", "precip_bike_impact_score"), ("taxi_boost", "precip_taxi_boost_score")):
        weekly = [row[column] for row in rows if row[column] is not None]
        promised(f"precip_{figure}_weekly_median_pct", median(weekly))
    substituted = [row["weather_driven_mode_substitution"] for row in outputs["precipitation_impact"]]
    assert any(substituted)


def test_the_binned_curve_peaks_between_15_and_20_degrees(outputs: Outputs) -> None:
    """Weekly curves added up: each hour's bins hold the 7 days before it."""
    bikes: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for row in at_midnight(outputs["weather_binned_metrics"]):
        if row["temp_bin"]:
            bikes[row["temp_bin"]] += row["avg_bike_rentals_in_bin"] * row["sample_count"]
            counts[row["temp_bin"]] += row["sample_count"]
    assert set(counts) <= {*TEMPERATURE_BINS, *WARM_BINS}
    usual = {name: bikes[name] / count for name, count in counts.items() if count >= sum(counts.values()) / 20}
    best_other = max(mean for name, mean in usual.items() if name != "15_to_20C")
    promised("peak_15_20_lead_pct", 100 * (usual["15_to_20C"] / best_other - 1))


def test_rain_brings_accidents(outputs: Outputs) -> None:
    wet_hours: dict[Any, bool] = {
        row["window_end"]: bool(row["precipitation_binary"])
        for row in outputs["precipitation_impact"]
        if row["precipitation_binary"] is not None
    }
    accidents: dict[bool, list[int]] = {True: [], False: []}
    for row in outputs["weather_safety_analysis"]:
        if row["window_end"] in wet_hours:
            accidents[wet_hours[row["window_end"]]].append(row["accident_count"])
    ratio = (sum(accidents[True]) / len(accidents[True])) / (sum(accidents[False]) / len(accidents[False]))
    promised("accident_rain_ratio", ratio)


def test_lyft_surges_in_the_rain_and_uber_never(outputs: Outputs) -> None:
    rows = outputs["surge_weather_correlation"]
    assert not any(row["surge_ride_count"] for row in rows if row["cab_type"] == "Uber")
    surge: dict[bool, list[float]] = {True: [], False: []}
    rides: dict[bool, int] = {True: 0, False: 0}
    for row in rows:  # quarter hours, which the sliding windows hold three times
        if row["cab_type"] == "Lyft" and row["window_start"].minute % 15 == 0 and row["avg_surge"] is not None:
            surge[bool(row["is_raining"])].append(row["avg_surge"] * row["ride_count"])
            rides[bool(row["is_raining"])] += row["ride_count"]
    promised("lyft_rain_surge_lift", sum(surge[True]) / rides[True] - sum(surge[False]) / rides[False])
    daily = [row["surge_precip_correlation"] for row in at_midnight(rows) if row["cab_type"] == "Lyft"]
    assert median(r for r in daily if r is not None) > 0


def test_the_demand_model_finds_that_warmth_brings_bikes(outputs: Outputs) -> None:
    slopes = [row["coef_temperature"] for row in at_midnight(outputs["multi_variable_summary"])]
    assert median(slope for slope in slopes if slope is not None) > 0
    segments = {row["temporal_segment"] for row in outputs["temporal_correlations"]}
    assert segments == {"weekday_rush_hour", "weekday_off_peak", "weekend_day", "weekend_night"}
    assert median(row["bike_weather_elasticity"] for row in at_midnight(outputs["weather_transport_correlation"])) > 0
    assert sum(row["bike_count"] for row in outputs["transport_usage_summary"]) > 100_000
