"""Alerts: one when an incident begins, one when it is over, none in between."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.diagnosis import START_OVER, Diagnosis
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus
from spark_jobs.documents.watch_memory import Incident
from spark_jobs.runtime.looks import Due
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.settings import settings_from
from spark_jobs.supervision.incidents import (
    Problem,
    is_unread,
    of_unknown_lag,
    setting_problems,
    still_open,
    stream_problems,
    update_incidents,
)

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
STUCK = Problem("stuck:taxi_trips", Diagnosis("taxi_trips finishes no batch", "look at it"))
LAG = Problem("lag:taxi_trips", Diagnosis("taxi_trips is behind", "wait"))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def alerts_of(looks: list[tuple[float, list[Problem]]]) -> list[tuple[float, str, bool]]:
    """(when, which, is it over) for every alert of a series of looks."""
    known: dict[str, Incident] = {}
    sent = []
    for second, problems in looks:
        known, alerts = update_incidents(known, problems, at(second))
        sent += [(second, alert.key, alert.is_over) for alert in alerts]
    return sent


SERIES: dict[str, tuple[list[tuple[float, list[Problem]]], list[tuple[float, str, bool]]]] = {
    "nothing": ([(0, []), (100, [])], []),
    "once, however long it lasts": ([(s, [STUCK]) for s in range(0, 600, 3)], [(0, STUCK.key, False)]),
    "over after a quiet minute": (
        [(0, [STUCK]), (3, []), (59, []), (60, [])],
        [(0, STUCK.key, False), (60, STUCK.key, True)],
    ),
    "over although the clock was set back": (
        [(3600, [STUCK]), (0, [])],
        [(3600, STUCK.key, False), (0, STUCK.key, True)],
    ),
    "coming and going is one incident": ([(0, [LAG]), (30, []), (50, [LAG]), (100, [])], [(0, LAG.key, False)]),
    "two are two": (
        [(0, [STUCK]), (3, [STUCK, LAG]), (90, [LAG])],
        [(0, STUCK.key, False), (3, LAG.key, False), (90, STUCK.key, True)],
    ),
}


@pytest.mark.parametrize("series", SERIES)
def test_incidents(series: str) -> None:
    looks, expected = SERIES[series]
    assert alerts_of(looks) == expected


def test_what_is_over_says_how_long_it_was() -> None:
    known, begun = update_incidents({}, [STUCK], at(0))
    known, _ = update_incidents(known, [STUCK], at(300))
    _, over = update_incidents(known, [], at(400))
    assert str(begun[0].diagnosis) == "taxi_trips finishes no batch. Next step: look at it."
    assert str(over[0].diagnosis) == "over after 5 minutes: taxi_trips finishes no batch."


def test_while_the_job_is_away_nothing_is_over() -> None:
    known, _ = update_incidents({}, [STUCK], at(0))
    _, alerts = update_incidents(still_open(known, at(500)), [], at(500))
    assert alerts == []


def problems_of(stream: StreamStatus) -> list[Problem]:
    begun = at(0).isoformat()
    status = Status("ingestion", Driver("a", "h"), 1, begun, begun, JobState.RUNNING, "f", streams=(stream,))
    return list(stream_problems(status, settings_from({})))


CALM = StreamStatus("taxi_trips", state=StreamState.HEALTHY, rows_today=95, refused_today=5, lag_s=300.0)
STREAM_CASES = {
    "calm": (CALM, []),
    "five minutes behind is allowed, more is not": (replace(CALM, lag_s=301.0), ["lag:taxi_trips"]),
    "breaker open": (replace(CALM, state=StreamState.BROKEN, last_error="no disk"), ["broken:taxi_trips"]),
    "trying again is not yet an alert": (replace(CALM, state=StreamState.RESTARTING, last_error="no disk"), []),
    "stuck": (replace(CALM, state=StreamState.STUCK, lag_records=3), ["stuck:taxi_trips"]),
    "a tenth refused is allowed, more is not": (
        replace(CALM, rows_today=89, refused_today=11),
        ["dead letters:taxi_trips"],
    ),
    "few messages say nothing": (replace(CALM, rows_today=0, refused_today=99), []),
    "lag unknown": (replace(CALM, lag_s=None), []),
    "a new layout": (replace(CALM, new_layout="2 % have a layout not seen before"), ["layout:taxi_trips"]),
    "messages lost": (
        replace(CALM, lost_messages="218 of offsets 10 to 227", lost_at="2026-01-01T00:00:00+00:00"),
        ["lost:taxi_trips:2026-01-01T00:00:00+00:00"],
    ),
    "waiting for a moment": (
        replace(CALM, state=StreamState.WAITING, waits_for="waits for ingestion, which is off"),
        [],
    ),
    "waiting for longer than a lag may last": (
        replace(CALM, state=StreamState.WAITING, waits_for="waits for ingestion, which is off", lag_s=301.0),
        ["waiting:taxi_trips"],
    ),
}


@pytest.mark.parametrize("case", STREAM_CASES)
def test_stream_problems(case: str) -> None:
    stream, expected = STREAM_CASES[case]
    assert [problem.key for problem in problems_of(stream)] == expected


def test_who_refused_messages_is_told_to_send_them_again_and_not_to_start_over() -> None:
    """Starting over removes what Kafka no longer keeps, and refuses the same messages once more."""
    [refused] = problems_of(replace(CALM, rows_today=50, refused_today=50))
    assert "docs/operate.md, 'Refused messages'" in refused.diagnosis.next_step
    assert START_OVER not in refused.diagnosis.next_step


def test_a_lag_that_nobody_knows_is_not_over() -> None:
    known, _ = update_incidents({}, [LAG, STUCK], at(0))
    begun = at(0).isoformat()
    for stream, kept in (
        (replace(CALM, lag_s=None), {LAG.key}),
        (replace(CALM, state=StreamState.RESTARTING), {LAG.key}),
        (CALM, set()),
        (replace(CALM, state=StreamState.OFF, lag_s=None), set()),
    ):
        status = Status("ingestion", Driver("a", "h"), 1, begun, begun, JobState.RUNNING, "f", streams=(stream,))
        assert set(of_unknown_lag(known, status)) == kept


def test_a_stream_that_never_gets_to_read_is_unread_all_the_time() -> None:
    """The real record, whose lag is known again for a moment at each try."""
    now_s = 0.0
    record = StreamRecord("bike_trips", timedelta(seconds=10), monotonic=lambda: now_s)
    record.running()
    record.due_seen(Due(0))
    away = Diagnosis("Kafka cannot be reached", "start it", external=True)
    for failures in range(1, 20):
        record.failed(away, failures, broken=False, pause=timedelta(seconds=30))
        for _ in range(3):
            now_s += 10
            record.due_unknown(away.message)
            assert is_unread(record.status(at(now_s)))
        record.starting()
        assert is_unread(record.status(at(now_s)))


def test_lost_messages_say_how_many_and_where_it_is_explained() -> None:
    (problem,) = problems_of(replace(CALM, lost_messages="218 messages of offsets 10 to 227"))
    lost = problem.diagnosis
    assert "218 messages of offsets 10 to 227" in lost.message
    assert "what was skipped is gone" in lost.next_step
    assert "docs/troubleshoot.md" in lost.next_step


def test_a_wait_says_for_what_and_is_no_fault_of_ours() -> None:
    waiting = replace(CALM, state=StreamState.WAITING, waits_for="waits for ingestion, which is off", lag_s=600.0)
    (problem,), (known,) = problems_of(waiting), problems_of(replace(waiting, next_step="switch it on"))
    behind = "taxi_trips is 10 minutes behind (more than 5 minutes)"
    assert problem.diagnosis.message == f"{behind}: waits for ingestion, which is off"
    assert problem.diagnosis.external
    assert known.diagnosis.next_step == "switch it on"


def test_a_rejected_setting_is_a_problem_of_its_own() -> None:
    (problem,) = setting_problems({"BATCH_INTERVAL": "BATCH_INTERVAL is 'soon'; allowed: ..."})
    assert problem.key == "setting:BATCH_INTERVAL"
    assert "correct the Variable BATCH_INTERVAL" in problem.diagnosis.next_step
