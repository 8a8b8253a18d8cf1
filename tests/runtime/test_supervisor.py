"""A stream's thread: it starts its query again and again, and tells what is a failure from what is none."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spark_jobs.diagnosis import LeaseLost, StreamFault
from spark_jobs.documents.status import StreamState
from spark_jobs.publication.commit import CommitConflict
from spark_jobs.publication.log import LogDamaged
from spark_jobs.runtime import supervisor as supervisor_module
from spark_jobs.runtime.looks import Due
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import BREAKER_OPENS_AFTER, BatchGate, GateClosed, StreamSupervisor
from tests.patience import PATIENCE_S, wait_until

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFLICT = CommitConflict("another writer was faster")


class FakeQuery:
    """Runs until it is stopped, or ends as Spark's do where a batch failed: with a text."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails
        self.is_stopped = False
        self.isActive, self.status = True, {"isTriggerActive": False}

    def awaitTermination(self, _seconds: float) -> bool:
        if self.fails:
            raise RuntimeError("Python worker: something was raised")
        time.sleep(0.005)
        return False

    def stop(self) -> None:
        self.is_stopped = True


class Stream:
    """A supervised stream whose tries end as told, the last of them well."""

    def __init__(self, *ends: Exception, in_batch: bool = False) -> None:
        self.record = StreamRecord("bike_trips", timedelta(seconds=10))
        self.lost: list[str] = []
        self.clock_set_by = timedelta(0)
        self.looks_at_the_clock = 0
        self.queries: list[FakeQuery] = []
        self._ends = list(ends)
        self._in_batch = in_batch
        no_spark = cast(Any, SimpleNamespace(sparkContext=SimpleNamespace(setLocalProperty=lambda *_: None)))
        self.supervisor = StreamSupervisor(no_spark, self._start, self.record, self._now, self.lost.append)

    def _runs(self) -> bool:
        self.record.due_seen(Due(0))
        return self.record.status(START).state == StreamState.IDLE

    def _now(self) -> datetime:
        self.looks_at_the_clock += 1
        return datetime.now(UTC) + self.clock_set_by

    def _start(self, gate: BatchGate) -> Any:
        end = self._ends.pop(0) if self._ends else None
        if end is not None and not self._in_batch:
            raise end
        if end is not None:
            with pytest.raises(type(end)), gate.batch():
                raise end
        self.queries.append(FakeQuery(fails=end is not None))
        return self.queries[-1]

    @contextmanager
    def running(self) -> Iterator["Stream"]:
        """Once all ends have come about, the query runs."""
        self.supervisor.begin()
        try:
            wait_until(lambda: not self._ends and bool(self.queries) and not self.queries[-1].fails)
            wait_until(self._runs)
            yield self
        finally:
            self.supervisor.stop()
            assert self.supervisor.join(PATIENCE_S)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE", "LONGEST_WAIT_FOR_OTHERS"):
        monkeypatch.setattr(supervisor_module, name, timedelta(0))


@pytest.mark.parametrize("in_batch", [False, True], ids=["at the start", "in a batch"])
def test_a_faster_writer_is_no_failure_however_often(in_batch: bool) -> None:
    with Stream(*[CONFLICT] * (2 * BREAKER_OPENS_AFTER), in_batch=in_batch).running() as stream:
        status = stream.record.status(START)
        assert (status.restarts, status.consecutive_failures, status.last_error) == (0, 0, None)


@pytest.mark.parametrize("in_batch", [False, True], ids=["at the start", "in a batch"])
def test_a_failure_counts_and_is_told_by_its_cause_and_not_by_sparks_text(in_batch: bool) -> None:
    with Stream(OSError(28, "No space left"), CONFLICT, KeyError("x"), in_batch=in_batch).running() as stream:
        status = stream.record.status(START)
        assert (status.restarts, status.consecutive_failures) == (2, 2)
        assert "'x'" in str(status.last_error)


class Told(StreamRecord):
    """Keeps which state each failure led to."""

    states: list[StreamState]

    def failed(self, *arguments: Any, **named: Any) -> None:
        super().failed(*arguments, **named)
        self.states.append(self.status(START).state)


