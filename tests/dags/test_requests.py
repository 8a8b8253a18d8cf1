"""The upkeep DAGs: what they ask for, and how they wait for the answer, with the job on and off."""

import asyncio
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pendulum
import psutil
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from request_from_params import RequestedWork, compaction, last_days, rebuild, redrive, upkeep
from spark_streams import response_trigger, task_end
from spark_streams.request_operator import RequestOperator
from spark_streams.response_trigger import ResponseTrigger

from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.requests import Answer, Request
from spark_jobs.documents.status import Driver, JobState, Process, Status, write_status
from spark_jobs.drivers import processes
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION, StreamJob
from tests.dags.conftest import CHECKOUT, VariableStore
from tests.supervision.far_driver import FarDriver


def run(run_type: str, run_id: str = "run-1") -> SimpleNamespace:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return SimpleNamespace(run_type=run_type, dag_id="upkeep", run_id=run_id, run_after=at)


MANUAL, SCHEDULED = run("manual"), run("scheduled")
PARAMS: Mapping[str, Any] = {"dry_run": True, "reset": "", "start_over": "", "confirm": ""}
REQUESTED = {
    "by the clock": (ANALYTICS_JOB, PARAMS, True, RequestedWork("cleanup", {"dry_run": False})),
    "by hand or by another DAG": (ANALYTICS_JOB, PARAMS, False, RequestedWork("cleanup", {"dry_run": True})),
    "reset": (
        INGESTION,
        {**PARAMS, "reset": "bike_trips", "dry_run": False},
        False,
        RequestedWork("reset", {"stream": "bike_trips", "dry_run": False}),
    ),
    "reset of the other job's": (ANALYTICS_JOB, {**PARAMS, "reset": "bike_trips"}, False, None),
    "start over": (
        ANALYTICS_JOB,
        {**PARAMS, "start_over": "rollup", "confirm": "rollup"},
        False,
        RequestedWork("start_over", {"stream": "rollup", "confirm": "rollup", "dry_run": True}),
    ),
    "start over of the other job's": (INGESTION, {**PARAMS, "start_over": "rollup"}, False, None),
}
LATER = "2999-01-01T00:00:00+00:00"
ANSWERS_IT = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(CHECKOUT)!r})
import os
from pathlib import Path
from spark_jobs.documents import requests
from spark_jobs.paths import Layout
layout = Layout(Path(os.environ["OUTPUT_BASE_PATH"]))
request = requests.next_request(layout)
print("carried out:", *sys.argv[1:], not any(name.startswith("AIRFLOW") for name in os.environ))
requests.give(layout, requests.Answer(request.id, request.kind, "done", "all done", "", report=({{"what": "x"}},)))
"""

HAS_ITS_TASK_KILLED = f"""#!{sys.executable}
import os
import signal
os.kill(os.getppid(), signal.SIGUSR1)
signal.pause()
"""
TASK = cast(Any, SimpleNamespace(dag_id="d", task_id="t", run_id="r"))


@pytest.mark.parametrize(("job", "params", "is_scheduled", "expected"), REQUESTED.values(), ids=REQUESTED)
def test_what_a_clean_up_requests(
    job: StreamJob, params: Mapping[str, Any], is_scheduled: bool, expected: RequestedWork | None
) -> None:
    assert upkeep(job, params, is_scheduled) == expected


def test_reset_and_start_over_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one"):
        upkeep(INGESTION, {**PARAMS, "reset": "bike_trips", "start_over": "bike_trips"}, False)


def test_a_rebuild_requests_days() -> None:
    for first in ("2018-11-28", "2018-12-02"):
        days = {"from": first, "to": "2018-12-02", "confirm": False}
        assert rebuild(ANALYTICS_JOB, days, False) == RequestedWork("rebuild", days)
    assert rebuild(ANALYTICS_JOB, {**days, "confirm": True}, False).arguments["confirm"] is True


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        ("2018-02-30", "2018-03-01", "'from' is '2018-02-30'; allowed: a day"),
        ("2018-02-01", "soon", "'to' is 'soon'; allowed: a day"),
        ("2018-12-02", "2018-12-01", r"'from' \(2018-12-02\) is after 'to' \(2018-12-01\)"),
    ],
)
def test_days_that_are_none_are_refused(first: str, last: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        rebuild(ANALYTICS_JOB, {"from": first, "to": last}, False)


def test_a_redrive_is_a_dry_run_unless_it_is_switched_off(spark_env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_ENV_PATH", str(spark_env))
    params = dict(DagBag(CHECKOUT / "dags", collect_dags=True).dags["redrive"].params)
    with pytest.raises(ValueError, match="choose a 'stream'"):
        redrive(INGESTION, params, False)
    requested = redrive(INGESTION, {**params, "stream": "bike_trips"}, False)
    assert (requested.kind, requested.arguments["dry_run"]) == ("redrive", True)
    assert requested.arguments.keys() == params.keys()


def test_what_contradicts_itself_is_not_tried_again(spark_env: Path) -> None:
    env = {"SPARK_ENV_PATH": str(spark_env)}
    task = RequestOperator(task_id="t", job=ANALYTICS_JOB, from_params=rebuild, timeout=timedelta(hours=1), env=env)
    with pytest.raises(AirflowFailException, match="is after"):
        task.execute({"dag_run": MANUAL, "params": {"from": "2018-12-02", "to": "2018-12-01"}})


def test_the_form_of_a_rebuild_shows_the_last_seven_days(spark_env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_ENV_PATH", str(spark_env))
    monkeypatch.setattr(pendulum, "today", lambda zone: pendulum.datetime(2018, 12, 2, tz=zone))
    assert last_days(7) == ("2018-11-26", "2018-12-02")
    params = DagBag(CHECKOUT / "dags", collect_dags=True).dags["analytics_rebuild"].params
    assert (params["from"], params["to"]) == ("2018-11-26", "2018-12-02")


def test_parameters_say_what_they_are_and_tasks_are_bounded(spark_env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_ENV_PATH", str(spark_env))
    dags = DagBag(CHECKOUT / "dags", collect_dags=True).dags
    for name, params in {
        "parquet_compaction": {"feed"},
        "checkpoint_cleanup": {"dry_run", "reset", "start_over", "confirm"},
        "analytics_rebuild": {"from", "to", "confirm"},
        "redrive": {"stream", "dry_run", "reason", "from", "to", "originals", "at_most"},
    }.items():
        dag = dags[name]
        assert set(dag.params) == params
        assert all(dag.params.get_param(param).description for param in params)
        assert all(dag.params.get_param(param).schema["type"] for param in params)
        assert dag.dagrun_timeout is not None
        assert all(task.execution_timeout is not None for task in dag.tasks)
    assert {task.task_id for task in dags["checkpoint_cleanup"].tasks} == {"ingestion", "analytics"}


# -- the operator ---------------------------------------------------------------------------------------------------


@pytest.fixture
def operator(spark_env: Path, tmp_path: Path, variables: VariableStore) -> RequestOperator:
    env = {"SPARK_ENV_PATH": str(spark_env), "OUTPUT_BASE_PATH": str(tmp_path / "out")}
    assert not variables
    return RequestOperator(
        task_id="compact",
        job=INGESTION,
        from_params=compaction,
        timeout=timedelta(minutes=5),
        env=env,
    )


def layout_of(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "out")


def context(of: SimpleNamespace = SCHEDULED, **params: Any) -> Any:
    return {"dag_run": of, "params": {"feed": "", **params}}


def a_job_runs(layout: Layout) -> None:
    now = iso(datetime.now(UTC))
    me = Process("python", os.getpid(), processes.started_at(psutil.Process()))
    driver = Driver("a-1", processes.this_host(), (me,))
    write_status(layout, Status("ingestion", driver, 1, now, now, JobState.RUNNING, "f"))


def test_a_live_job_is_asked_and_waited_for_without_a_worker(operator: RequestOperator, tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    layout.control.mkdir(parents=True)
    a_job_runs(layout)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context(feed="bike_trips"))
    request = requests.next_request(layout)
    assert isinstance(request, Request)
    assert (request.kind, request.arguments) == ("compaction", {"feed": "bike_trips"})
    trigger = deferred.value.trigger
    assert isinstance(trigger, ResponseTrigger)
    path, arguments = trigger.serialize()
    assert path == "spark_streams.response_trigger.ResponseTrigger"
    assert ResponseTrigger(**arguments).serialize() == (path, arguments)

    requests.give(layout, Answer(request.id, request.kind, "done", "all done", "", report=({"what": "x"},)))
    result = operator.answered(context(), {"outcome": "answered"}, request.id, LATER)
    assert result == {"sentence": "all done", "report": [{"what": "x"}]}


def python_that(spark_env: Path, script: str) -> None:
    python = spark_env / "bin" / "python"
    python.parent.mkdir()
    python.write_text(script)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)


def asked(tmp_path: Path) -> str:
    requests.ask(layout_of(tmp_path), Request("r-1", "compaction", LATER))
    return "r-1"


def test_where_the_job_is_off_the_spark_environment_carries_it_out(
    operator: RequestOperator, spark_env: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    python_that(spark_env, ANSWERS_IT)
    assert operator.execute(context()) == {"sentence": "all done", "report": [{"what": "x"}]}
    assert "carried out: -m spark_jobs.run_requests ingestion True" in "".join(capfd.readouterr())


@pytest.mark.parametrize("state", ["refused", "failed"])
def test_a_no_fails_the_task_with_the_jobs_sentence(operator: RequestOperator, state: str, tmp_path: Path) -> None:
    requests.give(layout_of(tmp_path), Answer("r-1", "compaction", state, "the disk is full", ""))
    with pytest.raises(AirflowFailException, match="the disk is full"):
        operator.answered(context(), {"outcome": "answered"}, "r-1", LATER)


KILLED = {
    "marked": (lambda: "failed", LATER, False),
    "its run is gone": (lambda: "removed", LATER, False),
    "cleared": (lambda: None, LATER, True),
    "its worker stops": (lambda: "running", LATER, True),
    "Airflow does not answer": (threading.Event().wait, LATER, False),
    "after its deadline": (lambda: "running", "2026-01-01T00:00:00+00:00", False),
}


@pytest.mark.parametrize(("state", "deadline", "is_there"), KILLED.values(), ids=KILLED)
def test_a_task_that_is_killed_while_it_has_a_request_carried_out(
    state: Callable[[], Any],
    deadline: str,
    is_there: bool,
    operator: RequestOperator,
    spark_env: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_end, "task_state", lambda *_: state())
    before = signal.signal(signal.SIGUSR1, lambda *_: operator.on_kill())
    python_that(spark_env, HAS_ITS_TASK_KILLED)
    with pytest.raises(AirflowFailException, match="exit code -15"):
        operator.answered(context() | {"ti": TASK}, {"outcome": "unattended"}, asked(tmp_path), deadline)
    signal.signal(signal.SIGUSR1, before)
    assert (requests.next_request(layout_of(tmp_path)) is not None) is is_there


def test_too_late_withdraws_the_request(operator: RequestOperator, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="the request was withdrawn"):
        operator.answered(context(), {"outcome": "late"}, asked(tmp_path), LATER)
    assert requests.next_request(layout_of(tmp_path)) is None


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered", "backfill", "asset_triggered"])
def test_only_the_schedule_removes_without_being_told_to(run_type: str, spark_env: Path) -> None:
    seen: list[bool] = []

    def from_params(_job: StreamJob, _params: Mapping[str, Any], is_scheduled: bool) -> None:
        seen.append(is_scheduled)

    env = {"SPARK_ENV_PATH": str(spark_env)}
    task = RequestOperator(task_id="t", job=INGESTION, from_params=from_params, timeout=timedelta(hours=1), env=env)
    for one in (run(run_type), SCHEDULED):
        with pytest.raises(AirflowSkipException):
            task.execute(context(one))
    assert seen == [False, True]


def test_a_task_that_is_cleared_asks_for_nothing_twice(operator: RequestOperator, tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    layout.control.mkdir(parents=True)
    a_job_runs(layout)

    def asked(of: SimpleNamespace = SCHEDULED) -> Request:
        with pytest.raises(TaskDeferred):
            operator.execute(context(of))
        request = requests.next_request(layout)
        assert isinstance(request, Request)
        return request

    first = asked()
    assert asked() == first, "tried again while it waits"
    requests.give(layout, Answer(first.id, first.kind, "failed", "the disk is full", ""))
    second = asked()
    assert second.id != first.id, "what failed can be tried again"
    requests.give(layout, Answer(second.id, second.kind, "done", "all done", ""))
    assert operator.execute(context()) == {"sentence": "all done", "report": []}
    assert requests.next_request(layout) is None
    assert asked(run("scheduled", "run-2")).id not in (first.id, second.id)


def test_what_removes_or_sends_is_not_done_again_once_nobody_knows_whether_it_was(
    spark_env: Path, tmp_path: Path, variables: VariableStore
) -> None:
    variables["OUTPUT_BASE_PATH"] = str(tmp_path / "out")
    layout = layout_of(tmp_path)
    layout.control.mkdir(parents=True)
    a_job_runs(layout)
    env = {"SPARK_ENV_PATH": str(spark_env)}
    task = RequestOperator(task_id="t", job=INGESTION, from_params=upkeep, timeout=timedelta(hours=1), env=env)
    asked = {**PARAMS, "start_over": "bike_trips", "confirm": "bike_trips", "dry_run": False}
    lately = SimpleNamespace(**{**vars(MANUAL), "run_after": datetime.now(UTC) - timedelta(hours=23)})
    with pytest.raises(TaskDeferred):
        task.execute({"dag_run": lately, "params": asked})
    request = requests.next_request(layout)
    assert isinstance(request, Request)
    requests.give(layout, Answer(request.id, request.kind, "done", "all done", ""))
    with pytest.raises(AirflowFailException, match="trigger a new run"):
        task.execute({"dag_run": MANUAL, "params": asked})
    assert requests.next_request(layout) is None
    assert task.execute({"dag_run": lately, "params": asked}) == {"sentence": "all done", "report": []}


def test_nothing_to_ask_skips_the_task(spark_env: Path, tmp_path: Path) -> None:
    env = {"SPARK_ENV_PATH": str(spark_env)}
    task = RequestOperator(task_id="t", job=ANALYTICS_JOB, from_params=upkeep, timeout=timedelta(hours=1), env=env)
    with pytest.raises(AirflowSkipException):
        task.execute({"dag_run": MANUAL, "params": {**PARAMS, "reset": "bike_trips"}})


# -- the trigger ----------------------------------------------------------------------------------------------------


def fired(root: Path, deadline: str = LATER) -> str:
    async def first() -> str:
        async for event in ResponseTrigger(str(root), "r-1", 10.0, deadline, poll_s=0.01).run():
            return str(event.payload["outcome"])
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(asyncio.wait_for(first(), 30))


def test_the_trigger_fires_with_the_last_answer_or_at_the_deadline(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert fired(tmp_path, "2026-01-01T00:00:00+00:00") == "late"
    requests.give(layout, Answer("r-1", "compaction", "done", "all done", ""))
    assert fired(tmp_path) == "answered"


def test_the_trigger_wakes_the_task_where_nobody_is_there_to_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_trigger, "UNATTENDED_AFTER_S", 0.05)
    requests.ask(Layout(tmp_path), Request("r-1", "compaction", LATER))
    requests.give(Layout(tmp_path), Answer("r-1", "compaction", "running", "on it", "", 1, 2))
    assert fired(tmp_path) == "unattended"


def test_a_job_on_another_host_whose_clock_is_wrong_is_there_to_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_trigger, "UNATTENDED_AFTER_S", 0.05)
    requests.ask(Layout(tmp_path), Request("r-1", "compaction", LATER))
    soon = iso(datetime.now(UTC) + timedelta(seconds=1))
    with FarDriver(Layout(tmp_path), timedelta(seconds=-15)):
        assert fired(tmp_path, soon) == "late"


@pytest.mark.parametrize(
    ("state", "is_there"), [("failed", False), ("removed", False), (None, True), ("deferred", True)]
)
def test_a_request_stays_only_where_its_task_goes_on(
    state: str | None, is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_end, "task_state", lambda *_: state)
    requests.ask(Layout(tmp_path), Request("r-1", "compaction", LATER))
    trigger = ResponseTrigger(str(tmp_path), "r-1", 10.0, LATER)
    trigger.task_instance = TASK
    asyncio.run(trigger.on_kill())
    assert (requests.next_request(Layout(tmp_path)) is not None) is is_there


def test_a_request_that_is_gone_without_an_answer_is_asked_again(operator: RequestOperator, tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    layout.control.mkdir(parents=True)
    a_job_runs(layout)
    assert fired(layout.root) == "gone"
    with pytest.raises(TaskDeferred) as deferred:
        operator.answered(context(), {"outcome": "gone"}, "r-1", LATER)
    request = requests.next_request(layout)
    assert isinstance(request, Request)
    assert deferred.value.kwargs == {"request_id": request.id, "deadline": LATER}
