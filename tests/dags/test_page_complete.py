"""The tab "Complete?" and its JSON: each word and figure of an hour from the files and documents that a feed leaves."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from boston_page.complete import routes
from boston_page.complete.hour_rows import late_rows, rows_in
from boston_page.complete.kept_hours import KeptHours
from boston_page.complete.routes import router
from fastapi import FastAPI
from fastapi.testclient import TestClient

from spark_jobs.documents.codec import decode, iso
from spark_jobs.documents.complete_hours import (
    CompleteHours,
    FeedHours,
    HourEvent,
    append_history,
    write_complete_hours,
)
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from tests.dags.spoilt_files import give_other_columns, give_other_types, make_unopenable, truncate

BIKES = "bike_trips"
TEN = datetime(2018, 1, 15, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEWEST = TEN + 2 * HOUR + timedelta(minutes=20)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Rows at 10, 11 and 12 o'clock and none at 9; complete up to 12; two late rows at 10 in one batch."""
    layout = Layout(tmp_path)
    log = PublicationLog(layout, BIKES)
    log.begin(Entry("origin", {}, rows={"total": 0}), NEWEST)
    origin = log.origin()
    assert origin is not None
    write(layout, TEN, "1-0-a", [(0, 0), (0, 1), (1, 0)])
    write(layout, TEN, "5-0-a", [(0, 9), (1, 7)])
    write(layout, TEN + HOUR, "2-0-a", [(0, 2)])
    write(layout, TEN + 2 * HOUR, "4-0-a", [(0, 8)])
    ends = {"0": 8, "1": 7}
    lines = [
        HourEvent(origin.id, iso(NEWEST), 3, iso(TEN - HOUR), iso(TEN + HOUR), ends, 4),
        HourEvent(origin.id, iso(NEWEST + HOUR), 4, iso(TEN + HOUR), iso(TEN + 2 * HOUR), ends, 1),
        HourEvent(origin.id, iso(NEWEST + 2 * HOUR), 5, revised=(iso(TEN),)),
    ]
    append_history(layout, BIKES, lines)
    tell(layout, origin.id)
    return layout


def write(layout: Layout, hour: datetime, name: str, rows: Sequence[tuple[int, int]]) -> None:
    file = layout.dataset(BIKES) / hour_folder(hour) / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = {"kafka_partition": [row[0] for row in rows], "kafka_offset": [row[1] for row in rows]}
    pq.write_table(pa.table(columns, schema=pa.schema({name: pa.int64() for name in columns})), file)


def tell(layout: Layout, log: str, age: timedelta = timedelta(0), newest: datetime = NEWEST) -> None:
    told = FeedHours(iso(datetime.now(UTC) - age), log, iso(TEN + 2 * HOUR), iso(newest))
    write_complete_hours(layout, CompleteHours({BIKES: told}))


