"""Documents with a value that nobody could reckon with: they count as absent, and stop nobody."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.documents.accepted_settings import AcceptedSettings
from spark_jobs.documents.announced_hours import AnnouncedHours, OlderHours
from spark_jobs.documents.codec import decode, encode, iso
from spark_jobs.documents.complete_hours import FeedHours, HourEvent
from spark_jobs.documents.history import START, Event, History, note_events, read_history
from spark_jobs.documents.lag_history import LagHistory, LagPoint
from spark_jobs.documents.lease import Lease, newest_token, take_token
from spark_jobs.documents.status import Driver, JobState, Process, Status, StreamStatus, read_status, write_status
from spark_jobs.documents.watch_memory import Incident, Notification, Restarts, WatchMemory
from spark_jobs.drivers.observation import DriverObserver
from spark_jobs.paths import Layout

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT = iso(NOW)
ME = Driver("a-1", "host", (Process("python", 1, 2.5),))
STREAM = StreamStatus("rollup", last_progress_at=AT, unread_since=AT, caught_up_to=AT, next_retry_at=AT)
DOCUMENTS: list[Any] = [
    Status("ingestion", ME, 3, AT, AT, JobState.RUNNING, "f", streams=(STREAM,)),
    Lease(3, AT, "a-1", "host", ME.processes),
    History((Event(AT, START, "was started"),)),
    LagHistory((LagPoint(AT, {"rollup": 1.5}),)),
    FeedHours(AT, "log", AT, AT),
    HourEvent("log", AT, 3, AT, AT, revised=(AT,)),
    AnnouncedHours("log", 3, AT, (OlderHours(AT, AT),)),
    AcceptedSettings(variables={"BATCH_INTERVAL": AT}),
    WatchMemory(
        restarts=Restarts(2, AT),
        incidents={"down": Incident("it is down", "start it", AT, AT)},
        undelivered=(Notification("down", False, "it is down", "start it", AT, next_try_at=AT),),
    ),
]
ODD_TIMES = ["yesterday", "", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59+00:00", 7]
ODD_PIDS = [-5, 10**30, "one", None]


def with_one_replaced(document: object, old: object, new: object) -> list[Any]:
    """The document as often as the value is in it, each time with another one of them replaced."""
    if document == old and type(document) is type(old):
        return [new]
    if isinstance(document, dict):
        parts = list(document.items())
        return [{**document, key: odd} for key, part in parts for odd in with_one_replaced(part, old, new)]
    if isinstance(document, list):
        parts = list(enumerate(document))
        return [
            [*document[:at], odd, *document[at + 1 :]]
            for at, part in parts
            for odd in with_one_replaced(part, old, new)
        ]
    return []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_a_time_that_nobody_could_reckon_with_makes_no_document(document: Any) -> None:
    fields = json.loads(encode(document))
    times = str(asdict(document)).count(AT)
    for odd_time in ODD_TIMES:
        odd_ones = with_one_replaced(fields, AT, odd_time)
        assert len(odd_ones) == times
        assert [decode(json.dumps(odd).encode(), type(document)) for odd in odd_ones] == [None] * times
    assert decode(json.dumps(fields).encode(), type(document)) == document


STATUS_ON_DISK = json.loads(encode(DOCUMENTS[0])) | asdict(ME)
ODD_STATUS = {
    **{f"at {time!r}": {"at": time} for time in ODD_TIMES},
    **{f"pid {pid!r}": {"processes": [{"role": "python", "pid": pid, "started_at": 1.0}]} for pid in ODD_PIDS},
}


@pytest.mark.parametrize("odd", ODD_STATUS.values(), ids=ODD_STATUS)
def test_an_odd_status_is_none_for_whoever_reads_it(odd: dict[str, Any], tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_status(layout, DOCUMENTS[0])
    assert read_status(layout) == DOCUMENTS[0]
    layout.status.write_text(json.dumps(STATUS_ON_DISK | odd))
    assert read_status(layout) is None
    assert DriverObserver(layout).look(0.0).status is None


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    ("document", "number"), [(DOCUMENTS[1], "2.5"), (LagHistory((LagPoint(AT, {"r": 1.5}),)), "1.5")]
)
def test_a_number_that_is_none_or_has_no_end_makes_no_document(document: Any, number: str, odd: str) -> None:
    content = encode(document).decode()
    assert content.count(number) == 1
    assert decode(content.replace(number, odd).encode(), type(document)) is None
    assert decode(content.replace(number, "-2.5e3").encode(), type(document)) is not None


def test_a_document_too_deep_to_be_read_is_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.control.mkdir()
    for path in (layout.status, layout.history):
        path.write_text("[" * 100_000)
    assert (read_status(layout), read_history(layout)) == (None, History())


def test_what_happens_is_noted_after_a_history_that_is_odd(tmp_path: Path) -> None:
    layout, news = Layout(tmp_path), Event(AT, START, "was started")
    layout.control.mkdir()
    for odd_time in ODD_TIMES:
        document = json.loads(encode(History((news,))))
        layout.history.write_text(json.dumps(document).replace(json.dumps(AT), json.dumps(odd_time)))
        note_events(layout, [news], NOW + timedelta(seconds=1))
        assert read_history(layout).events == (news,)


def test_a_file_among_the_tokens_that_is_none_keeps_nobody_from_the_next(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert take_token(layout, ME, NOW) == 1
    (layout.tokens / "0000000001 (copy).json").write_bytes(b"")
    assert newest_token(layout) == 1
    assert take_token(layout, ME, NOW) == 2
