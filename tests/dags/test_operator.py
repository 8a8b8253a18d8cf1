"""The operator with a real driver and no Airflow around it: it starts one, another adopts it, ending the task ends it.

There is no broker: the job waits for it, which is all that is needed here. The deferred life of a stream, in a real
Airflow, is in tests/flow/test_watched_by_airflow.py.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    DagRunTriggerException,
    TaskDeferred,
)
from spark_streams import operator, stream_trigger, task_end, watch_sensor, watch_trigger
from spark_streams.operator import StreamOperator
from spark_streams.stopping import stop_driver
from spark_streams.submit import submit_arguments
from spark_streams.watch_sensor import WatchSensor
from spark_streams.watch_trigger import WatchTrigger

from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import held_because
from spark_jobs.documents.failed_start import read_failed_start
from spark_jobs.documents.lease import newest_token
from spark_jobs.documents.status import Driver, JobState, Status, read_status, write_status
from spark_jobs.drivers import processes
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import INGESTION
from spark_jobs.supervision.driver_exit import DriverExit
from tests.dags.conftest import CHECKOUT, VariableStore

Launch = Callable[..., StreamOperator]
NEVER_RUN = "ingestion has never run with this output path"


@pytest.fixture
def launch(tmp_path: Path, variables: VariableStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launch]:
    """Makes operators on one output folder, and leaves no driver behind."""
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": "local[1]"}))
    jars = CHECKOUT / ".playground" / "jars" / "spark"
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "KAFKA_CONNECTOR_JARS": str(jars) if jars.is_dir() else "",
        "OUTPUT_BASE_PATH": str(tmp_path / "out"),
        "CHECKPOINT_BASE_PATH": str(tmp_path / "checkpoints"),
        "HEARTBEAT_INTERVAL": "1 second",
        "INGESTION_UI_PORT": "0",
    }

    def launched(deferrable: bool = True, **changed: str) -> StreamOperator:
        arguments = submit_arguments(INGESTION, {}, CHECKOUT)
        task = StreamOperator(task_id="run_ingestion", job=INGESTION, deferrable=deferrable, **arguments)
        monkeypatch.setattr(task_end, "task_note", lambda *_: None)
        variables.clear()
        variables.update(settings | changed)
        return task

    yield launched
    stop_driver(Layout(tmp_path / "out"), patience_s=0)


TASK = SimpleNamespace(dag_id="ingestion", task_id="run_ingestion", run_id="r")


def executed(task: StreamOperator, **context: Any) -> BaseException | None:
    try:
        task.execute(context)
    except BaseException as end:
        return end
    return None


def test_a_task_that_waits_itself_a_second_that_adopts_and_an_end_by_kill(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "out")
    waiting = launch(deferrable=False)
    ends: list[BaseException | None] = []
    monkeypatch.setattr(task_end, "task_state", lambda *_: "failed")
    thread = threading.Thread(target=lambda: ends.append(executed(waiting, ti=TASK)), daemon=True)
    thread.start()
    status = _first_heartbeat(layout, thread)

    deferred = executed(launch())
    assert isinstance(deferred, TaskDeferred)
    assert newest_token(layout) == 1, "adopted, not started again"
    path, arguments = deferred.trigger.serialize()
    assert path == "spark_streams.stream_trigger.StreamTrigger"
    logs = str(layout.driver_logs)
    assert arguments == {"job": "ingestion", "root": str(layout.root), "stale_after_s": 10.0, "logs": logs}
    assert deferred.method_name == "ended"

    waiting.on_kill()
    assert held_because(layout) == "the run of the DAG ingestion was ended by hand"
    thread.join(60)
    assert not thread.is_alive()
    (end,) = ends
    assert end is None or "killed from outside" in str(end), "asked to stop, or killed where that took too long"
    assert status.log
    assert Path(status.log).parent == layout.driver_logs


def test_a_driver_that_was_left_when_the_path_changed_unseen_is_ended_where_it_is(
    launch: Launch, tmp_path: Path, variables: VariableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run goes on following it, and would keep the driver in the new place waiting for ever."""
    left, moved = Layout(tmp_path / "out"), Layout(tmp_path / "moved")
    assert isinstance(executed(launch()), TaskDeferred)

    def count_runs(_dag: str, state: str, *_: float) -> int:
        return int(state == "running" and _is_running(left))

    for module in (watch_trigger, watch_sensor):
        monkeypatch.setattr(module, "count_runs", count_runs)
    variables["OUTPUT_BASE_PATH"] = str(moved.root)
    watch = WatchSensor(task_id="watch", job=INGESTION, env={})
    with pytest.raises(TaskDeferred) as waiting:
        watch.execute({})
    found = asyncio.run(_first_event(WatchTrigger(**waiting.value.trigger.serialize()[1])))
    assert (found["action"], found["health"]["diagnosis"]["message"]) == ("start", NEVER_RUN)
    with pytest.raises(DagRunTriggerException):
        watch.act({}, found, str(moved.root))
    assert not _is_running(left)


