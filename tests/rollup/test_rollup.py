"""How the rollup follows four feeds that do not stop each other."""

import errno
import time
from pathlib import Path
from shutil import rmtree
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_jobs.catalog import ROLLUP, feed_named
from spark_jobs.documents.codec import iso
from spark_jobs.drivers import observation
from spark_jobs.publication.entry import ANEW, CHANGED
from spark_jobs.publication.reader import Position
from spark_jobs.rollup import increments
from spark_jobs.rollup.increments import read_increment
from spark_jobs.rollup.waiting_feeds import ASK_AGAIN_S, TRY_AGAIN_S
from tests.rollup.events import events
from tests.rollup.four_feeds import (
    ACCIDENTS,
    BIKES,
    HOUR,
    MINUTE,
    NOON,
    WEATHER,
    counted,
    job_below,
    job_with_news,
    one_of_each,
)


def test_a_batch_in_which_a_feed_has_nothing_but_refused_messages(tmp_path: Path) -> None:
    job = job_below(tmp_path)
    job.take(one_of_each())
    job.ingested.take({BIKES: events(BIKES)}, refused=3)
    job.take({ACCIDENTS: events(ACCIDENTS, NOON, mode_type=["mv"])})
    head = job.rollup_head()
    assert head.details == {CHANGED: {ACCIDENTS: [iso(NOON)]}}
    assert head.rows == {"written": 1}
    assert [target for _, target in head.moves] == [f"{job.layout.dataset(ROLLUP).name}/{ACCIDENTS}/2018-11-04.parquet"]
    assert head.position[BIKES]["next_offset"] == {"0": 4}
    assert not job.rollup.has_news()


def test_a_batch_of_nothing_but_refused_messages_changes_nothing_but_the_position(tmp_path: Path) -> None:
    job = job_below(tmp_path)
    job.take(one_of_each())
    job.ingested.take({BIKES: events(BIKES)}, refused=3)
    job.update()
    head = job.rollup_head()
    assert (head.moves, head.deletes, head.details) == ((), (), {})
    assert head.position[BIKES]["next_offset"] == {"0": 4}
    assert list(job.layout.staging(ROLLUP).glob("*/*")) == [], "it would be a folder more every ten seconds"


def test_a_feed_that_begins_later_comes_in_beside_the_others(tmp_path: Path) -> None:
    job = job_below(tmp_path)
    first = one_of_each()
    late = first.pop(ACCIDENTS)
    job.take(first)
    assert set(job.rollup.waiting.why) == {ACCIDENTS}
    assert "nothing of it was ingested yet" in job.rollup.waiting.why[ACCIDENTS].message
    job.take({ACCIDENTS: late})
    assert job.rollup.waiting.why == {}
    assert job.rollup_head().details == {ANEW: [ACCIDENTS]}


def test_what_was_read_and_not_published_is_read_again_though_the_feeds_have_no_news(tmp_path: Path) -> None:
    """The disk was full, or another writer faster: the query starts again."""
    job = job_with_news(tmp_path)

    def full(step: str) -> None:
        if step == "staged":
            raise OSError("No space left on device")

    job.rollup.log.reached = full
    with pytest.raises(OSError, match="No space"):
        job.update()
    job.rollup.log.reached = lambda _step: None
    job.rollup.begin()
    job.update()
    assert [counted(job, feed) for feed in one_of_each()] == [2, 2, 2, 2]


def test_a_feed_that_is_started_over_while_it_is_read_stays_as_it_is_and_the_others_come_in(tmp_path: Path) -> None:
    job = job_with_news(tmp_path)

    def start_over(step: str) -> None:
        if step == "read":
            job.ingested.start_over(BIKES, ends=2)

    job.rollup.log.reached = start_over
    job.update()
    assert [counted(job, feed) for feed in one_of_each()] == [1, 2, 2, 2]
    assert job.rollup_head().position[BIKES]["next_offset"] == {"0": 1}


def test_a_feed_that_is_started_over_between_two_looks_stays_as_it_is_and_the_others_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_with_news(tmp_path)
    reader = job.rollup.readers[BIKES]
    held = reader.holds

    def and_then_it_is_started_over(position: Position) -> bool:
        does = held(position)
        job.ingested.start_over(BIKES, ends=2)
        return does

    monkeypatch.setattr(reader, "holds", and_then_it_is_started_over)
    job.update()
    assert [counted(job, feed) for feed in one_of_each()] == [1, 2, 2, 2]
    assert "started over" in job.rollup.waiting.why[BIKES].message


