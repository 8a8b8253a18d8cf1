"""What the ingestion job writes of its hours, from a feed's real log and files: complete, revised, after restarts."""

import errno
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.catalog import FEEDS
from spark_jobs.documents.complete_hours import (
    CompleteHours,
    HourEvent,
    read_complete_hours,
    read_history,
)
from spark_jobs.documents.hour_history import HourHistory
from spark_jobs.ingestion import complete_hours
from spark_jobs.ingestion.complete_hours import AllFeeds, HoursOfFeed
from spark_jobs.kafka.offsets import TopicOnBroker
from spark_jobs.paths import Layout
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.folding import fold
from tests.maintenance.live_feed import BIKES, TOPIC, LiveFeed, may_write, now, trip
from tests.maintenance.test_compaction import compacted

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TWO_PM = datetime(2018, 1, 15, 14, tzinfo=UTC)
"""the hour of trips at 9 in Boston"""
HOUR = timedelta(hours=1)
AT_NINE, AT_TEN_PAST_TEN = trip("2018-01-15 09:30:00"), trip("2018-01-15 10:10:00")
EARLIER = trip("2018-01-15 08:30:00")
REFUSED = b"{"


class Job:
    """The looks of one driver at the bike trips; another one at the same root is its restart."""

    def __init__(self, root: Path) -> None:
        self.feed = LiveFeed(root)
        self.layout = self.feed.layout
        self.together = AllFeeds(self.layout)
        self.hours = HoursOfFeed(BIKES, self.feed.log, self.together)
        self.look()

    def look(self, held: int | None = None, at: datetime = NOW) -> None:
        """`held`: the broker's end offset; all that was read where none is given."""
        topic = TopicOnBroker(TOPIC, "t", {0: 0}, {0: self.feed.next_offset() if held is None else held})
        self.hours.look(self.hours.passed(at), topic, at)

    def looks(self, held: int | None = None) -> None:
        """The newest event of one look decides in the next."""
        self.look(held)
        self.look(held)

    @property
    def history(self) -> list[HourEvent]:
        origin = self.feed.log.origin()
        return read_history(self.layout, BIKES.name, origin.id if origin else None)

    @property
    def complete_before(self) -> datetime | None:
        return HourHistory(self.history).complete_before


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_an_hour_becomes_complete_once(job: Job) -> None:
    job.feed.take([AT_NINE])
    job.looks()
    assert job.complete_before == TWO_PM
    job.feed.take([REFUSED, AT_TEN_PAST_TEN])
    job.looks()
    job.looks()
    assert job.complete_before == TWO_PM + HOUR
    assert [event.refused for event in job.history] == [0, 1]
    assert [event.since for event in job.history] == [TWO_PM.isoformat(), TWO_PM.isoformat()]
    completion = HourHistory(job.history).completion_of(TWO_PM)
    assert completion is not None
    assert (completion.next_offset, completion.seq) == ({"0": 3}, 2)
    assert HourHistory(job.history).revision_of(TWO_PM) == 1
    assert HourHistory(job.history).revision_of(TWO_PM + HOUR) == 0


def test_what_the_broker_holds_is_waited_for(job: Job) -> None:
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks(held=2)
    assert job.complete_before is None
    job.feed.take([AT_NINE])
    job.look(held=9)
    assert job.complete_before == TWO_PM + HOUR
    assert HourHistory(job.history).revision_of(TWO_PM) == 1


def test_a_late_row_is_a_revision(job: Job) -> None:
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    job.feed.take([AT_NINE])
    job.look()
    job.look()
    assert [event.revised for event in job.history] == [(), (TWO_PM.isoformat(),)]
    assert HourHistory(job.history).revision_of(TWO_PM) == 2
    assert HourHistory(job.history).revision_of(TWO_PM - HOUR) == 1


