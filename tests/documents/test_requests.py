"""Requests and answers: what is asked once is found until its last answer stands, and never after."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.documents import requests
from spark_jobs.documents.requests import Answer, Request, Unreadable
from spark_jobs.paths import Layout

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def request(request_id: str = "r-1") -> Request:
    return Request(request_id, "compaction", "2026-01-01T12:00:00+00:00", {"feed": "bike_trips"})


def answer(state: str, request_id: str = "r-1") -> Answer:
    return Answer(request_id, "compaction", state, "one sentence", "", 1, 2, ({"what": "x"},), "i", 1)


def test_a_request_and_its_answer_read_back_as_they_were_written(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert requests.next_request(layout) is None
    requests.ask(layout, request())
    assert requests.next_request(layout) == request()
    assert requests.answer_to(layout, "r-1") is None
    requests.give(layout, answer(requests.RUNNING))
    assert requests.answer_to(layout, "r-1") == answer(requests.RUNNING)


def test_a_request_is_found_until_its_last_answer_stands_and_is_not_taken_twice(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    requests.ask(layout, request())
    requests.give(layout, answer(requests.RUNNING))
    assert requests.next_request(layout) == request(), "a crash left it half done"
    requests.give(layout, answer(requests.DONE))
    assert requests.next_request(layout) is None
    requests.ask(layout, request())
    assert requests.next_request(layout) is None, "the answer stands already"


def test_a_request_that_a_crash_left_behind_its_last_answer_is_removed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    requests.ask(layout, request())
    document = (layout.requests / "r-1.json").read_bytes()
    requests.give(layout, answer(requests.FAILED))
    (layout.requests / "r-1.json").write_bytes(document)
    assert requests.next_request(layout) is None
    assert list(layout.requests.iterdir()) == []


def test_requests_come_oldest_first(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for number in (3, 1, 2):
        requests.ask(layout, request(requests.new_id("cleanup", NOW + timedelta(seconds=number))))
    first = requests.next_request(layout)
    assert first is not None
    assert first.id.startswith("20260101T120001")


def test_a_withdrawn_request_is_gone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    requests.ask(layout, request())
    assert not requests.is_withdrawn(layout, "r-1")
    requests.withdraw(layout, "r-1")
    assert requests.is_withdrawn(layout, "r-1")
    assert requests.next_request(layout) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"schema_version": 1, "kind": "redrive", "at": "", "arguments": {"at_most": NaN}}', "not JSON"),
        (b"[]", "schema_version 1"),
        (b'{"schema_version": 2}', "schema_version 1"),
        (json.dumps({"schema_version": 1, "kind": 7, "at": ""}).encode(), "'kind'"),
    ],
)
def test_what_is_no_request_says_why(content: bytes, why: str, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.requests.mkdir(parents=True)
    (layout.requests / "odd.json").write_bytes(content)
    found = requests.next_request(layout)
    assert isinstance(found, Unreadable)
    assert why in found.why


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_long_name(path: Path) -> None:
    path.with_name("a" * 250 + ".json").write_text("{}")


@pytest.mark.parametrize("make", [a_folder, a_link_to_nothing, a_pipe, a_long_name])
def test_what_cannot_be_answered_does_not_hold_up_the_others(make: Callable[[Path], None], tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.requests.mkdir(parents=True)
    make(layout.requests / "a.json")
    assert requests.next_request(layout) is None
    requests.ask(layout, request())
    assert requests.next_request(layout) == request()


def test_an_answered_request_that_cannot_be_removed_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    for number in (1, 2):
        requests.ask(layout, request(f"r-{number}"))

    def denied(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", denied)
    with pytest.raises(PermissionError):
        requests.give(layout, answer(requests.DONE))
    assert requests.next_request(layout) == request("r-2")


def test_an_answer_of_another_version_counts_as_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.answers.mkdir(parents=True)
    good = json.dumps({"schema_version": 1, **asdict(answer(requests.RUNNING))}).encode()
    odd = good.replace(b'"begun": 1', b'"begun": "often"')
    assert odd != good
    for content in (b"", b"[]", b"[" * 100_000, b'{"schema_version": 9}', b'{"schema_version": 1}', odd):
        (layout.answers / "r-1.json").write_bytes(content)
        assert requests.answer_to(layout, "r-1") is None


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200])
def test_an_id_must_be_a_file_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot name a request"):
        requests.ask(Layout(tmp_path), request(name))
