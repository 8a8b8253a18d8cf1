"""The task of a watch: its trigger finds its job again by name, and the task does what the trigger found."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, DagRunTriggerException, TaskDeferred
from spark_streams import watch_sensor, watch_trigger
from spark_streams.settings_reader import SettingsReader
from spark_streams.watch_sensor import WatchSensor
from spark_streams.watch_trigger import RootTrigger, WatchTrigger

from spark_jobs.documents import watch_memory
from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import held_because, hold, read_desired_state
from spark_jobs.documents.history import INCIDENT, START, read_history
from spark_jobs.documents.status import Driver, JobState, Status, write_status
from spark_jobs.documents.watch_memory import Incident, Restarts, WatchMemory
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import INGESTION
from tests.dags.conftest import Disk, VariableStore

NO_RUNS = 0


@pytest.fixture(autouse=True)
def airflow(variables: VariableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody set a Variable, and the job's DAG has no runs."""
    assert not variables
    for module in (watch_trigger, watch_sensor):
        monkeypatch.setattr(module, "count_runs", lambda *_: NO_RUNS)


def deferred(root: Path, **settings: str) -> tuple[WatchSensor, WatchTrigger]:
    task = WatchSensor(task_id="watch", job=INGESTION, env={"OUTPUT_BASE_PATH": str(root), **settings})
    with pytest.raises(TaskDeferred) as waiting:
        task.execute({})
    path, arguments = waiting.value.trigger.serialize()
    assert path == "spark_streams.watch_trigger.WatchTrigger"
    assert json.loads(json.dumps(arguments)) == arguments, "Airflow keeps it in its database"
    assert (waiting.value.method_name, waiting.value.kwargs) == ("act", {"root": str(root)})
    return task, WatchTrigger(**arguments)


def found(trigger: WatchTrigger | RootTrigger) -> dict[str, Any]:
    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    payload = asyncio.run(asyncio.wait_for(first(), 30))
    return dict(json.loads(json.dumps(payload)))


def happened(root: Path) -> list[tuple[str, str]]:
    return [(event.kind, event.sentence) for event in read_history(Layout(root)).events]


def test_a_dead_job_is_started_and_counted(tmp_path: Path) -> None:
    task, trigger = deferred(tmp_path)
    with pytest.raises(DagRunTriggerException) as triggered:
        task.act({}, found(trigger), str(tmp_path))
    assert triggered.value.trigger_dag_id == "ingestion"
    assert triggered.value.conf == {"why": "ingestion has never run with this output path"}
    assert watch_memory.read_memory(Layout(tmp_path)).restarts.in_a_row == 1
    assert happened(tmp_path) == [(START, "start: ingestion has never run with this output path")]
    desired = read_desired_state(Layout(tmp_path))
    assert desired
    assert desired.job_enabled


def test_a_driver_that_came_after_the_look_is_left_alone(tmp_path: Path) -> None:
    """A worker may be free minutes later only; meanwhile somebody has started the job by hand."""
    task, trigger = deferred(tmp_path)
    event = found(trigger)
    assert event["action"] == "start"
    at = iso(datetime.now(UTC))
    write_status(Layout(tmp_path), Status("ingestion", Driver("newer", "a host"), 1, at, at, JobState.STARTING, "-"))
    with pytest.raises(TaskDeferred):
        task.act({}, event, str(tmp_path))
    assert watch_memory.read_memory(Layout(tmp_path)).restarts.in_a_row == 0
    assert happened(tmp_path) == []


def out_of_date(root: Path, event: dict[str, Any]) -> dict[str, Any]:
    """What is found of a driver with the settings of before, which is there and runs."""
    at = iso(datetime.now(UTC))
    write_status(Layout(root), Status("ingestion", Driver("a-1", "a host"), 1, at, at, JobState.RUNNING, "before"))
    health = {**event["health"], "state": "out of date"}
    return {**event, "action": "restart", "driver": "a-1", "health": health, "fingerprint": "now"}


