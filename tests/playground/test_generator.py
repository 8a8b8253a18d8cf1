"""The generated feeds: reproducible, in order, shaped as feeds.md says."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer

from playground.generator import Message, Run, Scenario, messages
from playground.generator.__main__ import generate
from playground.generator.message import ACCIDENTS, BIKES, TAXIS, WEATHER
from playground.generator.position import Position, PositionError, read_position, write_position
from playground.generator.stream import RunError, quarters
from playground.generator.weather import EVERY_KIND, Sky
from playground.generator.weather_reports import HOURLY, SPECIAL, reports_in

START = datetime(2018, 4, 15, tzinfo=UTC)
BOSTON = ZoneInfo("America/New_York")


def content(of: Iterable[Message]) -> str:
    digest = hashlib.sha256()
    for message in of:
        digest.update(b"\n".join((message.feed.encode(), message.key, message.value)))
    return digest.hexdigest()


def record(message: Message) -> dict[str, object]:
    whole = json.loads(message.value)
    return whole.get("data", whole)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def two_days() -> list[Message]:
    return list(messages(5, START, 2))


def test_the_same_arguments_give_the_same_bytes(two_days: list[Message]) -> None:
    assert content(messages(5, START, 2)) == content(two_days)
    assert content(messages(6, START, 2)) != content(two_days)


def test_a_later_start_gives_the_same_messages_from_there_on(two_days: list[Message]) -> None:
    noon = START + timedelta(hours=36)
    later = list(messages(5, noon, 1))[:500]
    assert later == [message for message in two_days if message.event_time >= noon][:500]


def test_messages_come_in_event_time_order_and_keyed_by_hour(two_days: list[Message]) -> None:
    assert all(before.event_time <= after.event_time for before, after in pairwise(two_days))
    assert all(message.key.decode() == f"{message.event_time:%Y-%m-%d-%H}" for message in two_days)


def test_every_message_is_a_json_object_most_of_them_enveloped(two_days: list[Message]) -> None:
    wholes = [json.loads(message.value) for message in two_days]
    enveloped = [whole for whole in wholes if "data" in whole]
    assert 0.9 < len(enveloped) / len(wholes) < 1
    assert {whole["source"] for whole in enveloped} == {
        "bike-streamer",
        "taxi-streamer",
        "weather-streamer",
        "accident-streamer",
    }
    assert all(set(whole) == {"data", "timestamp", "source"} for whole in enveloped)


def test_a_day_has_a_citys_volume(two_days: list[Message]) -> None:
    per_day = {feed: count / 2 for feed, count in Counter(message.feed for message in two_days).items()}
    assert 1_500 < per_day[BIKES] < 20_000
    assert 4_000 < per_day[TAXIS] < 9_000
    assert 30 < per_day[WEATHER] < 60
    assert 4 < per_day[ACCIDENTS] < 25


def test_trip_and_ride_ids_are_unique(two_days: list[Message]) -> None:
    for feed, name in ((BIKES, "trip_id"), (TAXIS, "id")):
        ids = [record(message).get(name) for message in two_days if message.feed == feed]
        known = [identity for identity in ids if identity]
        assert len(set(known)) == len(known)


def test_taxi_times_are_utc_and_only_lyft_surges(two_days: list[Message]) -> None:
    rides = [(message, record(message)) for message in two_days if message.feed == TAXIS]
    for message, ride in rides:
        assert ride["timestamp"] == pytest.approx(message.event_time.timestamp())
        assert ride["datetime"] == f"{message.event_time:%Y-%m-%d %H:%M:%S}"
    surging = {ride["cab_type"] for _, ride in rides if ride["surge_multiplier"] != 1.0}
    assert surging == {"Lyft"}
    assert any(ride["price"] is None for _, ride in rides)


def test_all_kinds_of_reports_and_missing_values_occur() -> None:
    month = [record(message) for message in messages(3, datetime(2018, 4, 1, tzinfo=UTC), 30, volume=0.001)
             if message.feed == WEATHER]  # fmt: skip
    types = Counter(report["station_info"]["report_type"] for report in month)  # type: ignore[index]
    observations = [report["observations"] for report in month]
    codes = {str(code) for observed in observations for code in observed.values()}  # type: ignore[attr-defined]
    assert set(types) == {"FM-15", "FM-16", "FM-12", "SOD", "SOM"}
    assert 650 < types["FM-15"] < 720, "hourly, less the gaps"
    assert {"+9999,9", "99999,9", "999,9,9,9999,9", "999999,9,9,9"} <= codes
    assert any(code.endswith((",2", ",3")) for code in codes), "suspect values"
    rain = [str(observed["precipitation"]) for observed in observations if "precipitation" in observed]  # type: ignore[operator,index]
    assert any(code.startswith("06,") for code in rain)
    assert any(code.startswith("01,0000,2") for code in rain), "a trace"
    assert len(rain) < len(month)


@pytest.mark.parametrize("change", [datetime(2018, 3, 11, tzinfo=UTC), datetime(2018, 11, 4, tzinfo=UTC)])
def test_bikes_and_accidents_write_bostons_wall_clock_over_a_clock_change(change: datetime) -> None:
    for message in messages(2, change, 1, volume=3):
        if message.feed == BIKES:
            found = record(message)
            written = str(found.get("start_time") or found.get("starttime"))
        elif message.feed == ACCIDENTS:
            written = str(record(message)["dispatch_ts"]).removesuffix("+00")
        else:
            continue
        assert written[:19] == f"{message.event_time.astimezone(BOSTON):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("change", "off_s"), [(datetime(2018, 3, 11, tzinfo=UTC), 3600), (datetime(2018, 11, 4, tzinfo=UTC), -3600)]
)
def test_trips_across_a_clock_change_differ_from_their_duration_by_an_hour(change: datetime, off_s: int) -> None:
    differences: Counter[float] = Counter()
    for message in messages(2, change, 1, volume=5):
        found = record(message) if message.feed == BIKES else {}
        if "start_time" in found:
            start, stop = (datetime.fromisoformat(str(found[name])[:19]) for name in ("start_time", "stop_time"))
            differences[(stop - start).total_seconds() - int(str(found["duration_seconds"]))] += 1
    assert set(differences) == {0, off_s}


def test_a_number_of_events_is_met_exactly() -> None:
    assert sum(1 for _ in messages(1, START, 3, events=12_345)) == 12_345


def test_a_number_of_events_without_days_is_refused() -> None:
    with pytest.raises(RunError, match="needs a number of days"):
        Run(events=10)


def test_the_volume_scales_bikes_and_taxis_only() -> None:
    once, thrice = (Counter(message.feed for message in messages(1, START, 1, volume=v)) for v in (1, 3))
    assert thrice[BIKES] == pytest.approx(3 * once[BIKES], rel=0.1)
    assert thrice[TAXIS] == pytest.approx(3 * once[TAXIS], rel=0.1)
    assert thrice[WEATHER] == once[WEATHER]


def test_the_share_of_defects_is_met_with_every_kind_and_nothing_else_is_lost() -> None:
    valid = list(messages(4, START, 2))
    sent = list(messages(4, START, 2, defects=0.1))
    kinds = Counter(message.defect for message in sent if message.defect)
    assert sum(kinds.values()) == pytest.approx(0.1 * len(valid), rel=0.1)
    assert set(kinds) == {"malformed", "missing field", "late", "duplicated", "out of order"}
    assert len(sent) == len(valid) + kinds["duplicated"]
    assert all(before.sent_at <= after.sent_at for before, after in pairwise(sent))
    untouched = {message.value for message in valid}
    assert all(message.value in untouched for message in sent if not message.defect)


def test_malformed_messages_are_no_json_and_late_ones_up_to_two_days_late() -> None:
    for message in messages(4, START, 1, defects=0.2):
        if message.defect == "malformed":
            with pytest.raises(json.JSONDecodeError):
                json.loads(message.value)
        elif message.defect == "late":
            assert timedelta(minutes=15) <= message.sent_at - message.event_time <= timedelta(days=2)


def test_a_resumed_run_continues_with_the_next_message(tmp_path: Path) -> None:
    run, file = Run(seed=4, start=START, defects=0.1), tmp_path / "state.json"
    whole = [(quarter, message) for quarter, sent in islice(quarters(run), 240) for message in sent]
    quarter = run.first_quarter + 200
    write_position(file, run, Position(quarter, 17))
    found = read_position(file, run)
    assert found == Position(quarter, 17)
    again = [message for _, sent in islice(quarters(run, found.quarter), 40) for message in sent][17:]
    assert again == [message for of, message in whole if of >= quarter][17:]


def test_a_position_of_another_run_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_position(file, Run(seed=1), Position(5, 0))
    with pytest.raises(PositionError, match="other arguments"):
        read_position(file, Run(seed=2))


def test_the_day_of_all_weather_scores_has_every_kind_of_weather() -> None:
    run = Run(seed=9, start=START, days=1, scenario=Scenario.ALL_WEATHER_SCORES)
    kinds = {
        (weather.temperature_c, weather.wind_ms, weather.visibility_m)
        for weather in (run.sky(run.first_quarter + step) for step in range(96))
    }
    assert kinds == set(EVERY_KIND)
    reports = [record(m) for m in messages(9, START, 1, volume=0.001, scenario=Scenario.ALL_WEATHER_SCORES)
               if m.feed == WEATHER]  # fmt: skip
    assert sum(report["station_info"]["report_type"] == "FM-16" for report in reports) >= 90  # type: ignore[index]


def test_the_rain_of_a_special_is_a_running_total_of_the_hour() -> None:
    sky, shares = Sky(5), []
    for hour in range(0, 4 * 24 * 60, 4):
        reports = [report for quarter in range(hour, hour + 4) for report in reports_in(sky, quarter)]
        amounts = [report.rainfall for report in reports if report.report_type in (SPECIAL, HOURLY) and report.rainfall]
        totals = [amount.hundredths_inch for amount in amounts]
        assert totals == sorted(totals), "the last report of the hour is the hourly one"
        specials = [(report.epoch_s % 3600, report.rainfall) for report in reports if report.report_type == SPECIAL]
        if totals and totals[-1] >= 10 and reports[-1].report_type == HOURLY:
            shares += [(second, rain.hundredths_inch / totals[-1]) for second, rain in specials if rain]
    early, late = ([share for second, share in shares if (second < 1800) == first] for first in (True, False))
    assert early
    assert late
    assert sum(early) / len(early) < sum(late) / len(late) < 1


def test_too_few_events_are_refused_before_a_broker_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as refused:
        generate(bootstrap_servers="127.0.0.1:1", events=1, days=2)
    assert refused.value.exit_code == 2
    assert "1 events are too few" in capsys.readouterr().err
