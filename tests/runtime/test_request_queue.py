"""The desk: every request gets a last answer in words, whatever happens to it."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.diagnosis import LeaseLost, StreamFault
from spark_jobs.documents import requests
from spark_jobs.documents.requests import Answer, Request
from spark_jobs.documents.status import Driver, Process
from spark_jobs.paths import Layout
from spark_jobs.runtime.request_queue import BEGUN_AT_MOST, Outcome, Refused, ReportProgress, RequestQueue, Work
from spark_jobs.runtime.writer import Writer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LINE = {"what": "checkpoint", "bytes": 7}


def may_write() -> None:
    """Nobody has taken over."""


def desk_of(root: Path, work: Work, check: Callable[[], None] = may_write) -> RequestQueue:
    writer = Writer(Driver("a-1", "host", (Process("python", 1, 2.5),)), 1, check)
    return RequestQueue(Layout(root), {"cleanup": work}, writer, lambda: NOW)


def asked(root: Path, kind: str = "cleanup", **arguments: Any) -> None:
    requests.ask(Layout(root), Request("r-1", kind, "2026-01-01T11:59:00+00:00", arguments))


def last_answer(root: Path) -> Answer:
    answer = requests.answer_to(Layout(root), "r-1")
    assert answer is not None
    return answer


def test_what_was_done_is_answered_and_the_next_look_finds_nothing(tmp_path: Path) -> None:
    seen: list[Mapping[str, Any]] = []

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        seen.append(arguments)
        tell("half way", 1, 2)
        told = last_answer(tmp_path)
        assert (told.state, told.sentence, told.done, told.of) == ("running", "half way", 1, 2)
        return Outcome("one thing removed", [LINE])

    asked(tmp_path, dry_run=False)
    desk = desk_of(tmp_path, work)
    assert desk.serve_next()
    answer = last_answer(tmp_path)
    assert (answer.state, answer.sentence, answer.report) == ("done", "one thing removed", (LINE,))
    assert (answer.instance, answer.at) == ("a-1", "2026-01-01T12:00:00+00:00")
    assert seen == [{"dry_run": False}]
    assert not desk.serve_next()


@pytest.mark.parametrize(
    ("failure", "state", "words"),
    [
        (Refused("say which stream"), "refused", "say which stream"),
        (StreamFault("the topic is gone", "create it; the stream goes on"), "failed", "Next step: create it, then ask"),
        (OSError(28, "No space left on device"), "failed", "the disk is full"),
        (KeyError("x"), "failed", "see the job's log for the whole story, then ask again"),
    ],
)
def test_a_failure_is_a_sentence_and_not_tried_for_ever(
    failure: Exception, state: str, words: str, tmp_path: Path
) -> None:
    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        raise failure

    asked(tmp_path)
    desk = desk_of(tmp_path, work)
    assert desk.serve_next()
    assert last_answer(tmp_path).state == state
    assert words in last_answer(tmp_path).sentence
    assert not desk.serve_next()


def test_an_unknown_or_unreadable_request_is_refused_in_words(tmp_path: Path) -> None:
    asked(tmp_path, kind="levitation")
    desk = desk_of(tmp_path, lambda _arguments, _tell: Outcome(""))
    assert desk.serve_next()
    assert last_answer(tmp_path).state == "refused"
    assert "it knows cleanup" in last_answer(tmp_path).sentence
    (Layout(tmp_path).requests / "odd.json").write_bytes(b"{")
    assert desk.serve_next()
    odd = requests.answer_to(Layout(tmp_path), "odd")
    assert odd is not None
    assert "cannot be read" in odd.sentence
    assert not desk.serve_next()


class Killed(BaseException):
    """What a kill -9 looks like to the desk."""


def test_a_request_that_ended_the_job_each_time_is_given_up(tmp_path: Path) -> None:
    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        raise Killed

    asked(tmp_path)
    for _ in range(BEGUN_AT_MOST):
        with pytest.raises(Killed):
            desk_of(tmp_path, work).serve_next()
        assert last_answer(tmp_path).state == "running"
    assert desk_of(tmp_path, work).serve_next()
    assert last_answer(tmp_path).state == "failed"
    assert "the job ended each time" in last_answer(tmp_path).sentence


def test_a_withdrawn_request_stops_at_its_next_step(tmp_path: Path) -> None:
    steps: list[int] = []

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        for step in range(3):
            tell("on it", step, 3)
            steps.append(step)
            requests.withdraw(Layout(tmp_path), "r-1")
        return Outcome("done")

    asked(tmp_path)
    desk = desk_of(tmp_path, work)
    assert desk.serve_next()
    assert steps == [0]
    assert not desk.serve_next()


def test_what_is_interrupted_is_not_held_against_the_request(tmp_path: Path) -> None:
    def withdrawn(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        requests.withdraw(Layout(tmp_path), "r-1")
        tell("on it")
        return Outcome("done")

    for _ in range(BEGUN_AT_MOST + 1):
        asked(tmp_path)
        assert desk_of(tmp_path, withdrawn).serve_next()
        assert (last_answer(tmp_path).state, last_answer(tmp_path).begun) == ("running", 0)
    asked(tmp_path)
    for _ in range(BEGUN_AT_MOST + 1):
        stop = threading.Event()

        def stopped(arguments: Mapping[str, Any], tell: ReportProgress, stop: threading.Event = stop) -> Outcome:
            stop.set()
            tell("on it")
            return Outcome("done")

        desk_of(tmp_path, stopped).serve(stop, pytest.fail)
        assert "its next start goes on with it" in last_answer(tmp_path).sentence
    assert desk_of(tmp_path, lambda _arguments, _tell: Outcome("done")).serve_next()
    assert (last_answer(tmp_path).state, last_answer(tmp_path).begun) == ("done", 1)


def test_who_lost_the_lease_stops_at_once_and_leaves_the_request_to_the_newer_driver(tmp_path: Path) -> None:
    def lease_lost() -> None:
        raise LeaseLost("a newer driver")

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        tell("on it")
        return Outcome("done")

    asked(tmp_path)
    stop, told = threading.Event(), []

    def end(sentence: str) -> None:
        told.append(sentence)
        stop.set()

    desk_of(tmp_path, work, lease_lost).serve(stop, end)
    assert told == ["a newer driver"]
    assert desk_of(tmp_path, work).serve_next()
    assert last_answer(tmp_path).state == "done"
