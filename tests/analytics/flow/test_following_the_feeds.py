"""Whatever happens to the feeds' files and logs: the outputs are what the ingested rows make."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.catalog import ROLLUP, Feed
from spark_jobs.documents.status import JobState, StreamState
from spark_jobs.publication import durable_files
from spark_jobs.publication.entry import ANEW
from spark_jobs.publication.reader import DatasetReader, Increment, Position
from spark_jobs.rollup import increments, waiting_feeds
from spark_jobs.rollup import rollup as rolling
from spark_jobs.rollup.increments import rows_of
from spark_jobs.rollup.tiles import events_in
from tests.analytics.flow.conftest import mixed, share
from tests.analytics.flow.feeds import Feeds
from tests.analytics.flow.ingestion import FakeClock, Killed, kill_at
from tests.analytics.flow.live import OF_ALL_FEEDS, LiveJob, assert_all_is_in, assert_is_current

BIKES, TAXIS, WEATHER, ACCIDENTS = "bike_trips", "taxi_trips", "weather_data", "accidents"
HOUR = timedelta(hours=1)
READ_NEITHER = {"surge_weather_correlation", "transport_usage_summary"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that cannot be read is looked at in every go."""
    monkeypatch.setattr(waiting_feeds, "TRY_AGAIN_S", 0.0)


@pytest.fixture
def sent(night: Feeds, dice: Random) -> Feeds:
    return mixed(night, dice)


def job_below(root: Path, **more: Any) -> LiveJob:
    return LiveJob(root, **{"names": OF_ALL_FEEDS, **more})


def up_to(job: LiveJob, sent: Feeds, *parts: float) -> None:
    """A batch of every feed up to each of these parts of its topic."""
    for part in parts:
        job.ingested.read(sent, share(sent, part))


# -- files that are compacted ---------------------------------------------------------------------------------------


def test_files_are_compacted_between_their_entry_and_the_rollups_read(sent: Feeds, tmp_path: Path) -> None:
    job = job_below(tmp_path)
    up_to(job, sent, 0.3)
    job.update()
    up_to(job, sent, 0.6, 0.9)
    job.ingested.compact()
    up_to(job, sent, 1)
    job.update()
    assert job.rollup.waiting.why == {}
    job.settle()
    assert_all_is_in(job, sent)


