"""The tab "Refused": counts, messages and files of a period; content for those alone who may send them again."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.api_fastapi.app import init_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.dag import DagModel
from boston_page.period import Period
from boston_page.refused import letters, rights, routes
from boston_page.refused.letters import SCHEMA, Question, newest_letters
from boston_page.refused.replays import Replays
from fastapi import FastAPI
from fastapi.testclient import TestClient

from spark_jobs.documents.codec import iso
from spark_jobs.paths import Layout
from spark_jobs.publication.parquet_files import read_as
from tests.dags.spoilt_files import SPOILERS

BIKES = "bike_trips"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BAD, LATE, HTML = b"{", b"\xff\x00", b'<img src=x onerror="alert(1)">'
NOT_JSON, UNREADABLE = "the_message_is_not_json", "the_event_time_is_unreadable"
Letter = tuple[int, str, bytes | None, datetime]
PERIOD = {"from": "2026-03-03", "to": "2026-03-06"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Letters of two days; the first was sent again twice, and its second copy is a letter as well."""
    layout = Layout(tmp_path)
    refuse(layout, "3-0-a", [(0, NOT_JSON, BAD, NOON), (1, UNREADABLE, HTML, NOON)])
    refuse(layout, "12-0-a", [(2, NOT_JSON, LATE, NOON + timedelta(minutes=1))])
    refuse(layout, "20-0-a", [(9, "the_original_was_redriven_before", BAD, NOON + DAY)])
    count(layout, NOON, {"accepted": 7}, {NOT_JSON: 2, UNREADABLE: 1})
    count(layout, NOON + DAY, {"accepted": 5}, {"the_original_was_redriven_before": 1})
    replay(layout, [(0, 8, "accepted"), (0, 9, "the_original_was_redriven_before")])
    return layout


def refuse(layout: Layout, name: str, rows: Sequence[Letter], row_group_size: int | None = None) -> None:
    lines = [
        dict(zip(SCHEMA.names, ("bike-trips", 0, offset, at, reason, at, raw), strict=True))
        for offset, reason, raw, at in rows
    ]
    file = layout.dead_letters(BIKES) / f"date={rows[0][3].date()}" / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(lines, SCHEMA), file, row_group_size=row_group_size)


def count(layout: Layout, day: datetime, sums: dict[str, int], refused: dict[str, int]) -> None:
    lines = [{"measure": measure, "name": "", "rows": rows} for measure, rows in sums.items()]
    lines += [{"measure": "refused", "name": reason, "rows": rows} for reason, rows in refused.items()]
    write(layout.quality(BIKES) / f"date={day.date()}" / "data.parquet", lines)


def replay(layout: Layout, copies: Sequence[tuple[int, int, str]]) -> None:
    names = ("original_topic", "original_partition", "original_offset", "topic", "kafka_partition", "kafka_offset")
    lines: list[dict[str, Any]] = []
    for of, copy, what in copies:
        places = dict(zip(names, ("bike-trips", 0, of, "bike-trips", 0, copy), strict=True))
        lines.append({**places, "outcome": what, "at": NOON + DAY})
    write(layout.redriven(BIKES) / f"date={(NOON + DAY).date()}" / "data.parquet", lines)


def write(file: Path, lines: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(lines), file)