def test_a_feed_whose_log_goes_while_it_is_read_does_not_stop_the_others(tmp_path: Path) -> None:
    job = job_with_news(tmp_path)

    def remove(step: str) -> None:
        if step == "read":
            rmtree(job.ingested.layout.log(BIKES))

    job.rollup.log.reached = remove
    job.update()
    assert [counted(job, feed) for feed in one_of_each()] == [1, 2, 2, 2]


def test_a_damaged_file_is_told_by_its_name_and_does_not_stop_the_other_feeds(tmp_path: Path) -> None:
    job = job_below(tmp_path)
    job.ingested.take(one_of_each())
    (file,) = job.ingested.layout.dataset(BIKES).rglob("*.parquet")
    sound = file.read_bytes()
    file.write_bytes(b"not Parquet")
    job.update()
    assert [counted(job, feed) for feed in one_of_each()] == [0, 1, 1, 1]
    assert str(file) in job.rollup.waiting.why[BIKES].message
    file.write_bytes(sound)
    job.rollup.begin()
    job.take({BIKES: events(BIKES, NOON)})
    assert counted(job, BIKES) == 2


def test_a_damaged_file_is_told_of_by_a_task_too(tmp_path: Path) -> None:
    """The failure of a task would be that of Spark, and so of all feeds."""
    damaged, sound = tmp_path / "damaged.parquet", tmp_path / "sound.parquet"
    damaged.write_bytes(b"not Parquet")
    rows = events(BIKES, NOON).append_column("kafka_partition", pa.array([0], pa.int32()))
    pq.write_table(rows.append_column("kafka_offset", pa.array([0], pa.int64())), sound)
    groups = pa.RecordBatch.from_pylist(
        [
            {"folders": ["a", "c"], "paths": [str(sound)]},
            {"folders": ["b"], "paths": [str(damaged)]},
        ]
    )
    told = increments._read_groups(groups, feed_named(BIKES), {0: (0, 1)}, ()).to_pylist()
    assert [(one["folders"], one["rows"], str(damaged) in (one["fault"] or "")) for one in told] == [
        (["a", "c"], 1, False),
        (["b"], 0, True),
    ]


def test_a_batch_that_is_ingested_while_the_feed_is_looked_at_comes_with_the_next_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_below(tmp_path)
    job.take(one_of_each())
    job.ingested.take({BIKES: events(BIKES, NOON + HOUR)})
    log = job.rollup.readers[BIKES].log
    look, looks = log.head, 0

    def and_more_comes() -> object:
        nonlocal looks
        looks += 1
        found = look()
        job.ingested.take({BIKES: events(BIKES, NOON + looks * 2 * HOUR)})
        return found

    monkeypatch.setattr(log, "head", and_more_comes)
    job.update()
    assert job.rollup.waiting.why == {}
    before = counted(job, BIKES)
    assert before == job.rollup_head().position[BIKES]["next_offset"]["0"]
    monkeypatch.undo()
    job.update()
    assert counted(job, BIKES) == job.ingested.next_offset(BIKES) > before


def test_a_feed_that_waits_for_a_person_is_tried_again_after_a_quarter_of_an_hour_and_not_with_its_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_below(tmp_path)
    job.ingested.take(one_of_each())
    (file,) = job.ingested.layout.dataset(BIKES).rglob("*.parquet")
    file.rename(tmp_path / "elsewhere")
    tries: list[str] = []

    def noted(reader: object, feed: object, *more: object) -> pa.Table:
        tries.append(feed.name)  # type: ignore[attr-defined]
        return read_increment(reader, feed, *more)  # type: ignore[arg-type]

    monkeypatch.setattr("spark_jobs.rollup.rollup.read_increment", noted)
    for _ in range(3):
        job.update()
    assert tries.count(BIKES) == 1
    assert "1 were published between two positions, 0 are in its files" in job.rollup.waiting.why[BIKES].message
    job.ingested.take({BIKES: events(BIKES, NOON)})
    job.update()
    assert tries.count(BIKES) == 1
    (tmp_path / "elsewhere").rename(file)
    later = time.monotonic() + ASK_AGAIN_S
    monkeypatch.setattr("spark_jobs.rollup.waiting_feeds.time.monotonic", lambda: later)
    job.update()
    assert counted(job, BIKES) == 2
    assert job.rollup.waiting.why == {}


def unreadable(*_: object) -> NoReturn:
    raise OSError(errno.EIO, "Input/output error")


def test_a_log_that_cannot_be_read_for_a_moment_does_not_stop_the_other_feeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_with_news(tmp_path)
    with monkeypatch.context() as disk:
        disk.setattr(job.rollup.readers[BIKES].log, "newest", unreadable)
        job.update()
        assert "Input/output error" in job.rollup.waiting.why[BIKES].message
    assert [counted(job, feed) for feed in one_of_each()] == [1, 2, 2, 2]
    job.update()
    assert (counted(job, BIKES), job.rollup.waiting.why) == (2, {})


