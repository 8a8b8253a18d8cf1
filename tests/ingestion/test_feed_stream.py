"""One feed's query without Spark and Kafka: where it starts, and that each batch is published once or not at all."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from spark_jobs.diagnosis import LeaseLost, StreamFault
from spark_jobs.ingestion.feed_start import rows_in
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import CommitConflict, PublicationLog
from spark_jobs.publication.folding import fold
from spark_jobs.publication.log import LogDamaged
from spark_jobs.publication.reader import DatasetReader
from spark_jobs.runtime.rows_today import RowsOfDay, RowsToday
from spark_jobs.runtime.stream_record import LOSS_IS_NEWS_FOR
from tests.feeds.kafka_messages import KAFKA_TIME
from tests.ingestion.feed_by_hand import BIKES, NOON, TOPIC, TRIP, Batch, Broker, Query, broker_by_hand
from tests.publication.small_feed import Killed, dies_at


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    return broker_by_hand(monkeypatch)


# -- where it starts --------------------------------------------------------------------------------------------


def test_a_first_start_begins_the_log_at_what_kafka_keeps_and_notes_where_it_ends(
    broker: Broker, tmp_path: Path
) -> None:
    broker.first, broker.end = {0: 5, 1: 0}, {0: 9, 1: 0}
    query = Query(tmp_path, broker)
    assert query.start() == {"0": 5, "1": 0}
    assert (query.head().kind, query.head().rows) == ("origin", {"total": 0})
    assert DatasetReader(tmp_path, BIKES.name).end_offsets_at_origin() == {"0": 9, "1": 0}


def test_data_without_a_log_are_refused(broker: Broker, tmp_path: Path) -> None:
    query = Query(tmp_path, broker)
    query.start()
    query.publish([TRIP], 0)
    for path in query.log.layout.log(BIKES.name).glob("*"):
        path.unlink()
    with pytest.raises(StreamFault, match="nobody knows what was read"):
        Query(tmp_path, broker).start()


@pytest.mark.parametrize("left", ["_quality", "_redriven"])
def test_what_a_start_over_by_hand_has_left_is_refused(broker: Broker, tmp_path: Path, left: str) -> None:
    """Else a message that was sent again is taken for one whose row is there, and what it replaced is refused again."""
    query = Query(tmp_path, broker)
    query.start()
    query.publish([TRIP, b"{"], 0)
    query.publish([TRIP], 2, originals={0: f"{TOPIC}/0/1"})
    for folder in tmp_path.glob(f"*/{BIKES.name}"):
        if folder.parent.name != left:
            rmtree(folder)
    rmtree(query.log.layout.dataset(BIKES.name))
    with pytest.raises(StreamFault, match=f"{left}/bike_trips holds data but"):
        Query(tmp_path, broker).start()


def test_a_next_start_goes_on_where_the_log_stands_and_finishes_what_a_dead_driver_began(
    broker: Broker, tmp_path: Path
) -> None:
    Query(tmp_path, broker).start()
    died = Query(tmp_path, broker, PublicationLog(Layout(tmp_path), BIKES.name, dies_at("declared")))
    died.start()
    with pytest.raises(Killed):
        died.publish([TRIP, b"{"], 0)
    query = Query(tmp_path, broker)
    assert query.start() == {"0": 2}
    assert query.offsets() == [0]
    assert not list(query.log.layout.staging(BIKES.name).glob("driver-a/*")), "a dead try of ours"


def test_a_partition_that_is_new_is_read_from_its_beginning(broker: Broker, tmp_path: Path) -> None:
    query = Query(tmp_path, broker)
    query.start()
    query.publish([TRIP], 0)
    broker.first, broker.end = {0: 0, 1: 0}, {0: 100, 1: 7}
    query = Query(tmp_path, broker)
    assert query.start() == {"0": 1, "1": 0}
    query.publish([TRIP], 1, {"0": 2, "1": 0})
    assert query.head().position[TOPIC]["next_offset"] == {"0": 2, "1": 0}


LOST = "3 messages of bike-trips 0 (offsets 1 to 3)"


def test_what_kafka_has_lost_is_skipped_where_that_is_allowed_and_told_for_a_day(
    broker: Broker, tmp_path: Path
) -> None:
    query = Query(tmp_path, broker)
    query.start()
    query.publish([TRIP], 0)
    broker.first = {0: 4}
    with pytest.raises(StreamFault, match="no longer keeps 3 messages"):
        Query(tmp_path, broker).start()
    assert query.head().seq == 1
    query = Query(tmp_path, broker, ON_LOST_MESSAGES="skip")
    assert query.start() == {"0": 4}
    assert (query.head().kind, query.head().rows["total"]) == ("skip", 1)
    assert query.record.status(NOON).lost_messages == LOST
    query.publish([TRIP], 4)
    fold(query.log, timedelta(0), timedelta(days=30), NOON + timedelta(hours=1))
    for later, told in ((timedelta(0), LOST), (LOSS_IS_NEWS_FOR, LOST), (2 * LOSS_IS_NEWS_FOR, None)):
        again = Query(tmp_path, broker, ON_LOST_MESSAGES="skip")
        again.now = NOON + later
        assert again.start() == {"0": 5}
        assert again.record.status(NOON + later).lost_messages == told
    assert query.head().seq == 3, "it is skipped once"


def test_what_was_lost_before_the_first_batch_is_told_too(broker: Broker, tmp_path: Path) -> None:
    Query(tmp_path, broker).start()
    broker.first = {0: 4}
    query = Query(tmp_path, broker, ON_LOST_MESSAGES="skip")
    query.start()
    assert query.record.status(NOON).lost_messages == "4 messages of bike-trips 0 (offsets 0 to 3)"


def test_messages_that_kafka_lost_after_they_were_read_are_missed_though_others_are_in_their_places(
    broker: Broker, tmp_path: Path
) -> None:
    query = Query(tmp_path, broker)
    query.start()
    for first in (0, 2, 4):
        query.publish([TRIP, TRIP], first)
    broker.others_from = 3
    with pytest.raises(StreamFault, match="has others in their places: those of partition 0 below offset 6") as stopped:
        Query(tmp_path, broker).start()
    assert not stopped.value.diagnosis.retryable
    query = Query(tmp_path, broker, ON_LOST_MESSAGES="skip")
    assert query.start() == {"0": 6}
    assert query.record.status(NOON).lost_messages == "4 messages of bike-trips 0 (offsets 2 to 5)"
    seq = query.head().seq
    assert Query(tmp_path, broker).start() == {"0": 6}, "known by now"
    query.publish([TRIP], 6)
    broker.others_from = 6
    again = Query(tmp_path, broker, ON_LOST_MESSAGES="skip")
    assert again.start() == {"0": 7}
    assert "; 1 messages of bike-trips 0 (offsets 6 to 6)" in (again.record.status(NOON).lost_messages or "")
    assert again.head().seq == seq + 2


def test_a_topic_that_ends_before_what_was_read_is_waited_for_where_losses_are_skipped(
    broker: Broker, tmp_path: Path
) -> None:
    query = Query(tmp_path, broker)
    query.start()
    query.publish([TRIP] * 4, 0)
    broker.end = {0: 3}
    with pytest.raises(StreamFault, match="partition 0 ends at 3, but 4 were read") as stopped:
        Query(tmp_path, broker).start()
    assert not stopped.value.diagnosis.retryable
    with pytest.raises(StreamFault, match="partition 0 ends at 3, but 4 were read") as waits:
        Query(tmp_path, broker, ON_LOST_MESSAGES="skip").start()
    assert (waits.value.diagnosis.retryable, waits.value.diagnosis.external) == (True, True)


def test_the_rows_of_a_log_of_v01_are_counted_at_its_first_start(broker: Broker, tmp_path: Path) -> None:
    query = Query(tmp_path, broker)
    query.start()
    query.publish([TRIP, b"{", TRIP], 0)
    for seq in (0, 1):  # v0.1 did not count, and gave no name
        document = json.loads(query.log.path(seq).read_bytes())
        document.pop("origin", None)
        document["rows"].pop("total")
        query.log.path(seq).write_text(json.dumps(document))
    assert rows_in(PublicationLog(Layout(tmp_path), BIKES.name)) == 2
    query = Query(tmp_path, broker)
    assert query.start() == {"0": 3}
    assert (query.head().kind, query.head().rows) == ("skip", {"written": 0, "refused": 0, "total": 2})
    query.publish([TRIP], 3)
    assert query.head().rows["total"] == 3
    assert Query(tmp_path, broker).start() == {"0": 4}
    assert query.head().seq == 3, "they are counted once"


# -- a batch ----------------------------------------------------------------------------------------------------


@pytest.fixture
def query(broker: Broker, tmp_path: Path) -> Query:
    started = Query(tmp_path, broker)
    started.start()
    return started


def test_a_batch_is_one_entry_with_its_rows_and_the_sum_of_all(query: Query) -> None:
    query.publish([TRIP, b"{"], 0)
    query.publish([TRIP, TRIP], 2)
    last_read = {"0": [3, KAFKA_TIME.timestamp() * 1000]}
    assert query.head().position == {TOPIC: {"topic_id": "A", "next_offset": {"0": 4}, "last_read": last_read}}
    assert query.head().rows == {"written": 2, "refused": 0, "total": 3}
    assert query.offsets() == [0, 2, 3]
    rows = RowsToday(query.log).count(NOON.date())
    assert rows == RowsOfDay(NOON.date(), written=3, refused=1)
    assert query.record.status(NOON).batch == 1


def test_a_batch_of_refused_messages_only_is_an_entry_without_rows(query: Query) -> None:
    query.publish([b"{", None], 0)
    assert query.head().rows == {"written": 0, "refused": 2, "total": 0}
    assert query.offsets() == []


def test_a_batch_without_messages_is_no_entry(query: Query) -> None:
    query.publish([], 0)
    assert query.head().seq == 0


def test_a_batch_that_another_driver_has_published_is_dropped(query: Query, broker: Broker, tmp_path: Path) -> None:
    other = Query(tmp_path / "elsewhere", broker, query.log)
    other.start()
    other.publish([TRIP], 0)
    for _ in range(2):
        with pytest.raises(CommitConflict, match="is at"):
            query.publish([TRIP, TRIP], 0)
    assert (query.offsets(), query.head().seq) == ([0], 1)


def test_a_batch_ahead_of_a_log_that_was_restored_is_dropped(query: Query) -> None:
    query.publish([TRIP], 0)
    query.publish([TRIP], 1)
    query.log.path(2).unlink()
    with pytest.raises(CommitConflict):
        query.publish([TRIP], 2)


def test_a_checkpoint_that_is_removed_under_the_query_costs_a_new_start(query: Query) -> None:
    query.checkpoint.mkdir(exist_ok=True)
    query.publish([TRIP], 0)
    with pytest.raises(StreamFault, match="was removed while the query runs") as fault:
        query.stream._publish(cast(Any, Batch([TRIP], 1)), 7, query.checkpoint, query.begin)
    assert fault.value.diagnosis.retryable
    assert query.head().seq == 1


def test_messages_of_a_topic_that_was_recreated_meanwhile_are_not_published(query: Query, broker: Broker) -> None:
    query.publish([TRIP], 0)
    broker.topic_id = "B"
    with pytest.raises(StreamFault, match="was recreated"):
        query.publish([TRIP], 1)
    assert (query.offsets(), query.head().seq) == ([0], 1)


def test_who_lost_its_lease_publishes_nothing(query: Query) -> None:
    query.lost_its_lease = True
    with pytest.raises(LeaseLost):
        query.publish([TRIP], 0)
    assert query.head().seq == 0


def test_a_log_that_is_removed_under_the_query_is_told(query: Query) -> None:
    query.publish([TRIP], 0)
    for seq in (0, 1):
        query.log.path(seq).unlink()
    with pytest.raises(LogDamaged, match="was removed while the job runs"):
        query.publish([TRIP], 1)


# -- data quality -----------------------------------------------------------------------------------------------


def counts(root: Path) -> dict[tuple[str, str], int]:
    """All that was counted of the feed, as any reader adds it up."""
    files = sorted((root / "_quality" / BIKES.name).glob("date=*/data.parquet"))
    lines = [line for file in files for line in pq.ParquetFile(file).read().to_pylist()]
    together = Counter[tuple[str, str]]()
    for line in lines:
        together[(line["measure"], line["name"])] += line["rows"]
    return dict(together)


def test_what_came_is_counted_by_the_day_it_came(query: Query, tmp_path: Path) -> None:
    query.publish([TRIP, b"{"], 0)
    query.now += timedelta(days=1)
    query.publish([TRIP], 2)
    folders = sorted(path.name for path in (tmp_path / "_quality" / BIKES.name).iterdir())
    assert folders == ["date=2026-01-01", "date=2026-01-02"]
    found = counts(tmp_path)
    assert (found["accepted", ""], found["refused", "the_message_is_not_json"], found["null", "gender"]) == (2, 1, 2)


def dies(query: Query) -> None:
    query.start()
    query.publish([TRIP, TRIP, b""], 2)


STEPS = ("staging", "staged", "declared", "half moved", "moved", "applied", "before Spark's commit")


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_neither_loses_nor_doubles_a_count(step: str, broker: Broker, tmp_path: Path) -> None:
    first = Query(tmp_path, broker)
    first.start()
    first.publish([TRIP, b"{"], 0)
    dying = Query(tmp_path, broker, PublicationLog(Layout(tmp_path), BIKES.name, dies_at(step)))
    with pytest.raises(Killed):
        dies(dying)
    again = Query(tmp_path, broker)
    if again.start() == {"0": 2}:
        again.publish([TRIP, TRIP, b""], 2)
    found = counts(tmp_path)
    assert again.offsets() == [0, 2, 3]
    assert (found["accepted", ""], found["refused", "the_message_is_empty"]) == (3, 1)


def test_a_layout_that_many_messages_of_a_day_have_suddenly_is_told(
    query: Query, broker: Broker, tmp_path: Path
) -> None:
    broker.end = {0: 2000}
    query.publish([TRIP] * 1000, 0)
    assert query.record.status(NOON).new_layout is None
    query.publish([b'{"starttime": "2018-01-15 09:00:00", "bikeid": 1, "wheels": 3}'] * 20, 1000)
    told = query.record.status(NOON).new_layout
    assert told is not None
    assert told.startswith("2% of the day's messages have a layout not seen before")
    assert "wheels" not in told, "everybody may read the status, and not everybody the messages"
    again = Query(tmp_path, broker)
    again.start()
    assert again.record.status(NOON).new_layout == told


def test_a_row_is_late_where_its_hour_was_complete_when_it_came(query: Query, broker: Broker, tmp_path: Path) -> None:
    """Nine o'clock in Boston is 14 UTC."""
    broker.end = {0: 1}
    query.publish([TRIP, TRIP], 0)
    query.look()
    query.publish([json.dumps({"starttime": "2018-01-15 10:10:00", "bikeid": 1}).encode()], 2)
    query.look()
    query.look()
    assert ("late", "") not in counts(tmp_path)
    query.publish([TRIP, b"{", json.dumps({"starttime": "2018-01-15 10:59:00", "bikeid": 1}).encode()], 3)
    assert counts(tmp_path)["late", ""] == 1
    again = Query(tmp_path, broker)
    broker.end = {0: 100}
    again.start()
    again.publish([TRIP, TRIP], 6)
    assert counts(tmp_path)["late", ""] == 3, "a driver that has not looked yet knows what was complete"