def test_what_a_full_disk_did_not_take_is_written_by_a_later_look(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    job.feed.take([AT_NINE])
    job.looks()
    job.feed.take([AT_TEN_PAST_TEN, EARLIER])
    job.look()
    with monkeypatch.context() as disk:
        disk.setattr(complete_hours, "append_history", full)
        for minute in range(10):
            with suppress(OSError):
                job.look(at=NOW + timedelta(minutes=minute))
    job.look(at=NOW + timedelta(minutes=10))
    assert [(event.since, event.before) for event in job.history if event.before] == [
        (TWO_PM.isoformat(), TWO_PM.isoformat()),
        (TWO_PM.isoformat(), (TWO_PM + HOUR).isoformat()),
    ]
    assert HourHistory(job.history).revision_of(TWO_PM - HOUR) == 2


def test_late_rows_of_every_batch_are_a_line_in_five_minutes(job: Job, tmp_path: Path) -> None:
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    for second in range(0, 900, 10):
        job.feed.take([AT_NINE if second % 20 else EARLIER])
        job.look(at=NOW + timedelta(seconds=second))
    revised = [event for event in job.history if event.revised]
    assert [event.at for event in revised] == [(NOW + timedelta(minutes=5 * n)).isoformat() for n in range(3)]
    assert HourHistory(job.history).revision_of(TWO_PM) == 3, "it was in the second and the third line"
    assert HourHistory(job.history).revision_of(TWO_PM - HOUR) == 4
    again = Job(tmp_path)  # what was not written yet is found again
    again.look(at=NOW + timedelta(seconds=901))
    assert HourHistory(again.history).revision_of(TWO_PM) == 4


def test_an_hour_that_becomes_complete_takes_late_rows_before_it_along(job: Job, tmp_path: Path) -> None:
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    for message in (AT_NINE, EARLIER, trip("2018-01-15 11:10:00")):
        job.feed.take([message])
        job.looks()
    assert [(bool(event.before), event.revised) for event in job.history] == [
        (True, ()),
        (False, (TWO_PM.isoformat(),)),
        (False, ((TWO_PM - HOUR).isoformat(),)),
        (True, ()),
    ]
    again = Job(tmp_path)
    again.looks()
    assert again.history == job.history


def test_a_compaction_is_no_revision(job: Job) -> None:
    job.feed.take([AT_NINE])
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    with job.feed.log.transaction(may_write) as transaction:
        head = transaction.head
        gone = job.feed.files()[0]
        transaction.commit(Entry("compaction", head.position, deletes=(gone,), rows={"total": 2}), NOW)
    job.look()
    assert HourHistory(job.history).revision_of(TWO_PM) == 1


def test_a_restart_loses_nothing_that_came_meanwhile(job: Job, tmp_path: Path) -> None:
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    job.feed.take([AT_NINE])  # and the job is killed before its next look
    again = Job(tmp_path)
    again.look()
    assert HourHistory(again.history).revision_of(TWO_PM) == 2
    assert [event.seq for event in again.history] == [1, 2]


def test_what_was_folded_meanwhile_is_told_once(job: Job, tmp_path: Path) -> None:
    job.feed.take([AT_NINE])
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    job.feed.take([AT_TEN_PAST_TEN])
    job.feed.take_in_pieces([trip("2018-01-15 08:30:00"), trip("2018-01-15 08:40:00")], 2)  # and the job is killed
    compacted(job.feed)
    job.feed.take([AT_TEN_PAST_TEN])
    # All of them are one entry by the next start, of which the half was seen before.
    fold(job.feed.log, timedelta(0), timedelta(days=30), now() + timedelta(days=1))
    again = Job(tmp_path)
    again.looks()
    assert HourHistory(again.history).revision_of(TWO_PM) == 1
    assert [event.revised for event in again.history if event.revised] == [((TWO_PM - HOUR).isoformat(),)]


def test_a_compaction_that_was_folded_is_no_revision(job: Job, tmp_path: Path) -> None:
    job.feed.take_in_pieces([AT_NINE, AT_NINE], 2)
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    compacted(job.feed)
    job.feed.take([AT_TEN_PAST_TEN])
    fold(job.feed.log, timedelta(0), timedelta(days=30), now() + timedelta(days=1))
    again = Job(tmp_path)
    again.looks()
    assert [event.revised for event in again.history] == [()]


def test_a_line_that_a_crash_cut_short_is_no_line(job: Job, tmp_path: Path) -> None:
    job.feed.take([AT_NINE])
    job.looks()
    with job.layout.hour_history(BIKES.name).open("ab") as file:
        file.write(b'{"schema_version": 1, "log"')
    again = Job(tmp_path)
    again.feed.take([AT_TEN_PAST_TEN])
    again.looks()
    assert [event.before for event in again.history] == [TWO_PM.isoformat(), (TWO_PM + HOUR).isoformat()]


def test_a_log_that_was_started_over_begins_anew(job: Job, tmp_path: Path) -> None:
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    for entry in job.layout.log(BIKES.name).glob("*.json"):
        entry.unlink()
    job.feed.log.forget()
    again = Job(tmp_path)
    assert again.complete_before is None
    assert len(job.layout.hour_history(BIKES.name).read_bytes().splitlines()) == 1


def test_a_silent_feed_is_complete_by_what_the_others_bring(job: Job) -> None:
    weather = HoursOfFeed(FEEDS[2], job.feed.log, job.together)
    assert weather.passed(NOW) is None
    job.feed.take([AT_TEN_PAST_TEN])
    job.look()
    assert weather.passed(NOW) == TWO_PM + HOUR


def test_the_document_says_how_things_are(job: Job) -> None:
    job.feed.take([AT_TEN_PAST_TEN])
    job.looks()
    told = read_complete_hours(job.layout).feeds[BIKES.name]
    assert told.newest_event == "2018-01-15T15:10:00+00:00"
    assert told.complete_before == (TWO_PM + HOUR).isoformat()
    assert told.is_told(NOW + timedelta(seconds=29))
    assert not told.is_told(NOW + timedelta(seconds=31))


def test_without_a_document_nothing_is_told(tmp_path: Path) -> None:
    assert read_complete_hours(Layout(tmp_path)) == CompleteHours()