def stop_by_hand(layout: Layout) -> None:
    hold(layout, "the run of the DAG ingestion was ended by hand", datetime.now(UTC))


def test_a_job_that_a_person_stops_while_the_watch_is_at_it_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is triggered lets go of the hold; and to stop a driver takes minutes."""
    task, trigger = deferred(tmp_path)
    event = out_of_date(tmp_path, found(trigger))
    monkeypatch.setattr(watch_sensor, "stop_driver", lambda layout, _: stop_by_hand(layout))
    task.act({}, event, str(tmp_path))
    for action in ("start", "restart", "adopt", "give up"):
        with pytest.raises(TaskDeferred):
            task.act({}, {**event, "action": action}, str(tmp_path))
    assert held_because(Layout(tmp_path))


def test_settings_count_as_taken_up_once_the_old_driver_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one restart for them. A worker that is lost before has made none."""
    task, trigger = deferred(tmp_path)
    event = out_of_date(tmp_path, found(trigger))

    def end(*_: object) -> None:
        raise SystemExit("the worker is stopped")

    monkeypatch.setattr(watch_sensor, "stop_driver", end)
    with pytest.raises(SystemExit):
        task.act({}, event, str(tmp_path))
    assert watch_memory.read_memory(Layout(tmp_path)).restarted_for is None
    monkeypatch.setattr(watch_sensor, "stop_driver", lambda *_: None)
    with pytest.raises(DagRunTriggerException):
        task.act({}, event, str(tmp_path))
    assert watch_memory.read_memory(Layout(tmp_path)).restarted_for == "now"


def test_a_job_that_does_not_last_fails_the_task_with_the_next_step(tmp_path: Path) -> None:
    tried = WatchMemory(restarts=Restarts(10, "2026-01-01T00:00:00+00:00"))
    watch_memory.write_memory(Layout(tmp_path), tried, datetime.now(UTC))
    task, trigger = deferred(tmp_path)
    with pytest.raises(AirflowFailException, match=r"10 times in a row.*then trigger the DAG ingestion"):
        task.act({}, found(trigger), str(tmp_path))
    memory = watch_memory.read_memory(Layout(tmp_path))
    assert memory.restarts.has_given_up
    assert set(memory.incidents) == {"down"}