@pytest.fixture
def editor(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    with client_of(layout, monkeypatch, has_right=True) as client:
        yield client


@pytest.fixture
def viewer(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    with client_of(layout, monkeypatch, has_right=False) as client:
        yield client


def client_of(layout: Layout, monkeypatch: pytest.MonkeyPatch, has_right: bool) -> TestClient:
    monkeypatch.setattr(routes, "places", lambda: {"ingestion": SimpleNamespace(layout=layout)})
    app = FastAPI()
    app.include_router(routes.router)
    app.dependency_overrides[rights.has_right] = lambda: has_right
    return TestClient(app)


def ask(client: TestClient, path: str, **asked: str) -> dict[str, Any]:
    answer = client.get(path, params={**PERIOD, **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_counts_are_those_of_the_feeds_days(viewer: TestClient) -> None:
    found = ask(viewer, "/refused")
    assert found["days"] == ["2026-03-03", "2026-03-04", "2026-03-05"]
    assert found["feeds"][0] == {
        "feed": BIKES,
        "messages": 16,
        "reasons": [
            {"reason": NOT_JSON, "total": 2, "by_day": [0, 2, 0]},
            {"reason": UNREADABLE, "total": 1, "by_day": [0, 1, 0]},
            {"reason": "the_original_was_redriven_before", "total": 1, "by_day": [0, 0, 1]},
        ],
        "left_out": None,
    }
    assert [feed["reasons"] for feed in found["feeds"][1:]] == [[], [], []]


def test_messages_come_newest_first_each_with_what_became_of_it(editor: TestClient) -> None:
    found = ask(editor, f"/refused/{BIKES}")
    assert [line["message"] for line in found["messages"]] == [f"bike-trips/0/{offset}" for offset in (9, 2, 1, 0)]
    copy, _, other, first = found["messages"]
    assert first == {
        "message": "bike-trips/0/0",
        "refused_at": iso(NOON),
        "kafka_timestamp": iso(NOON),
        "reason": NOT_JSON,
        "copy_of": None,
        "outcome": "accepted",
        "sent_as": "bike-trips/0/8",
        "replayed_at": iso(NOON + DAY),
        "value": "{",
        "is_cut": False,
    }
    assert (copy["copy_of"], copy["outcome"]) == ("bike-trips/0/0", "accepted")
    assert (other["outcome"], other["sent_as"], other["value"]) == (None, None, HTML.decode())
    assert not found["is_cut"]


def test_a_message_with_a_time_that_python_does_not_have_is_listed_without_it(
    editor: TestClient, layout: Layout
) -> None:
    (file,) = (layout.dead_letters(BIKES) / f"date={(NOON + DAY).date()}").iterdir()
    place = SCHEMA.get_field_index("kafka_timestamp")
    far = pa.array([1544952607890000 * 1000], SCHEMA.field(place).type)
    pq.write_table(pq.read_table(file).set_column(place, SCHEMA.field(place), far), file)
    newest = ask(editor, f"/refused/{BIKES}")["messages"][0]
    assert (newest["message"], newest["kafka_timestamp"]) == ("bike-trips/0/9", None)


def test_of_one_reason_and_one_period(editor: TestClient) -> None:
    found = ask(editor, f"/refused/{BIKES}", reason=NOT_JSON)
    assert [line["message"][-1] for line in found["messages"]] == ["2", "0"]
    found = ask(editor, f"/refused/{BIKES}", **{"from": "2026-03-04T12:00:30", "to": "2026-03-04T13:00"})
    assert [line["message"][-1] for line in found["messages"]] == ["2"]
    assert ask(editor, f"/refused/{BIKES}", reason="' OR 1=1")["messages"] == []


def test_what_is_no_text_is_shown_as_base64(editor: TestClient) -> None:
    found = ask(editor, f"/refused/{BIKES}", reason=NOT_JSON)
    assert found["messages"][0]["value_base64"] == "/wA="
    assert "value" not in found["messages"][0]


def test_of_a_long_message_the_page_says_that_it_shows_the_beginning(
    editor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "SHOWN_CHARACTERS", len("the_event_time_is_unreadable"))
    shown = {message["message"]: message for message in ask(editor, f"/refused/{BIKES}", **PERIOD)["messages"]}
    assert (shown["bike-trips/0/1"]["value"], shown["bike-trips/0/1"]["is_cut"]) == (HTML.decode()[:28], True)
    assert (shown["bike-trips/0/0"]["value"], shown["bike-trips/0/0"]["is_cut"]) == (BAD.decode(), False)


def letter_file(layout: Layout) -> Path:
    return layout.dead_letters(BIKES) / f"date={NOON.date()}" / "3-0-a.parquet"


@pytest.mark.parametrize("spoil", SPOILERS)
def test_messages_that_cannot_be_read_are_left_out_and_that_is_said(
    editor: TestClient, layout: Layout, spoil: Callable[[Path], None]
) -> None:
    spoil(letter_file(layout))
    found = ask(editor, f"/refused/{BIKES}")
    assert [line["message"][-1] for line in found["messages"]] == ["9", "2"]
    assert found["left_out"].startswith(f"1 file is left out: {letter_file(layout)} cannot be read: ")
    for kind in ("ndjson", "parquet"):
        answer = editor.get(f"/refused/{BIKES}/rows.{kind}", params=PERIOD)
        name = f"bike_trips-refused-incomplete.{kind}"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert UNREADABLE not in content_of(answer, kind)
        assert "the_original_was_redriven_before" in content_of(answer, kind)


@pytest.mark.parametrize("spoil", SPOILERS)
def test_a_day_whose_counts_or_replays_cannot_be_read_is_left_out_and_that_is_said(
    viewer: TestClient, layout: Layout, spoil: Callable[[Path], None]
) -> None:
    counted = layout.quality_day(BIKES, NOON.date())
    spoil(counted)
    bikes, *others = ask(viewer, "/refused")["feeds"]
    assert [(one["reason"], one["by_day"]) for one in bikes["reasons"]] == [
        ("the_original_was_redriven_before", [0, 0, 1])
    ]
    assert bikes["left_out"].startswith(f"1 file is left out: {counted} cannot be read: ")
    assert [feed["left_out"] for feed in others] == [None, None, None]
    replayed = layout.redriven_day(BIKES, (NOON + DAY).date())
    spoil(replayed)
    found = ask(viewer, f"/refused/{BIKES}")
    assert len(found["messages"]) == 4
    assert found["left_out"].startswith(f"1 file is left out: {replayed} cannot be read: ")


def test_what_came_before_the_damage_in_a_file_is_shown(large: Layout) -> None:
    (file,) = large.dead_letters(BIKES).rglob("*.parquet")
    start = pq.read_metadata(file).row_group(1).column(0).data_page_offset
    damaged = bytearray(file.read_bytes())
    damaged[start : start + 40] = bytes(40)
    file.write_bytes(damaged)
    asked = Question(BIKES, Period(NOON - DAY, NOON + DAY), None, has_right=False)
    found = newest_letters(large, asked, most=10_000)
    assert found.rows["kafka_offset"].to_pylist() == list(range(599, 399, -1))
    assert len(found.unreadable) == 1


def content_of(answer: Any, path: str) -> str:
    if path.endswith("parquet"):
        return str(pq.read_table(io.BytesIO(answer.content)).to_pylist())
    return str(answer.text)


@pytest.mark.parametrize("path", ["", "/rows.ndjson", "/rows.parquet"])
@pytest.mark.parametrize("has_right", [True, False])
def test_content_is_for_those_who_may_send_it_again(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, path: str, has_right: bool
) -> None:
    with client_of(layout, monkeypatch, has_right) as client:
        answer = client.get(f"/refused/{BIKES}{path}", params=PERIOD)
    content = content_of(answer, path)
    assert UNREADABLE in content
    assert ("onerror" in content) is has_right


def test_files_have_what_the_dead_letters_have(editor: TestClient) -> None:
    answer = editor.get(f"/refused/{BIKES}/rows.parquet", params=PERIOD)
    rows = pq.read_table(io.BytesIO(answer.content))
    assert dict(zip(rows["kafka_offset"].to_pylist(), rows["raw"].to_pylist(), strict=True)) == {
        **{0: BAD, 1: HTML},
        **{2: LATE, 9: BAD},
    }
    answer = editor.get(f"/refused/{BIKES}/rows.ndjson", params={**PERIOD, "reason": UNREADABLE})
    (line,) = map(json.loads, answer.text.splitlines())
    assert (line["message"], line["value"]) == ("bike-trips/0/1", HTML.decode())
    assert answer.headers["content-disposition"] == 'attachment; filename="bike_trips-refused.ndjson"'


def test_no_more_files_are_read_than_needed(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    parts = letters._parts

    def look(file: Path, *more: Any) -> Iterator[pa.Table]:
        read.append(file.stem)
        return parts(file, *more)

    monkeypatch.setattr(letters, "_parts", look)
    asked = Question(BIKES, Period(NOON - DAY, NOON + 2 * DAY), None, has_right=False)
    found = newest_letters(layout, asked, most=2)
    assert (found.rows["kafka_offset"].to_pylist(), found.is_cut, read) == ([9, 2], True, ["20-0-a", "12-0-a"])
    of_that_day = Question(BIKES, Period(NOON, NOON + timedelta(hours=1)), None, has_right=False)
    read.clear()
    assert newest_letters(layout, of_that_day, most=9).is_cut is False
    assert read == ["12-0-a", "3-0-a"], "other days are not looked into"
    monkeypatch.setattr(letters, "MOST_FILES", 1)
    assert newest_letters(layout, asked, most=9).is_cut, "files were too many"


@pytest.fixture
def large(tmp_path: Path) -> Layout:
    """A day that compaction has made one file, of three row groups: 600 messages of 1,000 bytes, every third rare."""
    layout = Layout(tmp_path)
    rows = [(n, "rare" if n % 3 == 0 else NOT_JSON, b"%03d" % n * 333, NOON) for n in range(600)]
    refuse(layout, "7-0-a", rows, row_group_size=200)
    return layout


@pytest.mark.parametrize(("reason", "step"), [(None, 1), ("rare", 3)])
@pytest.mark.parametrize("most_bytes", [30_000, 150_000])
def test_messages_fill_so_many_bytes_and_hardly_more(
    large: Layout, monkeypatch: pytest.MonkeyPatch, most_bytes: int, reason: str | None, step: int
) -> None:
    monkeypatch.setattr(letters, "MOST_BYTES", most_bytes)
    asked = Question(BIKES, Period(NOON - DAY, NOON + DAY), reason, has_right=True)
    found = newest_letters(large, asked, most=10_000)
    rows = found.rows
    assert found.is_cut
    assert most_bytes <= rows.nbytes < 2 * most_bytes + 100 * 1_100
    last = (599 // step) * step
    offsets = rows["kafka_offset"].to_pylist()
    assert offsets == list(range(last, last - step * len(offsets), -step)), "the newest, without a hole"
    assert rows["raw"].to_pylist() == [b"%03d" % offset * 333 for offset in offsets]


def test_content_is_read_of_meant_messages_alone(large: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "_with_content", None)
    asked = Question(BIKES, Period(NOON - DAY, NOON + DAY), "another", has_right=True)
    assert newest_letters(large, asked, most=50).rows.num_rows == 0


@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
def test_a_file_that_is_cut_says_so_in_its_name(editor: TestClient, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(routes, "DOWNLOADED", 3)
    answer = editor.get(f"/refused/{BIKES}/rows.{kind}", params=PERIOD)
    assert answer.headers["content-disposition"] == f'attachment; filename="bike_trips-refused-newest-3.{kind}"'


def test_lines_are_sent_as_they_are_made(editor: TestClient) -> None:
    answer = editor.get(f"/refused/{BIKES}/rows.ndjson", params=PERIOD)
    assert len(answer.text.splitlines()) == 4
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/refused/rollup", {}, 404),
        ("/refused/..%2f..", {}, 404),
        ("/refused", {"from": "yesterday"}, 422),
        ("/refused", {"days": "400"}, 422),
        (f"/refused/{BIKES}", {"zone": "mars"}, 422),
    ],
)
def test_what_cannot_be_read_is_told(editor: TestClient, path: str, asked: dict[str, str], status: int) -> None:
    assert editor.get(path, params=asked).status_code == status


def test_only_days_with_replays_since_then_are_looked_into(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long ago a question begins: it is asked every 10 seconds."""
    looked: list[str] = []

    def look(file: Path, *how: Any, **more: Any) -> pa.Table:
        looked.append(file.parent.name)
        return read_as(file, *how, **more)

    monkeypatch.setattr("boston_page.refused.replays.read_as", look)
    Replays(layout, BIKES, datetime(1971, 1, 1, tzinfo=UTC))
    Replays(layout, BIKES, NOON + 2 * DAY)
    assert looked == [f"date={(NOON + DAY).date()}"]


ROLES = {"viewer": False, "user": True, "op": True, "admin": True, None: False}


@pytest.mark.parametrize(("role", "may"), ROLES.items())
def test_airflow_says_who_may_send_it_again(role: str | None, may: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    init_auth_manager()
    monkeypatch.setattr(DagModel, "get_team_name", lambda _dag: None)
    assert rights.has_right(SimpleAuthManagerUser(username="somebody", role=role)) is may


def test_who_cannot_be_known_sees_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_: Any) -> bool:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(rights, "may_trigger", fails)
    user: Any = SimpleNamespace(get_name=lambda: "somebody")
    assert rights.has_right(user) is False
    assert "whether somebody may trigger redrive is not known: the database is away" in caplog.text