@pytest.fixture
def client(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(routes, "places", lambda: {"ingestion": SimpleNamespace(layout=layout)})
    monkeypatch.setattr(routes, "_kept", KeptHours())
    app = FastAPI()
    app.include_router(router)
    with TestClient(app) as client:
        yield client


def hours(client: TestClient, **asked: str) -> dict[int, dict[str, Any]]:
    """Hour of the day -> what is said of it."""
    question = {"feed": BIKES, "from": "2018-01-15T09:00", "to": "2018-01-15T14:00", **asked}
    answer = client.get("/complete", params=question)
    assert answer.status_code == 200, answer.text
    (feed,) = answer.json()["feeds"]
    assert [hour["hour"] for hour in feed["hours"]] == sorted((hour["hour"] for hour in feed["hours"]), reverse=True)
    return {datetime.fromisoformat(hour["hour"]).hour: hour for hour in feed["hours"]}


def test_each_hour_has_its_word(client: TestClient) -> None:
    words = {hour: found["state"] for hour, found in hours(client).items()}
    assert words == {9: "nothing came", 10: "complete", 11: "complete", 12: "filling", 13: "filling"}


def test_where_nobody_looks_what_was_complete_stays_so_and_the_rest_is_unknown(
    client: TestClient, layout: Layout
) -> None:
    origin = PublicationLog(layout, BIKES).origin()
    assert origin is not None
    tell(layout, origin.id, age=timedelta(minutes=1))
    words = {hour: found["state"] for hour, found in hours(client).items()}
    assert words == {9: "nothing came", 10: "complete", 11: "complete", 12: "unknown", 13: "unknown"}
    tell(layout, origin.id, age=timedelta(hours=-3))
    assert hours(client)[12]["state"] == "unknown", "told by a clock that was set back since"
    tell(layout, "another log")
    assert hours(client)[12]["state"] == "unknown"
    layout.complete_hours.write_bytes(b'{"schema_version": 1, "fee')
    assert hours(client)[12]["state"] == "unknown"
    assert hours(client)[11]["state"] == "complete"


def test_rows_late_rows_and_revision_are_those_of_the_files(client: TestClient) -> None:
    found = {hour: (one["rows"], one["late"], one["revision"]) for hour, one in hours(client).items()}
    assert found == {9: (0, 0, 1), 10: (5, 2, 2), 11: (1, 0, 1), 12: (1, 0, 0), 13: (0, 0, 0)}


def test_refused_messages_are_counted_where_the_hour_was_filling(client: TestClient) -> None:
    assert {hour: one["refused"] for hour, one in hours(client).items()} == {9: None, 10: 4, 11: 1, 12: None, 13: None}


def test_a_file_that_comes_and_one_that_was_merged_are_seen(client: TestClient, layout: Layout) -> None:
    assert hours(client)[10]["rows"] == 5
    write(layout, TEN, "6-0-a", [(0, 0), (0, 1), (1, 0), (0, 9), (1, 7)])
    folder = layout.dataset(BIKES) / hour_folder(TEN)
    for name in ("1-0-a", "5-0-a"):
        (folder / f"{name}.parquet").unlink()
    assert (hours(client)[10]["rows"], hours(client)[10]["late"]) == (5, 2)


def make_absent(file: Path) -> None:
    file.unlink()
    file.symlink_to("gone")


@pytest.mark.parametrize("spoil", [truncate, make_unopenable, make_absent])
@pytest.mark.parametrize("name", ["1-0-a", "5-0-a"])
def test_an_hour_that_cannot_be_read_is_unknown_and_all_others_are_shown(
    client: TestClient, layout: Layout, spoil: Callable[[Path], None], name: str
) -> None:
    folder = layout.dataset(BIKES) / hour_folder(TEN)
    sound = (folder / f"{name}.parquet").read_bytes()
    before = hours(client)[10]
    write(layout, TEN, "6-0-a", [(0, 10)])
    spoil(folder / f"{name}.parquet")
    rows_in.cache_clear()
    found = hours(client)
    ten = found[10]
    assert (ten["state"], ten["rows"], ten["late"], ten["complete_at"]) == ("unknown", None, None, None)
    assert ten["unreadable"].startswith(f"{folder}")
    assert "cannot be read: " in ten["unreadable"]
    assert {hour: one["state"] for hour, one in found.items() if hour != 10} == {
        **{9: "nothing came", 11: "complete"},
        **{12: "filling", 13: "filling"},
    }
    assert {one["unreadable"] for hour, one in found.items() if hour != 10} == {None}
    (folder / f"{name}.parquet").unlink()
    (folder / f"{name}.parquet").write_bytes(sound)
    (folder / "6-0-a.parquet").unlink()
    assert hours(client)[10] == before, "what was damaged is read again once it is there"


@pytest.mark.parametrize("spoil", [give_other_columns, give_other_types])
def test_of_a_file_that_is_not_ours_nobody_knows_what_is_late(
    client: TestClient, layout: Layout, spoil: Callable[[Path], None]
) -> None:
    foreign = layout.dataset(BIKES) / hour_folder(TEN) / "5-0-a.parquet"
    spoil(foreign)
    ten = hours(client)[10]
    assert (ten["state"], ten["late"]) == ("unknown", None)
    assert ten["unreadable"].startswith(f"{foreign} cannot be read: ")


def test_an_hour_whose_folder_cannot_be_listed_is_no_hour_without_rows(client: TestClient, layout: Layout) -> None:
    folder = layout.dataset(BIKES) / hour_folder(TEN)
    shutil.rmtree(folder)
    folder.symlink_to(folder.name)
    assert hours(client)[10]["state"] == "unknown"


@pytest.mark.parametrize("which", ["history", "present"])
def test_of_a_feed_whose_documents_cannot_be_read_nothing_is_known(
    client: TestClient, layout: Layout, which: str
) -> None:
    path = layout.hour_history(BIKES) if which == "history" else layout.complete_hours
    path.unlink()
    path.symlink_to(path.name)
    words = {hour: found["state"] for hour, found in hours(client).items()}
    assert words[13] == "unknown"
    assert (words[10] == "unknown") is (which == "history")


def test_without_a_period_the_day_up_to_the_newest_event_is_shown(client: TestClient) -> None:
    answer = client.get("/complete").json()
    assert (answer["from"], answer["to"]) == ("2018-01-14T13:00:00+00:00", "2018-01-15T13:00:00+00:00")
    assert [feed["feed"] for feed in answer["feeds"]] == [BIKES, "taxi_trips", "weather_data", "accidents"]
    silent = answer["feeds"][1]
    assert {hour["state"] for hour in silent["hours"]} == {"unknown"}
    assert silent["complete_before"] is None


def test_an_event_ahead_of_the_clock_is_not_waited_for(client: TestClient, layout: Layout) -> None:
    origin, now = PublicationLog(layout, BIKES).origin(), datetime.now(UTC)
    assert origin is not None
    tell(layout, origin.id, newest=now + timedelta(hours=20))
    answer = client.get("/complete").json()
    assert datetime.fromisoformat(answer["to"]) <= now + HOUR + timedelta(minutes=1)


def test_before_the_feeds_first_hour_nobody_knows_what_came(client: TestClient) -> None:
    found = hours(client, **{"from": "1980-01-01T00:00", "to": "1980-01-01T02:00"})
    assert {(one["state"], one["revision"], one["complete_at"]) for one in found.values()} == {("unknown", 0, None)}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"feed": "../x"}, 404),
        ({"zone": "mars"}, 422),
        ({"from": "x"}, 422),
        ({"to": "0001-01-01"}, 422),
        ({"days": "32"}, 422),
        ({"days": "-1"}, 422),
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_gets_a_sentence(client: TestClient, asked: dict[str, str], code: int) -> None:
    answer = client.get("/complete", params=asked)
    assert answer.status_code == code
    assert answer.json()["detail"]