def test_a_log_that_cannot_be_read_any_more_once_its_rows_are_is_looked_at_again_without_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_with_news(tmp_path)
    log = job.rollup.readers[BIKES].log
    with monkeypatch.context() as disk:
        job.rollup.log.reached = lambda step: disk.setattr(log, "newest", unreadable) if step == "read" else None
        job.update()
        assert "Input/output error" in job.rollup.waiting.why[BIKES].message
    job.rollup.log.reached = lambda _step: None
    assert [counted(job, feed) for feed in one_of_each()] == [1, 2, 2, 2]
    later = time.monotonic() + TRY_AGAIN_S
    monkeypatch.setattr("spark_jobs.rollup.waiting_feeds.time.monotonic", lambda: later)
    job.update()
    assert (counted(job, BIKES), job.rollup.waiting.why) == (2, {})


def test_what_was_read_and_still_holds_is_published_without_another_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_with_news(tmp_path)
    log = job.rollup.readers[BIKES].log
    newest, looks = log.newest, iter(range(1))

    def once_more() -> object:
        return unreadable() if next(looks, None) is None else newest()

    job.rollup.log.reached = lambda step: monkeypatch.setattr(log, "newest", once_more) if step == "read" else None
    job.rollup.update()
    assert [counted(job, feed) for feed in one_of_each()] == [2, 2, 2, 2]


def test_a_status_of_ingestion_that_cannot_be_read_stops_no_rollup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_below(tmp_path)
    with monkeypatch.context() as disk:
        disk.setattr(observation, "read_status", unreadable)
        job.take(one_of_each())
        assert [counted(job, feed) for feed in one_of_each()] == [1, 1, 1, 1]
        assert "Input/output error" in (job.upstream.of((BIKES,)) or "")


def test_a_log_that_is_damaged_is_tried_again_after_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every trigger ends at once, and the four feeds are read without a pause."""
    job = job_below(tmp_path)
    job.take(one_of_each())
    first = job.ingested.logs[BIKES].path(0)
    content = first.read_bytes()
    first.unlink()
    job.update()
    assert "has lost its first entry" in job.rollup.waiting.why[BIKES].message
    assert not job.rollup.has_news()
    first.write_bytes(content)
    assert job.rollup.has_news()
    job.take({BIKES: events(BIKES, NOON)})
    assert (counted(job, BIKES), job.rollup.waiting.why) == (2, {})


def test_much_is_read_folder_by_folder_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(increments, "_FEW_ROWS", 0)
    job = job_below(tmp_path)
    job.take({BIKES: events(BIKES, NOON, NOON + MINUTE, NOON + HOUR, user_type=["Subscriber", None, "Customer"])})
    tiles = job.tiles_of(BIKES).select(["bucket_start", "rental_count", "subscriber_count"]).to_pylist()
    assert [tuple(tile.values()) for tile in tiles] == [(NOON, 2, 1), (NOON + HOUR, 1, 0)]


def test_a_feed_of_v01_with_nothing_but_refused_messages_needs_no_task(tmp_path: Path) -> None:
    """Nobody has counted its rows, so it may be much; but there is no folder to read."""

    class NoSpark:
        """Its tasks would be asked to read nothing in no part."""

    job = job_below(tmp_path)
    job.ingested.begin_as_v01(BIKES)
    job.ingested.take({BIKES: events(BIKES)}, refused=3)
    job.rollup.spark = NoSpark()  # type: ignore[assignment]
    job.update()
    assert job.rollup_head().position[BIKES]["next_offset"] == {"0": 3}
    assert counted(job, BIKES) == 0


def test_only_the_reports_of_the_chosen_stations_count_and_a_change_of_the_choice_makes_the_weather_anew(
    tmp_path: Path,
) -> None:
    job = job_below(tmp_path)
    two_stations = events(WEATHER, NOON, NOON + MINUTE, station=["logan", "blue hill"])
    job.take({**one_of_each(), WEATHER: two_stations})
    job.rollup.stations = frozenset({"logan"})
    job.rollup.begin()
    job.update()
    assert job.rollup_head().details == {ANEW: [WEATHER]}
    assert (counted(job, BIKES), counted(job, WEATHER)) == (1, 1)
    job.take({WEATHER: events(WEATHER, NOON + HOUR, NOON + HOUR, station=["blue hill", "logan"])})
    assert counted(job, WEATHER) == 2
    head = job.rollup_head().seq
    job.rollup.begin()
    job.update()
    assert job.rollup_head().seq == head, "nothing is left to read"
    job.rollup.stations = frozenset()
    job.rollup.begin()
    job.update()
    assert counted(job, WEATHER) == 4
    assert job.rollup.waiting.why == {}