def test_files_are_compacted_after_they_were_listed_and_after_the_first_was_read(
    sent: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_below(tmp_path)
    up_to(job, sent, 0.3)
    job.update()
    read, happened = increments._read, set()

    def after_listing(increment: Increment, feed: Feed, *how: Any) -> Any:
        if feed.name not in happened:
            happened.add(feed.name)
            job.ingested.compact(feed.name)
        return read(increment, feed, *how)

    monkeypatch.setattr(increments, "_read", after_listing)
    up_to(job, sent, 0.5, 0.7)
    job.update()
    assert happened == set(sent)
    monkeypatch.undo()

    def after_the_first(paths: Iterable[Path], feed: Feed, bounds: Any) -> Iterator[pa.RecordBatch]:
        for number, path in enumerate(paths):
            yield from rows_of([path], feed, bounds)
            if number == 0 and feed.name in happened:
                happened.remove(feed.name)
                job.ingested.compact(feed.name)

    monkeypatch.setattr(increments, "rows_of", after_the_first)
    monkeypatch.setattr(increments, "_FEW_ROWS", 0)
    up_to(job, sent, 0.9, 1)
    job.update()
    assert not happened
    assert job.rollup.waiting.why == {}
    job.settle()
    assert_all_is_in(job, sent)


def dies_after_the_first(paths: Iterable[Path]) -> None:
    next(iter(paths)).unlink()
    raise Killed


def test_a_writer_dies_at_every_step_of_a_compaction_or_batch_and_stays_away(
    sent: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest entry is read as if it was applied."""
    job = job_below(tmp_path)
    up_to(job, sent, 0.4)
    job.update()
    up_to(job, sent, 0.6, 0.8)
    # Who is killed does not clear up.
    monkeypatch.setattr("spark_jobs.maintenance.compaction.shutil.rmtree", lambda *_args, **_more: None)
    for feed, step in ((BIKES, "declared"), (TAXIS, "moved")):
        kill_at(job.ingested.logs[feed], step)
        with pytest.raises(Killed):
            job.ingested.compact(feed)
    monkeypatch.setattr(durable_files, "unlink_all", dies_after_the_first)
    with pytest.raises(Killed):
        job.ingested.compact(WEATHER)
    monkeypatch.undo()
    kill_at(job.ingested.logs[ACCIDENTS], "half moved")
    with pytest.raises(Killed):
        job.ingested.read(sent, {ACCIDENTS: len(sent[ACCIDENTS])})
    job.update()
    assert job.rollup.waiting.why == {}
    counted = {feed: rolled_up(job, feed) for feed in sent}
    assert counted == {**share(sent, 0.8), ACCIDENTS: len(sent[ACCIDENTS])}

    job = job_below(tmp_path)  # they come back
    up_to(job, sent, 1)
    job.update()
    job.settle()
    assert_all_is_in(job, sent)


def test_a_compaction_begins_while_files_are_listed_and_its_writer_dies(
    sent: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merged file and those that it is made of are listed together: a row would count twice."""
    job = job_below(tmp_path)
    up_to(job, sent, 0.4)
    job.update()
    up_to(job, sent, 0.6, 0.8)
    listed, compacted = DatasetReader._named, set()

    def and_a_compaction_begins(reader: DatasetReader, *looked_at: Any) -> Any:
        if reader.dataset not in compacted:
            compacted.add(reader.dataset)
            kill_at(job.ingested.logs[reader.dataset], "moved")
            with pytest.raises(Killed):
                job.ingested.compact(reader.dataset)
        return listed(reader, *looked_at)

    monkeypatch.setattr(DatasetReader, "_named", and_a_compaction_begins)
    monkeypatch.setattr("spark_jobs.maintenance.compaction.shutil.rmtree", lambda *_args, **_more: None)
    job.update()
    assert compacted == set(sent)
    assert job.rollup.waiting.why == {}
    assert {feed: rolled_up(job, feed) for feed in sent} == share(sent, 0.8)
    job = job_below(tmp_path)
    up_to(job, sent, 1)
    job.update()
    job.settle()
    assert_all_is_in(job, sent)


def rolled_up(job: LiveJob, feed: str) -> int:
    return events_in(job.tiles_of(feed), feed)


# -- entries that are not kept --------------------------------------------------------------------------------------


def test_the_rollup_was_away_while_entries_were_folded_and_then_while_folded_ones_went(
    sent: Feeds, tmp_path: Path
) -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    job = job_below(tmp_path, clock=clock)
    for upto, folded_kept in ((0.5, timedelta(days=30)), (1.0, timedelta())):
        for number in range(4):
            clock.go_on(HOUR)
            up_to(job, sent, upto - 0.4 + number / 10)
            if number == 0:
                job.update()
        job.ingested.compact()
        clock.go_on(HOUR)
        up_to(job, sent, upto)
        job.ingested.fold(folded_kept=folded_kept)
        position = Position.from_document(job.rollup_head().position[BIKES])
        entries = job.ingested.logs[BIKES].since(position.seq, job.ingested.logs[BIKES].applied_up_to())
        assert (entries is None) == (folded_kept == timedelta())
        job.update()
        assert job.rollup.waiting.why == {}
        assert {feed: rolled_up(job, feed) for feed in sent} == share(sent, upto)
    job.settle()
    assert_all_is_in(job, sent)


# -- a feed that is started over ------------------------------------------------------------------------------------


def test_a_feed_is_started_over_while_the_analytics_run(sent: Feeds, tmp_path: Path) -> None:
    job = job_below(tmp_path)
    up_to(job, sent, 0.8)
    job.update()
    job.settle()
    before = job.tiles_of(TAXIS)
    kept_from, ends = 100, share(sent, 0.9)[TAXIS]  # Kafka has not kept all, and more has come

    job.ingested.start_over(TAXIS, ends, kept_from)
    for part in (0.2, 0.5, 0.89):
        job.ingested.read(sent, {**share(sent, 1), TAXIS: share(sent, part)[TAXIS]})
        job.update()
        job.tick()
        assert job.tiles_of(TAXIS) == before, "the old tiles stay until the new log has reached what there was"
        assert rolled_up(job, BIKES) == len(sent[BIKES]), "the others go on"
        behind = ends - job.ingested.next_offset(TAXIS)
        assert f"started over, {behind} messages are still to be read" in job.rollup.waiting.why[TAXIS].message
    head = job.rollup_head()
    job.ingested.read(sent, share(sent, 0.95))
    job.update()
    replaced = job.rollup_head()
    assert (replaced.seq, replaced.details[ANEW]) == (head.seq + 1, [TAXIS])
    assert job.rollup.waiting.why == {}
    up_to(job, sent, 1)
    job.update()
    assert rolled_up(job, TAXIS) == len(sent[TAXIS]) - kept_from
    job.settle()
    assert_all_is_in(job, sent)


def test_a_feed_is_started_over_while_the_analytics_are_off(sent: Feeds, tmp_path: Path) -> None:
    """Nothing but its entry, made anew, tells the analytics of hours that have less now."""
    job = job_below(tmp_path)
    up_to(job, sent, 1)
    job.update()
    job.settle()
    off = job_below(tmp_path, names=(), begins=False)
    off.ingested.start_over(BIKES, ends=len(sent[BIKES]), first=50)
    up_to(off, sent, 0.3, 0.6, 1)  # its entries count further than those before

    job = job_below(tmp_path)
    job.update()
    assert job.rollup_head().details == {ANEW: [BIKES]}
    assert rolled_up(job, BIKES) == len(sent[BIKES]) - 50
    job.settle()
    assert_all_is_in(job, sent)


# -- a feed that is restored, or lost messages ------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [1, 7, 12])
@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
def test_a_backup_of_a_feed_is_restored_under_a_rollup_that_is_ahead(
    sent: Feeds, tmp_path: Path, batches: int, is_on: bool
) -> None:
    """Ingestion reads the same messages again, in batches of another size, in one or in more entries than before."""
    job = job_below(tmp_path, by_hour=False)
    up_to(job, sent, 0.5)
    job.update()
    job.ingested.back_up(BIKES, tmp_path / "backup")
    for part in (0.55, 0.6, 0.65, 0.7, 0.75, 0.8):
        up_to(job, sent, part)
        job.update()
    before = job.tiles_of(BIKES)
    job.ingested.restore(BIKES, tmp_path / "backup")
    if is_on:
        job.update()
        assert "are still to be read" in job.rollup.waiting.why[BIKES].message
    for number in range(batches):
        part = 0.5 + 0.5 * (number + 1) / batches
        up_to(job, sent, part)
        if is_on:
            job.update()
            assert job.tiles_of(BIKES) == before or part >= 0.8
    job.update()
    assert job.rollup.waiting.why == {}
    assert rolled_up(job, BIKES) == len(sent[BIKES])
    job.settle()
    assert_all_is_in(job, sent)


@pytest.mark.parametrize("ahead", [(0.6,), (0.52, 0.54, 0.56, 0.58, 0.6)], ids=["one entry", "five entries"])
@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
def test_a_backup_is_restored_and_kafka_has_not_kept_what_came_after_it(
    sent: Feeds, tmp_path: Path, is_on: bool, ahead: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has said that those messages are lost for good: the tiles that count them stay until somebody does."""
    job = job_below(tmp_path, by_hour=False)
    up_to(job, sent, 0.5)
    job.update()
    job.ingested.back_up(BIKES, tmp_path / "backup")
    for part in ahead:
        up_to(job, sent, part)
        job.update()
    before = job.tiles_of(BIKES)
    job.ingested.restore(BIKES, tmp_path / "backup")
    job.ingested.skip(BIKES, 40)
    for part in (0.7, 0.8, 1):
        up_to(job, sent, part)
        if is_on:
            job.update()
    job.update()
    assert "bike_trips: 40 events that the tiles hold are not among the ingested rows" in str(
        job.rollup.waiting.why[BIKES]
    )
    assert job.tiles_of(BIKES) == before
    reads: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(rolling, "read_increment", lambda _reader, feed, *_more: reads.append(feed.name))
        job.ingested.take({BIKES: sent[BIKES].slice(0, 0)}, refused=1)  # no news that helps: it is not all read again
        job.update()
    assert BIKES not in reads
    assert job.rollup.accept_fewer_events() == [BIKES]
    assert job.rollup.waiting.why == {}
    job.settle()
    assert rolled_up(job, BIKES) == len(sent[BIKES]) - 40
    assert_is_current(job)


def test_messages_that_kafka_has_lost_are_skipped(sent: Feeds, tmp_path: Path) -> None:
    job = job_below(tmp_path)
    up_to(job, sent, 0.4)
    job.update()
    for part in (0.5, 0.7):
        for feed, count in ((BIKES, 30), (TAXIS, 70), (WEATHER, 5)):
            job.ingested.skip(feed, count)
        up_to(job, sent, part)
        if part == 0.5:
            job.update()
    up_to(job, sent, 1)
    job.update()
    assert job.rollup.waiting.why == {}
    lost = {BIKES: 60, TAXIS: 140, WEATHER: 10, ACCIDENTS: 0}
    assert {feed: rolled_up(job, feed) for feed in sent} == {feed: len(sent[feed]) - lost[feed] for feed in sent}
    job.settle()
    assert_all_is_in(job, sent)


# -- feeds that cannot be read --------------------------------------------------------------------------------------


def test_one_feeds_log_is_missing_and_one_damaged_and_what_reads_neither_is_current(
    sent: Feeds, tmp_path: Path
) -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))  # so that ingestion's status does not become stale
    job = job_below(tmp_path, clock=clock)
    up_to(job, sent, 0.6)
    job.update()
    job.settle()
    job.ingested.tell_status()
    assert {job.told(name).state for name in (ROLLUP, *job.analytics)} == {StreamState.IDLE}

    job.ingested.read(sent, {WEATHER: share(sent, 0.8)[WEATHER]})
    head = job.ingested.logs[WEATHER].path(2)
    sound = head.read_bytes()
    head.write_bytes(b"{}")
    job.ingested.layout.log(ACCIDENTS).rename(tmp_path / "accidents")
    for again in (job, job_below(tmp_path, clock=clock)):  # the job goes on, and starts again
        again.ingested.read(sent, {feed: share(sent, 0.8)[feed] for feed in (BIKES, TAXIS)})
        again.update()
        assert set(again.rollup.waiting.why) == {WEATHER, ACCIDENTS}
        assert {feed: rolled_up(again, feed) for feed in sent} == {
            **share(sent, 0.8),
            WEATHER: share(sent, 0.6)[WEATHER],
            ACCIDENTS: share(sent, 0.6)[ACCIDENTS],
        }
        again.settle()
        assert {name for name in again.analytics if again.told(name).state == StreamState.IDLE} == READ_NEITHER
        waits_for = {name: again.told(name).waits_for or "" for name in (ROLLUP, *again.analytics)}
        for name in (ROLLUP, "weather_safety_analysis"):
            assert f"{head} is no log entry" in waits_for[name]
            assert "accidents: its log is gone" in waits_for[name]
        why = job.rollup.waiting.why[WEATHER]
        assert job.upstream.of((BIKES, WEATHER)) == f"{why.message}. Next step: {why.next_step}"

    head.write_bytes(sound)
    (tmp_path / "accidents").rename(job.ingested.layout.log(ACCIDENTS))
    for again in (job, job_below(tmp_path, clock=clock)):
        again.update()
        assert again.rollup.waiting.why == {}
    up_to(again, sent, 1)
    again.update()
    again.settle()
    assert {again.told(name).state for name in (ROLLUP, *again.analytics)} == {StreamState.IDLE}
    assert_all_is_in(again, sent)


def test_ingestion_that_is_off_or_behind_is_waited_for(sent: Feeds, tmp_path: Path) -> None:
    job = job_below(tmp_path, names=("surge_weather_correlation",))
    up_to(job, sent, 0.5)
    for state, says in (
        (None, "ingestion, which has never run here"),
        (JobState.STOPPED, "ingestion, which is off"),
    ):
        if state is not None:
            job.ingested.tell_status(state)
        job.update()
        job.settle()
        for name in (ROLLUP, "surge_weather_correlation"):
            assert (job.told(name).state, job.told(name).waits_for) == (StreamState.WAITING, says)


# -- the documents that say what is applied -----------------------------------------------------------------------


@pytest.mark.parametrize("what", ["lost", "older", "unreadable"])
def test_the_applied_documents_are_lost_older_or_unreadable(sent: Feeds, tmp_path: Path, what: str) -> None:
    job = job_below(tmp_path, by_hour=False)
    older = {}
    for number, part in enumerate((0.3, 0.6, 0.9)):
        up_to(job, sent, part)
        job.update()
        job.settle()
        logs = [*job.ingested.logs.values(), job.rollup.log, *(one.log for one in job.analytics.values())]
        for log in logs:
            if number == 0:
                older[log.dataset] = log.applied_path.read_bytes()
            elif what == "older":
                log.applied_path.write_bytes(older[log.dataset])
            elif what == "unreadable":
                log.applied_path.write_bytes(b"\x00")
            else:
                log.applied_path.unlink()
        if number == 1:
            job = job_below(tmp_path, by_hour=False)  # once with a restart, once without
    up_to(job, sent, 1)
    job.update()
    job.settle()
    assert_all_is_in(job, sent)
