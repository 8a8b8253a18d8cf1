"""Other layouts and envelopes on request: the job reads the same rows from them."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from playground.generator import Message, messages
from playground.generator.layouts import Layouts
from playground.generator.message import BIKES, WEATHER
from tests.feeds.kafka_messages import outcomes

START = datetime(2018, 4, 15, tzinfo=UTC)
ALL = Layouts(trips_since_2023=0.5, ghcnh=0.5, connect=0.3)
LOST = {
    BIKES: {"trip_id", "bike_id", "birth_year", "gender", "start_time", "stop_time", "event_timestamp", "source"},
    WEATHER: {
        *("station", "station_name", "data_source", "report_type", "call_sign", "quality_control", "wind"),
        *("temperature", "visibility", "dew_point", "sea_level_pressure", "ceiling", "ceiling_height_m"),
        *("precipitation", "event_timestamp", "source"),
    },
}  # fmt: skip


def of(feed: str, sent: list[Message]) -> list[dict[str, Any]]:
    return outcomes(feed, [message.value for message in sent if message.feed == feed])


def rounded(row: dict[str, Any], lost: set[str]) -> dict[str, Any]:
    """Milliseconds are all that the layout since 2023 has, and to a double 8.047 km are not just 8,047 m."""
    return {name: _rounded(value) for name, value in row.items() if name not in lost}


def _rounded(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return round(value, 6) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def both() -> tuple[list[Message], list[Message]]:
    return list(messages(5, START, 1)), list(messages(5, START, 1, layouts=ALL))


def test_they_are_drawn_as_often_as_asked_for(both: tuple[list[Message], list[Message]]) -> None:
    wholes = [json.loads(message.value) for message in both[1]]
    records = [whole.get("data", whole.get("payload", whole)) for whole in wholes]
    found = Counter(name for record in records for name in record)
    assert 0.27 < sum("payload" in whole for whole in wholes) / len(wholes) < 0.33
    assert 0.45 < found["ride_id"] / sum(message.feed == BIKES for message in both[1]) < 0.55
    assert 0 < found["temperature_Quality_Code"] < sum(message.feed == WEATHER for message in both[1])
    assert len(both[0]) == len(both[1])


def test_trips_have_the_same_rows(both: tuple[list[Message], list[Message]]) -> None:
    plain, relaid = (of(BIKES, sent) for sent in both)
    # A stop in the middle of a second may be told to a fraction now.
    lost = LOST[BIKES] | {"stop_time_ts"}
    assert [rounded(row, lost) for row in relaid] == [rounded(row, lost) for row in plain]


def test_reports_have_the_same_measures_but_for_totals_of_several_hours(
    both: tuple[list[Message], list[Message]],
) -> None:
    plain, relaid = (of(WEATHER, sent) for sent in both)
    differing = set()
    for before, after in zip(plain, relaid, strict=True):
        if not (after["station"] or "").startswith("USW"):
            continue
        if before["precipitation_period_h"] not in (None, 1) or before["precipitation_mm"] is None:
            differing |= {"precipitation_period_h", "precipitation_mm", "precipitation_trace"}
            before = before | {name: after[name] for name in differing}
        assert rounded(after, LOST[WEATHER]) == rounded(before, LOST[WEATHER])


def test_the_same_arguments_give_the_same_bytes(both: tuple[list[Message], list[Message]]) -> None:
    assert list(messages(5, START, 1, layouts=ALL)) == both[1]
