"""The nine outputs of the real job: equal to the reference over the ingested Parquet, whatever happens on the way."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from playground.broker.process import temporary_broker
from spark_jobs.catalog import ROLLUP
from tests.analytics.flow.against_reference import assert_equals
from tests.flow.analytics_killings import IngestedDays, compute_to_the_end, ingested_days, killings
from tests.flow.analytics_place import NAMES, AnalyticsDriver, AnalyticsPlace
from tests.flow.killings import suffer

KILLS = 2
SWITCHED, FAULTY = "transport_usage_summary", "temporal_correlations"

Start = Callable[..., AnalyticsDriver]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> IngestedDays:
    """The broker is gone by the time that the analytics run: they need none."""
    folder = tmp_path_factory.mktemp("days")
    with temporary_broker(folder) as broker:
        return ingested_days(folder, broker.bootstrap_servers)


@pytest.fixture
def analytics(tmp_path: Path, days: IngestedDays) -> AnalyticsPlace:
    return AnalyticsPlace(tmp_path, ingested=days.root)


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


def test_killings_switches_faults_losses_and_other_durations_end_in_the_same_outputs(
    analytics: AnalyticsPlace, days: IngestedDays, start: Start
) -> None:
    analytics.switch(**{SWITCHED: False})
    in_the_way = analytics.layout.staging(FAULTY)
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()  # a file where a folder must be: this analytic cannot write

    for killing in islice(killings(seed=2018), KILLS):
        suffer(partial(AnalyticsDriver, analytics), killing)
    rmtree(analytics.checkpoints)

    driver = start(analytics)
    others = [name for name in NAMES if name not in (SWITCHED, FAULTY)]
    driver.wait_until_settled(*others)
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
    driver.wait_until_settled()
    assert all(driver.stream(name)["restarts"] == 0 for name in [*others, SWITCHED, ROLLUP])
    assert driver.stop() == 0, driver.said()
    assert_equals(analytics.output, days.expected)

    wide = start(replace(analytics, settings={"WINDOW_DURATION_MEDIUM": "30 minutes"}))
    wide.wait_until_settled(medium="30 minutes")
    assert wide.stop() == 0, wide.said()
    for lost in (analytics.layout.dataset(ROLLUP), analytics.layout.log(ROLLUP)):
        rmtree(lost)  # it is read again from what was ingested
    compute_to_the_end(analytics, days)
