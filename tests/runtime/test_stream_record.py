"""What a stream says of itself, from the facts of its batches and its lag."""

from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.runtime.stream_record import Lag, StreamRecord, stuck_after
from spark_jobs.runtime.supervisor import pause_after

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRIGGER = timedelta(seconds=10)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def running() -> StreamRecord:
    record = StreamRecord("bike_trips", TRIGGER, START)
    record.running(START)
    return record


@pytest.mark.parametrize(
    ("trigger_s", "batch_s", "expected_s"),
    [(10, [], 60), (30, [1.0], 180), (10, [40.0] * 20, 200), (10, [1.0] * 19 + [900.0], 60)],
    ids=["at least a minute", "six triggers", "five slow batches", "one outlier does not count"],
)
def test_how_long_a_stream_may_take(trigger_s: float, batch_s: list[float], expected_s: float) -> None:
    assert stuck_after(timedelta(seconds=trigger_s), batch_s) == timedelta(seconds=expected_s)


def test_a_stream_with_nothing_to_read_is_idle_however_long() -> None:
    record = running()
    record.lag_seen(Lag(0, None), START)
    assert record.status(after(36_000)).state == "idle"


def test_a_stream_with_unread_messages_that_finishes_no_batch_gets_stuck() -> None:
    record = running()
    for seconds in (0, 20, 40, 58):
        record.lag_seen(Lag(5, START), after(seconds))
    assert record.status(after(59)).state == "healthy"
    stuck = record.status(after(61))
    assert (stuck.state, stuck.lag_records, stuck.lag_s, stuck.stuck_after_s) == ("stuck", 5, 61.0, 60.0)
    record.batch_finished(1, 0.5, 5, 0, after(62))
    assert record.status(after(63)).state == "healthy"


def test_the_first_message_after_a_quiet_hour_has_as_long_as_any_other() -> None:
    record = running()
    record.batch_finished(1, 0.5, 5, 0, START)
    record.lag_seen(Lag(0, None), after(3_595))
    for seconds in (3_600, 3_620, 3_640, 3_658):
        record.lag_seen(Lag(1, after(3_599)), after(seconds))
    assert record.status(after(3_659)).state == "healthy"
    assert record.status(after(3_661)).state == "stuck"


def test_messages_that_wait_when_the_broker_comes_back_are_not_late_yet() -> None:
    record = running()
    record.lag_seen(Lag(1, START), after(1))
    record.lag_seen(Lag(4, START), after(300))
    assert record.status(after(301)).state == "healthy"


def test_a_lag_that_nobody_can_tell_any_more_makes_no_stream_stuck() -> None:
    record = running()
    record.lag_seen(Lag(5, START), after(20))
    assert record.status(after(61)).state == "healthy"


STATES = {
    "due and not late, whoever is behind": (5, "ingestion is behind", 30, "waiting"),
    "due and late, though somebody is behind": (5, "ingestion is behind", 61, "stuck"),
    "nothing due, but something may be missing": (0, "ingestion is off", 61, "waiting"),
    "due, and nothing is missing": (5, None, 30, "healthy"),
    "nothing due, and nothing is missing": (0, None, 61, "idle"),
}


@pytest.mark.parametrize(("due", "waits_for", "at_s", "state"), STATES.values(), ids=STATES)
def test_stuck_comes_before_waiting_and_waiting_before_healthy_and_idle(
    due: int, waits_for: str | None, at_s: float, state: str
) -> None:
    record = running()
    for seconds in (0, 29, 58):
        record.lag_seen(Lag(due, START if due else None), after(seconds))
    record.waits(waits_for)
    status = record.status(after(at_s))
    assert (status.state, status.waits_for) == (state, waits_for)


def test_a_stream_that_is_not_running_says_so_before_all_else() -> None:
    record = running()
    record.lag_seen(Lag(5, START), after(60))
    record.waits("ingestion is off")
    record.failed(Diagnosis("why"), 5, broken=True, next_retry_at=after(300))
    assert record.status(after(61)).state == "broken"
    record.starting(after(62))
    assert record.status(after(63)).state == "starting"


def test_a_stream_that_is_off_waits_for_nobody() -> None:
    record = running()
    record.waits("ingestion is off")
    record.switched_off()
    status = record.status(START)
    assert (status.state, status.waits_for, status.last_error) == ("off", None, None)
    record.running(START)
    assert record.status(START).waits_for == "ingestion is off"


def test_messages_that_kafka_had_no_longer_are_told() -> None:
    record = running()
    assert record.status(START).lost_messages is None
    record.lost("5 messages of bike-trips 0 (offsets 20 to 24)")
    assert record.status(START).lost_messages == "5 messages of bike-trips 0 (offsets 20 to 24)"


def test_rows_are_counted_per_day() -> None:
    record = running()
    record.batch_finished(1, 2.0, 90, 10, START)
    status = record.status(START)
    assert (status.rows_today, status.refused_today, status.rows_per_s) == (90, 10, 50.0)
    record.batch_finished(2, 1.0, 1, 0, START + timedelta(days=1))
    assert record.status(START + timedelta(days=1)).rows_today == 1


def test_a_failure_is_told_with_cause_next_step_and_next_try() -> None:
    record = running()
    record.failed(Diagnosis("Kafka is away", "start it"), 2, broken=False, next_retry_at=after(4))
    status = record.status(START)
    assert (status.state, status.last_error, status.next_step) == ("restarting", "Kafka is away", "start it")
    assert (status.restarts, status.consecutive_failures, status.next_retry_at) == (1, 2, after(4).isoformat())
    record.healed()
    assert record.status(START).consecutive_failures == 0


def test_pauses_double_from_one_second_to_five_minutes() -> None:
    assert [pause_after(failures).total_seconds() for failures in (1, 2, 3, 9, 10, 50)] == [1, 2, 4, 256, 300, 300]
