"""Copies of refused messages: each original becomes a row once, whatever is sent, and what became of it is noted."""

import errno
import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from spark_jobs.diagnosis import StreamFault
from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.feeds.refusals import RedriveRefusal, Refusal
from spark_jobs.ingestion import originals as copies_of
from spark_jobs.ingestion.copies import judged_copies
from spark_jobs.ingestion.quality import Measure
from spark_jobs.ingestion.quality_days import QualityDays
from spark_jobs.ingestion.redriven_days import RedrivenDays
from spark_jobs.ingestion.staging_writer import TaskReport, staging_task
from spark_jobs.maintenance.start_over import start_over
from spark_jobs.redrives import MessagePlace, parse_place
from spark_jobs.runtime.dataset import Dataset
from tests.feeds.kafka_messages import kafka_messages, naming
from tests.ingestion.feed_by_hand import BIKES, NOON, TOPIC, TRIP, Broker, Query, broker_by_hand
from tests.maintenance.live_feed import tell
from tests.publication.small_feed import Killed, dies_at

JUNK = b"{"
PARSER = Parser(BIKES, "UTC", NOON)
NOT_REFUSED = RedriveRefusal.THE_ORIGINAL_WAS_NOT_REFUSED
BEFORE = RedriveRefusal.THE_ORIGINAL_WAS_REDRIVEN_BEFORE


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    return broker_by_hand(monkeypatch)


@pytest.fixture
def query(broker: Broker, tmp_path: Path) -> Query:
    """Message 0 is a row, 1 and 2 are refused, as an older version refused them."""
    started = Query(tmp_path, broker)
    started.start()
    started.publish([TRIP, JUNK, JUNK], 0)
    return started


def name(offset: int, topic: str = TOPIC) -> str:
    return str(MessagePlace(topic, 0, offset))


def letters(query: Query) -> dict[int, tuple[str, bytes]]:
    files = query.log.layout.dead_letters(BIKES.name).glob("date=*/*.parquet")
    rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    return {row["kafka_offset"]: (row["reason"], row["raw"]) for row in rows}


def outcomes(query: Query) -> list[tuple[int, int, str]]:
    """(offset of the original, offset of the copy, what became of it)"""
    days = RedrivenDays(query.log.layout, BIKES)
    return [(one.original.offset, one.copy.offset, one.outcome) for one in days.all()]


def test_a_copy_of_a_refused_message_is_a_row_at_its_own_offset(query: Query) -> None:
    query.publish([TRIP, TRIP], 3, originals={1: name(1)})
    assert query.offsets() == [0, 3, 4]
    assert outcomes(query) == [(1, 4, "accepted")]
    assert query.head().rows == {"written": 2, "refused": 0, "total": 3}
    quality = QualityDays(query.log.layout, BIKES).of(NOON.date())
    assert quality.of(Measure.ACCEPTED) == {"": 3}
    assert sum(quality.of(Measure.LAYOUT).values()) == 3, "JSON objects that were read"


def test_an_original_is_taken_once(query: Query) -> None:
    query.publish([TRIP, TRIP], 3, originals={0: name(1), 1: name(1)})
    query.publish([TRIP], 5, originals={0: name(1)})
    assert query.offsets() == [0, 3]
    assert outcomes(query) == [(1, 3, "accepted"), (1, 4, BEFORE), (1, 5, BEFORE)]
    assert {offset: letters(query)[offset] for offset in (4, 5)} == {4: (BEFORE, TRIP), 5: (BEFORE, TRIP)}
    assert query.head().rows == {"written": 0, "refused": 1, "total": 2}


def test_what_is_refused_again_may_come_once_more(query: Query) -> None:
    query.publish([JUNK], 3, originals={0: name(1)})
    query.publish([TRIP], 4, originals={0: name(1)})
    assert outcomes(query) == [(1, 3, Refusal.THE_MESSAGE_IS_NOT_JSON), (1, 4, "accepted")]
    assert query.offsets() == [0, 4]


def test_a_copy_of_a_copy_stands_for_the_first(query: Query) -> None:
    """Or one event could become two rows: by its own copy, and by that of its copy."""
    query.publish([JUNK], 3, originals={0: name(1)})
    query.publish([TRIP, TRIP], 4, originals={0: name(3), 1: name(1)})
    assert outcomes(query)[1:] == [(1, 4, "accepted"), (1, 5, BEFORE)]
    assert query.offsets() == [0, 4]