@pytest.mark.parametrize(
    ("answer", "is_held"),
    [
        (lambda: "failed", True),
        (lambda: None, False),
        (lambda: "removed", False),
        (lambda: "running", False),
        (threading.Event().wait, False),
    ],
    ids=["marked", "cleared", "its run is gone", "its worker stops", "Airflow does not answer"],
)
def test_a_task_that_is_ended_before_it_starts_a_driver_starts_none(
    answer: Callable[[], Any], is_held: bool, launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = launch()

    def end(*_: Any) -> None:
        task.on_kill()

    monkeypatch.setattr(task_end, "task_state", lambda *_: answer())
    monkeypatch.setattr(operator, "live_driver", end)
    assert "its task was ended meanwhile" in str(executed(task, ti=TASK))
    assert (held_because(Layout(tmp_path / "out")) is not None) is is_held


def test_who_failed_a_task_that_had_no_heartbeat_for_long_cannot_be_told(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow fails it itself, and another has started a driver; a person's mark is not to be told from that."""
    layout, at = Layout(tmp_path / "out"), iso(datetime.now(UTC))
    task = launch()

    def end(*_: Any) -> None:
        write_status(layout, Status("ingestion", Driver("newer", "another host/x"), 1, at, at, JobState.RUNNING, "-"))
        task.on_kill()

    monkeypatch.setenv("AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT", "0")
    monkeypatch.setattr(task_end, "task_state", lambda *_: "failed")
    monkeypatch.setattr(operator, "live_driver", end)
    assert "its task was ended meanwhile" in str(executed(task, ti=TASK))
    assert held_because(layout) is None
    assert newest_token(layout) == 0, "the driver of another task goes on"


def test_a_driver_that_refuses_to_start_is_quoted_and_not_tried_again(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    end = executed(launch(CHECKPOINT_BASE_PATH=str(tmp_path / "file")))
    assert isinstance(end, AirflowFailException)
    assert "refuses to start" in str(end)
    assert "file cannot be written" in str(end)
    failed = read_failed_start(Layout(tmp_path / "out"))
    assert failed
    assert not failed.retry_helps


def test_what_needs_no_driver_to_be_seen(launch: Launch, tmp_path: Path) -> None:
    off = executed(launch(ENABLE_INGESTION="false"))
    assert isinstance(off, AirflowSkipException)
    assert "set the Variable ENABLE_INGESTION to true" in str(off)
    assert not (tmp_path / "out").exists()
    wrong = executed(launch(BATCH_INTERVAL="soon"))
    assert isinstance(wrong, AirflowFailException)
    assert "BATCH_INTERVAL is 'soon'; allowed:" in str(wrong)
    assert read_failed_start(Layout(tmp_path / "out"))


def test_a_task_that_ended_by_itself_was_marked_by_nobody(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A triggerer that was frozen wakes up after another has followed the driver to its end: there may be a new one."""
    noted: dict[str, Any] = {}
    task = SimpleNamespace(**vars(TASK), xcom_push=noted.__setitem__)
    hangs = DriverExit.unresponsive("ingestion", 30.0, is_there=False)
    with pytest.raises(AirflowException, match="out of reach"):
        launch().ended({"ti": task}, {**asdict(hangs), "log": ""})
    stopped: list[Layout] = []
    monkeypatch.setattr(stream_trigger, "stop_driver", lambda layout, _: stopped.append(layout))
    monkeypatch.setattr(task_end, "task_state", lambda *_: "failed")
    monkeypatch.setattr(task_end, "task_note", lambda *key: noted.get(key[-1]))
    trigger = stream_trigger.StreamTrigger("ingestion", str(tmp_path / "out"), 10.0, "")
    trigger.task_instance = cast(Any, task)
    asyncio.run(trigger.on_kill())
    assert (stopped, held_because(Layout(tmp_path / "out"))) == ([], None)


def test_an_end_is_told_in_words(launch: Launch) -> None:
    def ended(is_failure: bool = True, retryable: bool = True) -> BaseException | None:
        diagnosis = {"message": "it broke", "next_step": "mend it", "retryable": retryable, "external": False}
        try:
            launch().ended({}, {"is_failure": is_failure, "diagnosis": diagnosis, "log": ""})
        except AirflowException as end:
            return end
        return None

    assert ended(is_failure=False) is None
    assert str(ended()) == "it broke. Next step: mend it."
    assert isinstance(ended(retryable=False), AirflowFailException)
    assert not isinstance(ended(), AirflowFailException)


async def _first_event(trigger: WatchTrigger) -> dict[str, Any]:
    event = await anext(trigger.run())
    return dict(event.payload)


def _is_running(layout: Layout) -> bool:
    status = read_status(layout)
    return status is not None and bool(processes.running(status.driver))


def _first_heartbeat(layout: Layout, thread: threading.Thread) -> Status:
    while thread.is_alive():
        status = read_status(layout)
        if status is not None:
            return status
        time.sleep(0.2)
    raise AssertionError("the task ended before its driver's first heartbeat")
