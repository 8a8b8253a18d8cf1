"""The rules give the figures that docs/playground-ground-truth.md promises."""

from pathlib import Path

import pytest

from playground.generator.demand import bike_rain_factor, bike_temperature_factor, bike_wind_factor, rain_pressure
from playground.generator.ground_truth import PROMISED, PROMISED_DAYS, PROMISED_START, measured

DOCUMENT = Path(__file__).parents[2] / "docs" / "playground-ground-truth.md"
UNUSED_SEED = 1001


def test_a_new_seed_lies_in_every_promised_range() -> None:
    figures = measured(UNUSED_SEED, PROMISED_START, PROMISED_DAYS)
    outside = {name: figures[name] for name, (low, high) in PROMISED.items() if not low <= figures[name] <= high}
    assert outside == {}


def test_the_document_promises_what_the_code_promises() -> None:
    text = DOCUMENT.read_text()
    assert f"**{PROMISED_START:%Y-%m-%d}**, {PROMISED_DAYS} days" in text
    for name, (low, high) in PROMISED.items():
        assert any(line.startswith(f"| {name} |") and f"| {low} to {high} |" in line for line in text.splitlines())


def test_bike_demand_is_highest_between_15_and_20_degrees() -> None:
    best = max(range(-20, 40), key=bike_temperature_factor)
    assert 15 <= best <= 20


@pytest.mark.parametrize("factor", [bike_wind_factor, bike_rain_factor])
def test_wind_and_rain_only_ever_lower_bike_demand(factor) -> None:  # type: ignore[no-untyped-def]
    values = [factor(strength / 2) for strength in range(40)]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)


def test_rain_only_ever_raises_taxi_demand() -> None:
    values = [rain_pressure(rain / 2) for rain in range(20)]
    assert values[0] == 0.0
    assert values == sorted(values)