@pytest.mark.parametrize("of", [name(0), name(7), name(1, "another-topic")], ids=["a row", "unknown", "elsewhere"])
def test_a_copy_of_what_was_not_refused_is_refused(query: Query, of: str) -> None:
    query.publish([TRIP], 3, originals={0: of})
    assert query.offsets() == [0]
    assert letters(query)[3] == (NOT_REFUSED, TRIP)
    assert [outcome for *_, outcome in outcomes(query)] == [NOT_REFUSED]


@pytest.mark.parametrize("of", ["", "bike-trips", "bike-trips/0/-1", "bike-trips/0/1/", f"{TOPIC}/0/{'9' * 30}"])
def test_a_header_that_names_no_message_makes_no_row_and_can_be_mended(query: Query, of: str) -> None:
    query.publish([TRIP], 3, originals={0: of})
    assert letters(query)[3] == (NOT_REFUSED, TRIP)
    assert outcomes(query) == []
    query.publish([TRIP], 4, originals={0: name(3)})
    assert query.offsets() == [0, 4]


def test_an_original_that_the_same_batch_refuses_is_known(query: Query) -> None:
    query.publish([JUNK, TRIP], 3, originals={1: name(3)})
    assert query.offsets() == [0, 4]


def test_two_tasks_with_a_copy_of_the_same_message(query: Query, tmp_path: Path) -> None:
    copies = (naming(kafka_messages([TRIP], offset, TOPIC), {0: name(1)}) for offset in (3, 4))
    reports = [staged_by_a_task(tmp_path / str(number), copy) for number, copy in enumerate(copies)]
    judged = judged_copies(reports, tmp_path, query.log, TOPIC, PARSER)
    assert sum(file.rows for file in judged.report.files if not file.refused) == 1
    (lines,) = [pq.ParquetFile(tmp_path / source).read() for source, _ in judged.moves]
    assert lines["outcome"].to_pylist() == ["accepted", BEFORE]


def test_a_header_that_is_no_text_names_no_message(query: Query, tmp_path: Path) -> None:
    no_text = pc.cast(pa.array([b"\xff"]), options=pc.CastOptions(target_type=pa.string(), allow_invalid_utf8=True))
    messages = kafka_messages([TRIP], 3, TOPIC).append_column("redrive_of", no_text)
    judged = judged_copies([staged_by_a_task(tmp_path / "task", messages)], tmp_path, query.log, TOPIC, PARSER)
    assert judged.report.quality.of(Measure.REFUSED) == {NOT_REFUSED: 1}


def staged_by_a_task(folder: Path, messages: pa.Table) -> TaskReport:
    folder.mkdir()
    (report,) = staging_task(folder, PARSER)(messages.to_batches())
    read = TaskReport.decoded(report["report"][0].as_py())
    return TaskReport(read.files, read.quality, f"{folder.name}/{read.copies}")


@pytest.mark.parametrize("step", ["staged", "declared", "half moved", "applied"])
def test_a_death_at_any_step_takes_nothing_twice(query: Query, broker: Broker, tmp_path: Path, step: str) -> None:
    query.log.reached = dies_at(step)
    with pytest.raises(Killed):
        query.publish([TRIP], 3, originals={0: name(1)})
    again = Query(tmp_path, broker)
    begin = again.start()["0"]
    again.publish([TRIP], begin, originals={0: name(1)})
    assert again.offsets() == [0, 3]
    assert [outcome for *_, outcome in outcomes(again)].count("accepted") == 1


def test_after_a_start_over_with_mended_rules_the_original_is_the_row(
    query: Query, broker: Broker, tmp_path: Path
) -> None:
    query.publish([TRIP], 3, originals={0: name(1)})
    start_over([Dataset(BIKES.name, query.log, tmp_path / "checkpoints")])(
        {"stream": BIKES.name, "confirm": BIKES.name}, tell
    )
    anew = Query(tmp_path, broker)
    anew.start()
    anew.publish([TRIP, TRIP, JUNK, TRIP], 0, originals={3: name(1)})
    assert anew.offsets() == [0, 1]
    assert outcomes(anew) == [(1, 3, NOT_REFUSED)]


def test_after_a_start_over_a_copy_counts_where_kafka_has_lost_the_original(broker: Broker, tmp_path: Path) -> None:
    broker.first = {0: 3}
    query = Query(tmp_path, broker)
    query.start()
    query.publish([TRIP, TRIP], 3, originals={0: name(1), 1: name(1)})
    assert query.offsets() == [3]
    assert outcomes(query) == [(1, 3, "accepted"), (1, 4, BEFORE)]


