"""The nine outputs of the real job, from a real broker: equal to the reference, whatever happens on the way."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from playground.broker.process import temporary_broker
from spark_jobs.catalog import ROLLUP
from tests.analytics.flow.against_reference import assert_equals
from tests.flow.analytics_killings import SystemUnderTest, compute_to_the_end, killings, one_round, town_in
from tests.flow.analytics_place import NAMES, AnalyticsDriver, AnalyticsPlace

KILLS = 3
SWITCHED, FAULTY = "transport_usage_summary", "precipitation_impact"

Start = Callable[..., AnalyticsDriver]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemUnderTest]:
    folder = tmp_path_factory.mktemp("town")
    with temporary_broker(folder) as broker:
        yield town_in(folder, broker.bootstrap_servers)


@pytest.fixture
def analytics(tmp_path: Path, town: SystemUnderTest) -> AnalyticsPlace:
    return AnalyticsPlace(tmp_path, town.bootstrap_servers)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts analytics jobs and leaves none behind."""
    started: list[AnalyticsDriver] = []

    def begin(place: AnalyticsPlace) -> AnalyticsDriver:
        started.append(AnalyticsDriver(place))
        return started[-1]

    yield begin
    for driver in started:
        driver.end()


def test_killed_at_named_steps_and_a_random_moment_and_without_checkpoints_or_rollup_the_outputs_are_right(
    tmp_path: Path, analytics: AnalyticsPlace, town: SystemUnderTest
) -> None:
    one_round(tmp_path, town, list(islice(killings(seed=2018), KILLS)))
    layout = analytics.layout
    for lost in (layout.dataset(ROLLUP), layout.log(ROLLUP), layout.applied(ROLLUP)):
        rmtree(lost)  # it is read again from Kafka
    compute_to_the_end(analytics, town)


def test_switches_faults_and_other_durations_end_in_the_same_outputs(
    analytics: AnalyticsPlace, town: SystemUnderTest, start: Start
) -> None:
    analytics.switch(**{SWITCHED: False})
    in_the_way = analytics.layout.staging(FAULTY)
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()  # a file where a folder must be: this analytic cannot write

    driver = start(replace(analytics, settings={"MAX_OFFSETS_PER_TRIGGER": "400"}))
    others = [name for name in NAMES if name not in (SWITCHED, FAULTY)]
    driver.wait_until_settled(town.ends, *others)
    told: dict[str, Any] = {}

    def is_told() -> bool:
        told.update(driver.stream(FAULTY))
        return told.get("state") in ("restarting", "broken")

    driver.wait_until(is_told, "the fault is told")
    assert told["last_error"], "says why"
    assert told["next_step"], "says what to do"
    assert told["next_retry_at"], "says when it tries again"
    assert driver.stream(SWITCHED)["state"] == "off"
    batches = {name: driver.stream(name)["restarts"] for name in [*others, ROLLUP]}
    assert set(batches.values()) == {0}, "the others were not disturbed"

    in_the_way.unlink()
    analytics.switch(**{SWITCHED: True, FAULTY: False})
    driver.wait_until(lambda: driver.stream(FAULTY)["state"] == "off", "switched off")
    analytics.switch(**{SWITCHED: True, FAULTY: True})
    driver.wait_until_settled(town.ends)
    assert all(driver.stream(name)["restarts"] == 0 for name in [*others, SWITCHED, ROLLUP])
    assert driver.stop() == 0, driver.said()
    assert_equals(analytics.output, town.expected)

    wide = start(replace(analytics, settings={"WINDOW_DURATION_MEDIUM": "30 minutes"}))
    wide.wait_until_settled(town.ends, medium="30 minutes")
    assert wide.stop() == 0, wide.said()
    compute_to_the_end(analytics, town)
