"""What a stream says of itself, from what its threads and the looks from beside note."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.status import StreamStatus
from spark_jobs.runtime.looks import UNKNOWN_AFTER_S, Due
from spark_jobs.runtime.rows_today import RowsOfDay
from spark_jobs.runtime.stream_record import LOSS_IS_NEWS_FOR, Loss, StreamRecord
from spark_jobs.runtime.supervisor import pause_after
from tests.monotonic import Seconds

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRIGGER = timedelta(seconds=10)
NOTHING = Due(0)


class Stream:
    """A record, and the clock by which it counts."""

    def __init__(self, unread_before_s: float = 0.0) -> None:
        self.clock = Seconds()
        self.record = StreamRecord("bike_trips", TRIGGER, self.clock, unread_before_s)
        self.record.starting()
        self.record.running()

    def told(self, after_s: float = 0.0) -> StreamStatus:
        self.clock.go_on(after_s)
        return self.record.status(START)

    def state(self, after_s: float = 0.0) -> str:
        return self.told(after_s).state

    def finish(self, rows: int = 5) -> None:
        with self.record.working():
            self.record.batch_finished(1, 0.5, rows)

    def look(self, records: int, seen_ago_s: float = 0.0, **more: bool) -> None:
        first_seen = self.clock() - seen_ago_s if records else None
        self.record.due_seen(Due(records, first_seen, **more))


@pytest.fixture
def stream() -> Stream:
    """One that has read all there is."""
    stream = Stream()
    stream.finish()
    stream.clock.go_on(1)
    stream.look(0)
    return stream


def test_a_stream_with_nothing_to_read_is_idle_however_long(stream: Stream) -> None:
    for _ in range(1_000):
        assert stream.state(after_s=20) == "idle"
        stream.look(0)


def test_a_stream_with_unread_messages_that_finishes_no_batch_gets_stuck(stream: Stream) -> None:
    stream.look(5)
    assert stream.state(after_s=1) == "healthy"
    stream.clock.go_on(58)
    stream.look(5, seen_ago_s=59)
    assert stream.state(after_s=1) != "stuck"
    told = stream.told(after_s=1)
    assert (told.state, told.lag_records, told.lag_s, told.stuck_after_s) == ("stuck", 5, 61.0, 60.0)
    stream.finish()
    stream.look(0)
    assert stream.state() == "idle"


def test_the_first_message_after_a_quiet_hour_has_as_long_as_any_other(stream: Stream) -> None:
    for _ in range(180):
        stream.clock.go_on(20)
        stream.look(0)
    stream.look(1)
    assert stream.state(after_s=29) != "stuck"
    stream.look(1, seen_ago_s=29)
    assert stream.state(after_s=30) != "stuck"
    assert stream.state(after_s=2) == "stuck"


def test_work_that_was_seen_is_remembered_where_nobody_can_look_any_more(stream: Stream) -> None:
    stream.look(5)
    told = stream.told(after_s=61)
    assert (told.state, told.lag_records, told.lag_s) == ("stuck", None, None)


def test_a_batch_that_is_at_work_is_work_whatever_looks_find(stream: Stream) -> None:
    with stream.record.working():
        for word in ("healthy", "catching up", "catching up"):  # after two intervals and a batch
            stream.look(0)
            assert stream.state(after_s=20) == word
        assert stream.state(after_s=1) == "stuck"
    stream.look(0)
    assert stream.state() == "idle"


def test_the_first_batch_after_a_start_is_a_start_until_it_ends_whatever_looks_find() -> None:
    stream = Stream()
    with stream.record.working():
        for _ in range(15):
            stream.look(0)
            assert stream.state(after_s=20) == "starting"
        assert stream.state(after_s=1) == "stuck"
        stream.record.batch_finished(1, 301.0, 5)
    stream.look(0)
    assert stream.state() == "idle"


def test_what_a_batch_may_have_done_since_the_last_look_makes_no_stream_stuck(stream: Stream) -> None:
    stream.look(5)
    stream.clock.go_on(1)
    stream.finish()
    assert stream.state() == "healthy"
    assert stream.state(after_s=3_600) == "waiting", "nobody knows what is due"


def test_a_lag_that_nobody_has_seen_for_half_a_minute_is_unknown_and_not_zero(stream: Stream) -> None:
    stream.record.due_unknown("Kafka cannot be reached")
    told = stream.told(after_s=UNKNOWN_AFTER_S)
    assert (told.state, told.lag_records, told.lag_s, told.waits_for) == ("idle", 0, 0.0, None)
    told = stream.told(after_s=0.1)
    assert (told.state, told.lag_records, told.lag_s, told.due_hours) == ("waiting", None, None, None)
    assert told.waits_for == "Kafka cannot be reached: how much is due has not been known for 30 s"
    stream.look(0)
    assert (stream.told().state, stream.told().waits_for) == ("idle", None)


def test_the_first_batch_after_a_start_may_take_five_minutes() -> None:
    stream = Stream()
    for _ in range(15):
        stream.look(5)
        assert stream.state(after_s=20) in ("starting", "healthy")
    assert stream.state(after_s=1) == "stuck"


def test_a_start_that_leads_to_nothing_again_and_again_is_one_start() -> None:
    stream = Stream()
    for _ in range(15):
        stream.record.starting()
        stream.record.running()
        assert stream.state(after_s=20) in ("starting", "waiting")
    assert stream.state(after_s=1) == "stuck"


def test_a_stream_starts_until_a_batch_has_finished_or_nothing_is_due() -> None:
    by_batch, by_look = Stream(), Stream()
    by_batch.look(5)
    assert by_batch.state(after_s=1) == "starting"
    by_batch.finish()
    assert by_batch.state() == "healthy"
    by_look.look(0)
    assert by_look.state() == "idle"
    by_look.record.starting()
    by_look.look(0)
    assert by_look.state() == "starting", "its query does not run yet"


BEHIND = {
    "a few, just seen": (5, 0.0, False, "healthy"),
    "a few, for two intervals and a batch": (5, 20.4, False, "healthy"),
    "a few, for longer": (5, 20.6, False, "catching up"),
    "more than one batch takes": (5, 0.0, True, "catching up"),
}


@pytest.mark.parametrize(("records", "seen_ago_s", "is_much", "state"), BEHIND.values(), ids=BEHIND)
def test_more_than_one_interval_brings_is_behind(
    stream: Stream, records: int, seen_ago_s: float, is_much: bool, state: str
) -> None:
    stream.look(records, seen_ago_s, is_more_than_a_batch=is_much)
    assert stream.state() == state
    stream.clock.go_on(1)
    stream.finish()
    assert stream.state() == state, "until the next look"
    stream.look(0)
    assert stream.state() == "idle"


def test_a_stream_that_is_off_has_no_lag_no_error_and_waits_for_nobody(stream: Stream) -> None:
    stream.look(5)
    stream.record.waits_for = "ingestion is off"
    stream.record.failed(Diagnosis("why", "do"), 1, False, timedelta(0))
    stream.record.switched_off()
    told = stream.told(after_s=3_600)
    assert (told.state, told.lag_records, told.lag_s, told.rows_per_s) == ("off", None, None, None)
    assert (told.last_error, told.next_step, told.next_retry_at, told.waits_for) == (None, None, None, None)
    stream.record.starting()
    stream.record.running()
    stream.look(5)
    told = stream.told()
    assert (told.state, told.lag_s) == ("starting", 0.0)


def test_a_request_that_works_on_the_files_is_waited_for_and_makes_no_stream_stuck(stream: Stream) -> None:
    stream.look(5)
    stream.record.paused("a request that works on its files")
    for _ in range(10):
        stream.look(5)
        told = stream.told(after_s=20)
        assert (told.state, told.waits_for) == ("waiting", "a request that works on its files")
    stream.record.starting()
    stream.record.running()
    assert stream.state(after_s=20) == "starting"


def test_a_stream_without_cores_waits_for_them_and_starting_again_is_no_remedy(stream: Stream) -> None:
    stream.record.lacks_executors("cores: no executor")
    stream.look(0)
    assert stream.state() == "idle", "it needs none"
    with stream.record.working():
        for _ in range(10):
            told = stream.told(after_s=20)
            assert (told.state, told.waits_for) == ("waiting", "cores: no executor")
        stream.record.lacks_executors(None)
        stream.look(5)
        assert stream.state(after_s=20) == "healthy", "the time without cores does not count"
        stream.look(5)
        stream.clock.go_on(29)
        stream.look(5)
        assert stream.state(after_s=12) == "stuck"


def test_a_failure_is_told_with_cause_next_step_and_next_try(stream: Stream) -> None:
    stream.record.failed(Diagnosis("Kafka is away", "start it"), 2, broken=False, pause=timedelta(seconds=4))
    told = stream.told(after_s=1)
    assert (told.state, told.last_error, told.next_step) == ("restarting", "Kafka is away", "start it")
    retry_at = (START + timedelta(seconds=3)).isoformat()
    assert (told.restarts, told.consecutive_failures, told.next_retry_at) == (1, 2, retry_at)
    stream.record.failed(Diagnosis("Kafka is away", "start it"), 5, broken=True, pause=timedelta(minutes=5))
    assert stream.state() == "broken"
    stream.record.starting()
    stream.record.running()
    stream.record.healed()
    told = stream.told()
    assert (told.state, told.consecutive_failures, told.last_error, told.next_retry_at) == ("starting", 0, None, None)


def test_times_that_people_read_are_right_though_intervals_are_by_another_clock(stream: Stream) -> None:
    stream.finish()
    told = stream.told(after_s=7)
    assert told.last_progress_at == (START - timedelta(seconds=7)).isoformat()


def test_rows_of_the_last_minute_and_of_the_day(stream: Stream) -> None:
    stream.finish(rows=595)
    assert stream.told().rows_per_s == 10.0, "and five before"
    assert stream.told(after_s=59.5).rows_per_s == 9.9
    assert stream.told(after_s=1).rows_per_s == 0.0
    assert (stream.told().rows_today, stream.told().refused_today) == (None, None), "nobody has counted yet"
    stream.record.rows = RowsOfDay(START.date(), 90, 10)
    assert (stream.told().rows_today, stream.told().refused_today) == (90, 10)
    stream.record.rows = RowsOfDay(date(2025, 12, 31), 90, 10)
    assert stream.told().rows_today is None, "of yesterday"


def test_hours_that_are_complete_are_told_by_the_newest_of_them(stream: Stream) -> None:
    assert stream.told().caught_up_to is None
    stream.record.complete_to(START, "log a")
    stream.record.complete_to(None, "log a")
    assert stream.told().caught_up_to == (START - timedelta(hours=1)).isoformat()


@pytest.mark.parametrize("log", [None, "log b"], ids=["it was removed", "it has begun again"])
def test_no_hour_of_a_log_that_was_started_over_is_complete(stream: Stream, log: str | None) -> None:
    stream.record.complete_to(START, "log a")
    stream.record.complete_to(None, log)
    assert stream.told().caught_up_to is None
    stream.record.complete_to(None, "log a")
    assert stream.told().caught_up_to is None


def test_since_when_something_is_unread_is_known_to_the_next_driver() -> None:
    stream = Stream(unread_before_s=100.0)
    assert stream.told(after_s=5).unread_since == (START - timedelta(seconds=105)).isoformat()
    stream.look(5, seen_ago_s=7)
    assert stream.told().unread_since == (START - timedelta(seconds=7)).isoformat()
    stream.look(0)
    assert stream.told().unread_since is None


def test_messages_that_kafka_had_no_longer_are_told(stream: Stream) -> None:
    assert stream.told().lost_messages is None
    stream.record.lost = Loss("5 messages of bike-trips 0 (offsets 20 to 24)", START)
    told = stream.told()
    assert (told.lost_messages, told.lost_at) == ("5 messages of bike-trips 0 (offsets 20 to 24)", START.isoformat())
    assert stream.record.status(START + LOSS_IS_NEWS_FOR).lost_messages is not None
    later = stream.record.status(START + LOSS_IS_NEWS_FOR + timedelta(seconds=1))
    assert (later.lost_messages, later.lost_at) == (None, None), "without a restart"


def test_pauses_double_from_one_second_to_five_minutes() -> None:
    assert [pause_after(failures).total_seconds() for failures in (1, 2, 3, 9, 10, 50)] == [1, 2, 4, 256, 300, 300]


@pytest.mark.parametrize("seed", range(50))
def test_in_no_history_is_a_stream_well_while_work_is_due_and_nothing_moves(seed: int) -> None:
    chance, stream = random.Random(seed), Stream()
    known_at: float | None = None
    """since when it is known that something is due; batches begin and end it"""
    looked_at = stream.clock()
    due, batch, nothing_moves = 0, None, []
    for _ in range(400):
        match chance.choice(("look", "look", "begin", "end", "message", "pause", "pause", "again")):
            case "look":
                stream.look(due)
                looked_at = stream.clock()
                known_at = None if not due else known_at or stream.clock()
            case "begin" if batch is None and due:
                batch = stream.record.working()
                batch.__enter__()
                known_at = known_at or stream.clock()
            case "end" if batch is not None:
                stream.record.batch_finished(1, 0.5, due)
                batch.__exit__(None, None, None)
                batch, due, known_at = None, 0, None
            case "message":
                due += 1
            case "pause":
                stream.clock.go_on(chance.choice((0.1, 5, 20, 40)))
            case "again" if batch is None:
                stream.record.starting()
                stream.record.running()
        is_late = known_at is not None and stream.clock() - known_at > 60
        if due and (is_late or stream.clock() - looked_at > UNKNOWN_AFTER_S):
            nothing_moves.append(stream.state())
    assert nothing_moves
    assert set(nothing_moves) <= {"stuck", "waiting", "starting"}


def test_a_batch_of_an_hour_is_stuck_only_once_no_part_of_it_gets_done(stream: Stream) -> None:
    with stream.record.working():
        for _ in range(120):
            stream.look(5)
            assert stream.state(after_s=30) in ("healthy", "catching up")
            stream.record.moved()
        stream.look(5)
        assert stream.state(after_s=61) == "stuck"
