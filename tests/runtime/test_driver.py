"""The life of a job, the parts that need no Spark: threads that go on, and what turns streams on and off."""

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.desired_state import DesiredState, write_desired_state
from spark_jobs.drivers.exit_codes import FAILED, WRONG_SETTINGS
from spark_jobs.paths import Layout
from spark_jobs.runtime import driver
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.driver import JobRun
from spark_jobs.runtime.driver_process import driver_identity
from spark_jobs.runtime.lease import acquire_lease
from spark_jobs.runtime.stream import Stream
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import ANALYTICS_JOB
from tests.patience import PATIENCE_S


def a_run(root: Path, follows_switches: bool = True) -> JobRun:
    settings = settings_from({"ANALYTICS_OUTPUT_PATH": str(root), "ENABLE_PEARSON_CORRELATIONS": "false"})
    writer = acquire_lease(Layout(root), driver_identity("job", None), timedelta(seconds=30), utc_now)
    return JobRun(ANALYTICS_JOB, settings, {}, follows_switches, writer, threading.Event())


def test_what_fails_beside_the_streams_is_a_warning_until_it_succeeds(tmp_path: Path) -> None:
    """A log that is never folded, say: nobody would know for months."""
    run, warnings, done = a_run(tmp_path), list[tuple[str, ...]](), threading.Event()

    def housekeep() -> None:
        warnings.append(run.heartbeat.status(utc_now()).warnings)
        if len(warnings) == 1:
            raise ValueError("the log is unreadable")
        if len(warnings) == 3:
            run._asked_to_stop.set()
            done.set()

    run._threads.every(0.001, "housekeeping", housekeep)
    assert done.wait(PATIENCE_S)
    assert [len(found) for found in warnings] == [0, 1, 0]
    assert "housekeeping failed and is tried again: " in warnings[1][0]
    assert "the log is unreadable" in warnings[1][0]


@pytest.mark.parametrize(("passes", "code"), [(True, FAILED), (False, WRONG_SETTINGS)])
def test_a_folder_that_cannot_be_had_for_a_while_is_no_wrong_setting(
    passes: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_folder: Path, _job: str) -> NoReturn:
        raise StreamFault("it cannot be written", "see to it", retryable=passes)

    monkeypatch.setattr(driver, "own", refuse)
    with pytest.raises(SystemExit) as ended:
        JobRun.begin(ANALYTICS_JOB, {"ANALYTICS_OUTPUT_PATH": str(tmp_path)})
    assert ended.value.code == code
    assert capsys.readouterr().err == "it cannot be written. Next step: see to it.\n"


# -- switches ---------------------------------------------------------------------------------------------------


class FakeStream:
    """Keeps what it was switched to."""

    def __init__(self, name: str) -> None:
        self.record = cast(Any, self)
        self.supervisor = cast(Any, self)
        self.name = name
        self.is_on: bool | None = None

    def switch(self, on: bool) -> None:
        self.is_on = on


def test_a_graceful_stop_lets_a_request_finish_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, done = a_run(tmp_path), list[str]()

    def ended(_code: int, _message: str) -> NoReturn:
        raise SystemExit(*done)

    def step() -> None:
        run._asked_to_stop.wait(PATIENCE_S)
        done.append("the step was finished")

    monkeypatch.setattr(run, "_end", ended)
    run._request_thread = run._threads.begin("requests", step)
    run._asked_to_stop.set()
    with pytest.raises(SystemExit, match="the step was finished"):
        run._stop_gracefully()


FLAGS = {"pearson_correlations": False, "weather_safety_analysis": True}


def switched(run: JobRun) -> dict[str, bool | None]:
    """Which streams are on, by the flags in the environment; the rollup has none."""
    streams = [FakeStream(name) for name in ("rollup", *FLAGS)]
    run.heartbeat.streams = cast("list[Stream]", streams)
    run._follow_switches()
    return {stream.name: stream.is_on for stream in streams}


def test_without_switches_the_flags_of_the_environment_hold(tmp_path: Path) -> None:
    assert switched(a_run(tmp_path)) == {"rollup": True, **FLAGS}


def test_switches_win_where_they_name_a_stream(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    write_desired_state(run.layout, DesiredState(True, {"pearson_correlations": True}), utc_now())
    assert switched(run) == {"rollup": True, "pearson_correlations": True, "weather_safety_analysis": True}
    assert not run._asked_to_stop.is_set()


def test_a_job_started_by_hand_does_not_look_at_switches(tmp_path: Path) -> None:
    run = a_run(tmp_path, follows_switches=False)
    write_desired_state(run.layout, DesiredState(False, {"pearson_correlations": True}), utc_now())
    assert switched(run) == {"rollup": True, **FLAGS}
    assert not run._asked_to_stop.is_set()


@pytest.mark.parametrize("more", [{}, {"streams": {}}], ids=["no streams", "streams that are empty"])
def test_a_document_that_names_no_streams_turns_the_job_off_all_the_same(more: dict[str, Any], tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.layout.switches.write_text(json.dumps({"schema_version": 1, "job_enabled": False, **more}))
    assert switched(run) == {"rollup": True, **FLAGS}
    assert run._asked_to_stop.is_set()


def test_a_document_that_is_none_changes_nothing(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.layout.switches.write_text('{"schema_version": 1, "job_ena')
    assert switched(run) == {"rollup": True, **FLAGS}
    assert not run._asked_to_stop.is_set()
