"""The events of `make bench-layouts`: the same in each layout, and read by their shape in all of them."""

import json
from typing import Any

import pytest

from bench.layout_messages import LAYOUTS, Rewriting
from bench.layouts import LayoutCost, layouts_text
from playground.generator import Message, messages
from playground.generator.message import BIKES, WEATHER
from spark_jobs.catalog import feed_named
from spark_jobs.feeds.fast_path import wanted_by
from spark_jobs.feeds.message_shapes import shape_of
from spark_jobs.feeds.parsed_messages import layouts_of
from tests.feeds.kafka_messages import outcomes

CASES = [(feed, layout) for feed, layouts in LAYOUTS.items() for layout in layouts]

_TOLD = {
    BIKES: ("duration_seconds", "user_type", "start_station_name", "end_station_latitude"),
    WEATHER: ("temperature_celsius", "wind_speed_ms", "wind_direction_deg"),
}


@pytest.fixture(scope="module")
def events() -> list[Message]:
    return list(messages(days=1))


def of(feed: str, events: list[Message]) -> list[Message]:
    return [
        message
        for message in events
        if message.feed == feed
        and (feed != WEATHER or json.loads(message.value)["data"]["station_info"]["report_type"] not in ("SOD", "SOM"))
    ]


def written(rewriting: Rewriting, events: list[Message]) -> list[bytes]:
    return [message.value for message in rewriting(events)]


@pytest.mark.parametrize(("feed", "layout"), CASES)
def test_every_event_has_a_shape(feed: str, layout: str, events: list[Message]) -> None:
    wanted = [wanted_by(rules) for rules in layouts_of(feed_named(feed), "UTC")]
    assert all(shape_of(value, wanted) for value in written(LAYOUTS[feed][layout], of(feed, events)))


@pytest.mark.parametrize(("feed", "layout"), CASES)
def test_the_events_are_the_same(feed: str, layout: str, events: list[Message]) -> None:
    first, *_ = LAYOUTS[feed].values()
    expected, found = (
        [told(feed, row) for row in outcomes(feed, written(rewriting, of(feed, events)))]
        for rewriting in (first, LAYOUTS[feed][layout])
    )
    assert found == expected


def told(feed: str, row: dict[str, Any]) -> tuple[object, ...]:
    """What all layouts of a feed have; milliseconds are all that the one since 2023 has."""
    assert row["refusal"] is None
    time = row[feed_named(feed).event_time]
    return time.replace(microsecond=time.microsecond // 1000 * 1000), *(row[name] for name in _TOLD[feed])


def test_a_layout_is_compared_with_the_mean_of_both_runs_of_the_first() -> None:
    costs = [LayoutCost("a_feed", layout, 100.0, us, 2.0, 0.0) for layout, us in (("a", 9), ("b", 13), ("a", 11))]
    text = layouts_text(7, [costs])
    times = [line.split(" | ")[5] for line in text.splitlines() if line.startswith("| a_feed")]
    assert times == ["0.90", "1.30", "1.10"]
    assert text.endswith("- a_feed, b / a, CPU an event: **1.30** (target: at most 1.3) - met")