def test_what_was_given_up_is_tried_an_hour_later_without_another_alert(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    gone = Restarts(10, iso(now - timedelta(hours=1)), has_given_up=True)
    down = {"down": Incident("it is down", "do it", iso(now - timedelta(days=1)), iso(now))}
    watch_memory.write_memory(Layout(tmp_path), WatchMemory(restarts=gone, incidents=down), now)
    task, trigger = deferred(tmp_path)
    event = found(trigger)
    assert event["alerts"] == []
    with pytest.raises(DagRunTriggerException):
        task.act({}, event, str(tmp_path))
    memory = watch_memory.read_memory(Layout(tmp_path))
    assert (memory.restarts.in_a_row, memory.restarts.has_given_up) == (11, True)
    assert (set(memory.incidents), memory.undelivered) == ({"down"}, ())


def test_an_alert_alone_is_sent_and_the_watch_goes_on(tmp_path: Path) -> None:
    task, trigger = deferred(tmp_path, ENABLE_INGESTION="off", BATCH_INTERVAL="soon")
    event = found(trigger)
    with pytest.raises(TaskDeferred) as waiting:
        task.act({}, event, str(tmp_path))
    assert event["lasted"]["same_for_s"]["state"][0] == "switched off"
    assert waiting.value.trigger.serialize()[1]["lasted"] == event["lasted"]
    assert set(watch_memory.read_memory(Layout(tmp_path)).incidents) == {"setting:BATCH_INTERVAL"}
    ((kind, sentence),) = happened(tmp_path)
    assert kind == INCIDENT
    assert "BATCH_INTERVAL is 'soon'" in sentence


def test_figures_that_cannot_be_sent_lose_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(values: Mapping[str, float]) -> None:
        raise OSError("no route to the host of StatsD")

    monkeypatch.setattr(watch_trigger, "set_gauges", refuse)
    _, trigger = deferred(tmp_path)
    with caplog.at_level("WARNING"):
        assert found(trigger)["action"] == "start"
    assert "no route to the host of StatsD" in caplog.text


def test_a_root_that_cannot_be_used_is_told_and_waited_for(
    tmp_path: Path, variables: VariableStore, caplog: pytest.LogCaptureFixture
) -> None:
    variables["OUTPUT_BASE_PATH"] = "relative"
    task = WatchSensor(task_id="watch", job=INGESTION, env={})
    with caplog.at_level("ERROR"), pytest.raises(TaskDeferred) as waiting:
        task.execute({})
    assert "OUTPUT_BASE_PATH is 'relative'; allowed:" in caplog.text
    path, arguments = waiting.value.trigger.serialize()
    assert (path, waiting.value.method_name) == ("spark_streams.watch_trigger.RootTrigger", "root_is_looked_at")
    variables["OUTPUT_BASE_PATH"] = str(tmp_path)
    event = found(RootTrigger(**arguments))
    assert event == {"is_there": True, "undelivered": []}
    task.root_is_looked_at({}, event)


def test_a_root_that_was_replaced_is_taken_once_what_was_remembered_of_it_is_deleted(
    tmp_path: Path, variables: VariableStore
) -> None:
    root = tmp_path / "out"
    _, watch = deferred(root)
    found(watch)
    root.rename(tmp_path / "moved away")
    waiting = RootTrigger(watch.job_path, watch.fallbacks)
    store = SettingsReader(INGESTION, watch.fallbacks)
    assert not waiting._is_usable(store)
    variables.is_failing = True
    assert not waiting._is_usable(store), "nobody can tell"
    variables.is_failing = False
    assert not waiting._is_usable(store)
    variables.remove("spark_streams_ingestion")
    assert waiting._is_usable(store)


def test_who_could_not_be_told_of_a_root_is_told_later_and_nobody_twice(
    tmp_path: Path, variables: VariableStore
) -> None:
    variables |= {"OUTPUT_BASE_PATH": "relative", "ALERT_CONNECTION": "no_such_connection"}
    task = WatchSensor(task_id="watch", job=INGESTION, env={})
    with pytest.raises(TaskDeferred) as waiting:
        task.execute({})
    assert list(tmp_path.iterdir()) == []
    _, arguments = waiting.value.trigger.serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    (kept,) = arguments["undelivered"]
    assert (kept["ways"], kept["tries"]) == (["connection"], 1)

    due = [{**kept, "next_try_at": None}]
    event = found(RootTrigger(**{**arguments, "undelivered": due}))
    assert event == {"is_there": False, "undelivered": due}
    with pytest.raises(TaskDeferred) as waiting:
        task.root_is_looked_at({}, event)
    (kept,) = waiting.value.trigger.serialize()[1]["undelivered"]
    assert kept["tries"] == 2

    variables["OUTPUT_BASE_PATH"] = str(tmp_path)
    task.root_is_looked_at({}, {"is_there": True, "undelivered": [kept]})
    left = watch_memory.read_memory(Layout(tmp_path)).undelivered
    assert [(one.key, one.is_over, one.tries) for one in left] == [("root", False, 2), ("root", True, 2)]
    assert left[0].next_try_at == left[1].next_try_at, "they wait for the same way"


@pytest.mark.parametrize("worker_has_it", [False, True])
def test_a_root_that_the_trigger_misses_is_told_and_waited_for_where_it_is_missed(
    worker_has_it: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, unmounted = tmp_path / "out", tmp_path / "unmounted"
    task, trigger = deferred(root, ENABLE_INGESTION="off", BATCH_INTERVAL="soon")
    with pytest.raises(TaskDeferred):
        task.act({}, found(trigger), str(root))
    root.rename(unmounted)
    event = found(trigger)
    if worker_has_it:
        unmounted.rename(root)
    with caplog.at_level("ERROR"), pytest.raises(TaskDeferred) as waiting:
        task.act({}, event, str(root))
    assert "a mount is missing" in caplog.text
    assert waiting.value.method_name == "root_is_looked_at"
    assert root.exists() is worker_has_it


def test_a_root_that_the_worker_misses_is_not_over_because_the_trigger_has_it(
    variables: VariableStore, caplog: pytest.LogCaptureFixture
) -> None:
    variables["OUTPUT_BASE_PATH"] = "relative"
    task = WatchSensor(task_id="watch", job=INGESTION, env={})
    with caplog.at_level("INFO"), pytest.raises(TaskDeferred) as waiting:
        task.root_is_looked_at({}, {"is_there": True, "undelivered": []})
    assert waiting.value.method_name == "root_is_looked_at"
    assert "is watched again" not in caplog.text


def test_what_nobody_got_is_kept_and_what_is_urgent_is_done_first(tmp_path: Path, variables: VariableStore) -> None:
    variables |= {"ALERT_CONNECTION": "no_such_connection", "ALERT_EMAIL": ""}
    task, trigger = deferred(tmp_path, ENABLE_INGESTION="off", BATCH_INTERVAL="soon")
    with pytest.raises(TaskDeferred):
        task.act({}, found(trigger), str(tmp_path))
    (kept,) = watch_memory.read_memory(Layout(tmp_path)).undelivered
    assert (kept.key, kept.tries, kept.ways) == ("setting:BATCH_INTERVAL", 1, ("connection",))
    assert kept.next_try_at

    due = replace(kept, next_try_at=None)
    watch_memory.write_memory(Layout(tmp_path), WatchMemory(undelivered=(due,)), datetime.now(UTC))
    variables |= {"ENABLE_INGESTION": "on", "BATCH_INTERVAL": "10 seconds"}
    with pytest.raises(DagRunTriggerException):
        task.act({}, found(trigger), str(tmp_path))
    (kept,) = watch_memory.read_memory(Layout(tmp_path)).undelivered
    assert kept.tries == 1, "the next run sends it"


def test_what_nobody_got_moves_with_the_output_path(tmp_path: Path, variables: VariableStore) -> None:
    old, new = Layout(tmp_path / "old"), Layout(tmp_path / "new")
    variables |= {"OUTPUT_BASE_PATH": str(old.root), "ALERT_CONNECTION": "no_such_connection", "ALERT_EMAIL": ""}
    task, trigger = deferred(old.root, ENABLE_INGESTION="off", BATCH_INTERVAL="soon")
    event = {**found(trigger), "action": "move"}
    variables["OUTPUT_BASE_PATH"] = str(new.root)
    task.act({}, event, str(old.root))
    left = [[one.key for one in watch_memory.read_memory(root).undelivered] for root in (old, new)]
    assert left == [[], ["setting:BATCH_INTERVAL"]]


def test_with_a_full_disk_people_are_told_once_and_nothing_is_started(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    task, trigger = deferred(tmp_path)
    disk.fill()
    with caplog.at_level("ERROR"), pytest.raises(TaskDeferred) as waiting:
        task.act({}, found(trigger), str(tmp_path))
    assert caplog.text.count("No space left on device") == 1
    _, arguments = waiting.value.trigger.serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    disk.free()
    again = found(WatchTrigger(**arguments))
    assert (again["action"], again["alerts"]) == ("start", []), "there is room, and they were told"
    with pytest.raises(DagRunTriggerException):
        task.act({}, again, str(tmp_path))
    assert watch_memory.read_memory(Layout(tmp_path)).restarts.in_a_row == 1


def test_a_disk_that_fills_up_after_the_look_starts_nothing_that_is_not_counted(tmp_path: Path, disk: Disk) -> None:
    task, trigger = deferred(tmp_path)
    event = found(trigger)
    assert event["action"] == "start"
    disk.fill()
    with pytest.raises(TaskDeferred) as waiting:
        task.act({}, event, str(tmp_path))
    assert waiting.value.trigger.serialize()[1]["unwritten"]["memory"]["restarts"]["in_a_row"] == 0