def test_a_row_of_a_partition_that_nobody_knew_came_late(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"kafka_partition": [0, 0, 1], "kafka_offset": [4, 5, 0]}), file)
    assert late_rows(str(file), (("0", 5),)) == 2
    assert late_rows(str(file), (("0", 6), ("1", 1))) == 0


def test_of_a_history_only_what_was_added_is_read(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """It only grows, and the page asks every 10 seconds."""
    read: list[bytes] = []

    def look(line: bytes, kind: type[HourEvent]) -> HourEvent | None:
        read.append(line)
        return decode(line, kind)

    monkeypatch.setattr("spark_jobs.documents.complete_hours.decode", look)
    kept, origin = KeptHours(), PublicationLog(layout, BIKES).origin()
    assert origin is not None
    assert kept.of(layout, BIKES, origin.id).revision_of(TEN) == 2
    assert kept.of(layout, BIKES, origin.id).revision_of(TEN) == 2
    assert len(read) == 3
    append_history(layout, BIKES, [HourEvent(origin.id, iso(NEWEST), 6, revised=(iso(TEN),))])
    assert kept.of(layout, BIKES, origin.id).revision_of(TEN) == 3
    assert len(read) == 4


def test_half_a_line_is_read_once_it_is_whole(layout: Layout) -> None:
    kept, origin = KeptHours(), PublicationLog(layout, BIKES).origin()
    assert origin is not None
    path = layout.hour_history(BIKES)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert kept.of(layout, BIKES, origin.id).revision_of(TEN) == 1
    with path.open("ab") as file:
        file.write(whole[-9:])
    assert kept.of(layout, BIKES, origin.id).revision_of(TEN) == 2


def test_a_history_that_was_replaced_or_cut_is_read_again(layout: Layout) -> None:
    kept, origin = KeptHours(), PublicationLog(layout, BIKES).origin()
    assert origin is not None
    path = layout.hour_history(BIKES)
    assert kept.of(layout, BIKES, origin.id).complete_before == TEN + 2 * HOUR
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert kept.of(layout, BIKES, origin.id).complete_before == TEN + HOUR
    assert kept.of(layout, BIKES, "another log").complete_before is None
    path.unlink()
    assert kept.of(layout, BIKES, origin.id).complete_before is None