FAILURES = {
    "of ours": (KeyError("x"), [StreamState.RESTARTING] * (BREAKER_OPENS_AFTER - 1) + [StreamState.BROKEN] * 2),
    "of others": (StreamFault("away", "wait", external=True), [StreamState.RESTARTING] * (BREAKER_OPENS_AFTER + 1)),
    "that a person has to mend": (LogDamaged("promised"), [StreamState.BROKEN] * (BREAKER_OPENS_AFTER + 1)),
}


@pytest.mark.parametrize(("failure", "states"), FAILURES.values(), ids=FAILURES)
def test_the_breaker_opens_after_five_failures_in_a_row_unless_we_wait_for_others(
    failure: Exception, states: list[StreamState]
) -> None:
    stream = Stream(*[failure] * len(states))
    stream.record = stream.supervisor.record = Told("bike_trips", timedelta(seconds=10))
    stream.record.states = []
    with stream.running():
        assert stream.record.states == states


def test_a_lost_lease_ends_the_job() -> None:
    with Stream(LeaseLost("a newer driver")).running() as stream:
        assert stream.lost == ["a newer driver"]


def test_a_clock_that_is_set_back_stops_no_trigger_and_counts_as_no_failure() -> None:
    with Stream().running() as stream:
        stream.clock_set_by = timedelta(hours=5)
        looks = stream.looks_at_the_clock
        wait_until(lambda: stream.looks_at_the_clock > looks + 2)
        assert len(stream.queries) == 1, "Spark goes on at once"
        stream.clock_set_by = timedelta(hours=4)
        wait_until(lambda: len(stream.queries) == 2)
        assert stream.queries[0].is_stopped, "its trigger would wait for an hour"
        wait_until(stream._runs)
        status = stream.record.status(START)
        assert (status.restarts, status.consecutive_failures, status.last_error) == (0, 0, None)


def test_a_held_stream_rests_and_then_starts_again() -> None:
    with Stream().running() as stream:
        with stream.supervisor.paused():
            assert stream.queries[-1].is_stopped
            assert len(stream.queries) == 1
        wait_until(lambda: len(stream.queries) == 2)


def test_a_stream_that_is_off_has_no_query_and_no_failures() -> None:
    with Stream(KeyError("x")).running() as stream:
        stream.supervisor.switch(False)
        wait_until(lambda: stream.record.status(START).state == StreamState.OFF)
        assert stream.queries[-1].is_stopped
        assert stream.record.status(START).consecutive_failures == 0
        stream.supervisor.switch(True)
        wait_until(lambda: len(stream.queries) == 2)


# -- the gate of a query's batches ------------------------------------------------------------------------------


def test_closing_the_gate_waits_for_the_batch_inside_and_lets_no_other_in() -> None:
    gate = BatchGate()
    closing = threading.Thread(target=gate.close)
    with gate.batch():
        closing.start()
        closing.join(0.05)
        assert closing.is_alive()
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    with pytest.raises(GateClosed), gate.batch():
        pass
    assert isinstance(gate.failure, GateClosed)


def test_a_batch_waits_inside_the_gate_until_its_condition_holds() -> None:
    looks = iter([False, False, True])
    gate = BatchGate()
    with gate.batch():
        assert gate.wait_for(lambda: next(looks), PATIENCE_S)
    assert next(looks, None) is None


def test_a_batch_does_not_wait_longer_than_it_may() -> None:
    gate, began = BatchGate(), time.monotonic()
    with gate.batch():
        assert not gate.wait_for(lambda: False, 0.05)
    assert time.monotonic() - began < PATIENCE_S / 2


def test_the_wait_ends_at_once_where_the_gate_is_closed() -> None:
    gate, began, waiting = BatchGate(), time.monotonic(), threading.Event()

    def still_waiting() -> bool:
        waiting.set()
        return False

    def close() -> None:
        waiting.wait(PATIENCE_S)
        gate.close()

    closing = threading.Thread(target=close)
    closing.start()
    with gate.batch():
        assert not gate.wait_for(still_waiting, PATIENCE_S)
    closing.join(PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S / 2