def test_dead_letters_are_looked_for_from_the_newest_day_on(
    query: Query, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def look(files: Any, *more: Any) -> Any:
        looked.extend(file.parent.name for file in files)
        return refused_in(files, *more)

    refused_in = copies_of.refused_in
    monkeypatch.setattr(copies_of, "refused_in", look)
    (tmp_path / "_dead_letters" / BIKES.name / "date=2025-12-31").mkdir()
    query.publish([TRIP], 3, originals={0: name(1)})
    assert looked == [f"date={NOON:%Y-%m-%d}"]


def test_a_damaged_memory_stops_the_feed_rather_than_doubling_rows(query: Query) -> None:
    query.publish([TRIP], 3, originals={0: name(1)})
    (file,) = query.log.layout.redriven(BIKES.name).glob("date=*/data.parquet")
    file.write_bytes(b"PAR1 no more")
    query.publish([TRIP], 4)
    with pytest.raises(StreamFault, match="nobody knows which refused messages were taken") as stopped:
        query.publish([TRIP], 5, originals={0: name(1)})
    assert not stopped.value.diagnosis.retryable
    assert query.offsets() == [0, 3, 4], "ordinary messages do not ask for it"


def test_a_damaged_memory_that_was_set_aside_is_none(query: Query) -> None:
    query.publish([TRIP], 3, originals={0: name(1)})
    day = next(query.log.layout.redriven(BIKES.name).glob("date=*"))
    copytree(day, day.with_name(f"{day.name}.damaged"))
    (day.with_name(f"{day.name}.damaged") / "data.parquet").write_bytes(b"PAR1 no more")
    query.publish([TRIP], 4, originals={0: name(1)})
    assert outcomes(query) == [(1, 3, "accepted"), (1, 4, BEFORE)]


def test_a_memory_that_cannot_be_opened_now_is_waited_for(query: Query) -> None:
    query.publish([TRIP], 3, originals={0: name(1)})
    (file,) = query.log.layout.redriven(BIKES.name).glob("date=*/data.parquet")
    file.unlink()
    file.symlink_to(file)
    with pytest.raises(OSError, match="symbolic links"):
        query.publish([TRIP], 4, originals={0: name(1)})
    assert query.offsets() == [0, 3], "the batch is not in; it is tried again"


def test_a_memory_that_the_disk_does_not_give_is_tried_again(query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    query.publish([TRIP], 3, originals={0: name(1)})
    monkeypatch.setattr(pq, "ParquetFile", failing)
    with pytest.raises(StreamFault) as stopped:
        RedrivenDays(query.log.layout, BIKES).all()
    assert stopped.value.diagnosis.retryable


def test_the_batchs_own_day_adds_up(query: Query) -> None:
    query.publish([TRIP], 3, originals={0: name(1)})
    query.publish([TRIP], 4, originals={0: name(2)})
    assert [line["original_offset"] for line in lines_of(query)] == [1, 2]
    assert json.loads(json.dumps(lines_of(query)[0], default=str)) == {
        "original_topic": TOPIC,
        "original_partition": 0,
        "original_offset": 1,
        "topic": TOPIC,
        "kafka_partition": 0,
        "kafka_offset": 3,
        "outcome": "accepted",
        "at": str(NOON),
    }


def test_a_damaged_file_of_refused_messages_does_not_stop_the_feed(query: Query) -> None:
    (file,) = query.log.layout.dead_letters(BIKES.name).glob("date=*/*.parquet")
    sound = file.read_bytes()
    file.write_bytes(sound[:60])
    query.publish([TRIP, TRIP], 3, originals={0: name(1)})
    file.write_bytes(sound)
    query.publish([TRIP], 5, originals={0: name(1)})
    assert [line["outcome"] for line in lines_of(query)] == [NOT_REFUSED, "accepted"]


def lines_of(query: Query) -> list[dict[str, Any]]:
    (file,) = query.log.layout.redriven(BIKES.name).glob("date=*/data.parquet")
    found: list[dict[str, Any]] = pq.ParquetFile(file).read().to_pylist()
    return found


def test_names_of_originals() -> None:
    assert parse_place("bike-trips/3/12") == MessagePlace("bike-trips", 3, 12)
    assert str(MessagePlace("bike-trips", 3, 12)) == "bike-trips/3/12"
    assert [parse_place(text) for text in (None, "", "a/b/c", "a/1", "a/1/2\n", " a/1/2")] == [None] * 6
