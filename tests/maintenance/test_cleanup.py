"""Clean-up on a real feed: what goes, what stays, and that the feed carries on."""

import errno
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from spark_jobs.documents.lease import take_token, token_path
from spark_jobs.documents.status import Driver, Process
from spark_jobs.drivers import processes
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.cleanup_plan import NEWEST_TOKENS
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.log import LogDamaged
from spark_jobs.publication.staging import staging_of_requests
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.request_queue import Outcome
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import settings_from
from tests.maintenance.live_feed import BIKES, LiveFeed, may_write, now, put, tell, trip
from tests.publication.small_feed import Killed, dies_at

DEAD = Driver("20260101T000000-1-dead", processes.this_host(), (Process("python", 2**22 + 1, 1.0),))
EVERYTHING = [
    "checkpoint",
    "staging",
    "staging",
    "staging",
    "dead letters",
    "markers of v0.1",
    "answer",
    "half-written document",
]
OWN_TRY = "20260101T000000-1-aaaaaa-1"
ELSEWHERE = Driver("20260101T000000-1-away", "another-host", (Process("python", 1, 1.0),))


def clean_up(feed: LiveFeed, later: timedelta = timedelta(), *others: Dataset) -> CleanUp:
    checkpoints = feed.dataset.checkpoints.parent
    return CleanUp(
        settings_from({}), feed.layout, checkpoints, [feed.dataset, *others], feed.writer, lambda: now() + later
    )


def cleaned(feed: LiveFeed, later: timedelta, dry_run: bool = False) -> Outcome:
    return clean_up(feed, later).work({"dry_run": dry_run}, tell)


def kinds(outcome: Outcome) -> list[str]:
    return [str(line["what"]) for line in outcome.report]


def test_everything_that_may_go_goes_and_the_feed_carries_on(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    for number in range(3):
        feed.take([trip(f"2018-01-15 09:0{number}:00"), b"{"])
    rows = feed.rows()
    take_token(feed.layout, DEAD, now())
    take_token(feed.layout, ELSEWHERE, now())
    kept = [
        put(feed.dataset.checkpoints / OWN_TRY / "metadata"),
        put(feed.layout.staging(BIKES.name) / feed.writer.driver.instance / "part.parquet"),
        put(feed.dataset.checkpoints.parent / "not_sparks" / "file"),
        put(feed.dataset.checkpoints.with_name("rollup") / "driver-a-1" / "metadata"),
        put(feed.dataset.checkpoints.with_name("rollup.set-aside-20260101T000000") / "metadata"),
    ]
    gone = [
        put(feed.layout.staging(BIKES.name) / DEAD.instance / "1" / "part.parquet"),
        put(feed.layout.staging(BIKES.name) / staging_of_requests(DEAD.instance) / "merged.parquet"),
        put(feed.layout.staging(BIKES.name) / ELSEWHERE.instance / "1" / "part.parquet"),
        put(feed.dataset.checkpoints.with_name("bike_trips.set-aside-20260101T000000") / "metadata"),
        put(feed.layout.applied(BIKES.name) / "1.json"),
        put(feed.layout.answers / "r-1.json"),
        put(feed.layout.log(BIKES.name) / ".x.json.1-2.tmp"),
    ]
    feed.dataset = replace(feed.dataset, is_on=lambda: True)
    years = timedelta(days=400)

    planned = cleaned(feed, years, dry_run=True)
    assert planned.sentence.startswith("dry run: 8 things would be removed, ")
    assert planned.sentence.endswith(" and 2 log entries folded")
    assert all(path.exists() for path in [*kept, *gone])

    done = cleaned(feed, years)
    assert done.report == planned.report
    assert kinds(done) == EVERYTHING
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
    assert feed.rows() == rows
    assert not list(feed.layout.dead_letters(BIKES.name).glob("**/*.parquet"))
    head = feed.log.head()
    assert head is not None
    assert (head.kind, head.seq) == ("cleanup", 4)
    feed.take([trip("2018-01-15 09:30:00")])
    assert len(feed.rows()) == 4
    assert feed.next_offset() == 7
    assert cleaned(feed, timedelta()).report == []


def test_a_checkpoint_goes_once_its_stream_is_off_and_never_while_it_is_on(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    put(feed.dataset.checkpoints / OWN_TRY / "metadata")
    off = feed.dataset
    feed.dataset = replace(off, is_on=lambda: True)
    assert cleaned(feed, timedelta(days=31)).report == []
    feed.dataset = off
    assert cleaned(feed, timedelta(days=29)).report == []
    theirs = put(off.checkpoints / "offsets" / "0")  # another team's job may use the same name
    assert kinds(cleaned(feed, timedelta(days=31))) == ["checkpoint"]
    assert [path.name for path in off.checkpoints.iterdir()] == ["offsets"]
    assert kinds(cleaned(feed, timedelta(days=31))) == []
    assert theirs.exists()


def test_staging_and_tokens_of_a_driver_that_cannot_be_asked_go_in_the_end(tmp_path: Path) -> None:
    """After a reboot no driver before it is known to be dead; each kept the other's traces for ever."""
    feed = LiveFeed(tmp_path)
    token = token_path(feed.layout, take_token(feed.layout, ELSEWHERE, now()))
    for _ in range(NEWEST_TOKENS):
        take_token(feed.layout, feed.writer.driver, now())
    put(feed.layout.staging(BIKES.name) / ELSEWHERE.instance / "1" / "part.parquet")
    assert kinds(cleaned(feed, timedelta(hours=2))) == []
    assert kinds(cleaned(feed, timedelta(hours=4))) == ["staging"]
    assert kinds(cleaned(feed, timedelta(hours=4))) == ["token"]
    assert not token.exists()


def test_a_stream_switched_on_between_looking_and_removing_keeps_its_checkpoint(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    put(feed.dataset.checkpoints / OWN_TRY / "metadata")
    looks = iter([False, True])
    feed.dataset = replace(feed.dataset, is_on=lambda: next(looks))
    assert kinds(cleaned(feed, timedelta(days=31))) == ["checkpoint"]
    assert feed.dataset.checkpoints.exists()


def test_old_log_entries_are_folded_and_the_log_goes_on(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    for number in range(3):
        feed.take([trip(f"2018-01-15 09:0{number}:00")])
    assert cleaned(feed, timedelta(hours=2)).sentence.endswith(" 0 log entries folded")
    assert cleaned(feed, timedelta(hours=5), dry_run=True).sentence.endswith(" 2 log entries folded")
    assert sorted(feed.log.seqs()) == [0, 1, 2, 3]
    assert cleaned(feed, timedelta(hours=5)).sentence.endswith(" 2 log entries folded")
    restarted = LiveFeed(tmp_path)
    assert sorted(restarted.log.seqs()) == [0, 3]
    restarted.take([trip("2018-01-15 09:30:00")])
    assert len(restarted.rows()) == 4
    assert restarted.next_offset() == 4


def test_an_answer_tells_sizes_as_json(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    put(feed.layout.answers / "r-1.json", "x" * 500)
    (line,) = cleaned(feed, timedelta(days=31), dry_run=True).report
    assert json.loads(json.dumps(line))["bytes"] == 500


# -- what the job does by itself every hour -----------------------------------------------------------------------


def test_the_job_folds_its_logs_and_removes_what_dead_drivers_left(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    for number in range(3):
        feed.take([trip(f"2018-01-15 09:0{number}:00"), b"{"])
    take_token(feed.layout, DEAD, now())
    gone = put(feed.layout.staging(BIKES.name) / DEAD.instance / "1" / "part.parquet")
    kept = [
        put(feed.layout.staging(BIKES.name) / feed.writer.driver.instance / "part.parquet"),
        put(feed.layout.staging(BIKES.name) / staging_of_requests(feed.writer.driver.instance) / "merged.parquet"),
        put(feed.dataset.checkpoints / OWN_TRY / "metadata"),
    ]
    files = feed.files()
    clean_up(feed, timedelta(days=400)).housekeep()
    assert sorted(feed.log.seqs()) == [0, 3]
    assert not gone.exists()
    assert all(path.exists() for path in kept), "a request may be at work, and a checkpoint is for the clean-up"
    assert feed.files() == files, "and so are dead letters"


def test_what_an_entry_promises_from_a_dead_drivers_staging_is_moved_before_that_goes(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    take_token(feed.layout, DEAD, now())
    died = LiveFeed(tmp_path, reached=dies_at("declared"))
    died.writer = Writer(DEAD, 1, may_write)
    with pytest.raises(Killed):
        died.take([trip("2018-01-15 09:00:00")])
    clean_up(feed).housekeep()
    assert not (feed.layout.staging(BIKES.name) / DEAD.instance).exists()
    assert len(feed.rows()) == 1


@pytest.mark.parametrize("is_first", [True, False])
def test_a_damaged_log_is_told_and_keeps_no_other_from_being_looked_after(is_first: bool, tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    for number in range(3):
        feed.take([trip(f"2018-01-15 09:0{number}:00")])
    take_token(feed.layout, DEAD, now())
    gone = put(feed.layout.staging(BIKES.name) / DEAD.instance / "1" / "part.parquet")
    damaged = PublicationLog(feed.layout, "taxi_trips")
    damaged.begin(Entry("origin", {}), now())
    damaged.path(1).write_text("{")
    promised = put(feed.layout.staging("taxi_trips") / DEAD.instance / "1" / "part.parquet")
    work = clean_up(feed, timedelta(hours=5), Dataset("taxi_trips", damaged, tmp_path / "checkpoints" / "taxi_trips"))
    work = replace(work, streams=work.streams[:: -1 if is_first else 1])
    with pytest.raises(LogDamaged, match=f"{1:020}.json is no log entry"):
        work.housekeep()
    assert sorted(feed.log.seqs()) == [0, 3]
    assert not gone.exists()
    assert promised.exists(), "nobody knows what it is needed for"
    for dry_run in (True, False):
        assert "nothing of taxi_trips: " in work.work({"dry_run": dry_run}, tell).sentence


def test_a_log_that_cannot_be_read_for_a_moment_keeps_no_other_from_being_looked_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> None:
        raise OSError(errno.EIO, "Input/output error")

    feed, taxis = LiveFeed(tmp_path), PublicationLog(Layout(tmp_path), "taxi_trips")
    for number in range(3):
        feed.take([trip(f"2018-01-15 09:0{number}:00")])
    work = clean_up(feed, timedelta(hours=5), Dataset("taxi_trips", taxis, tmp_path / "checkpoints" / "taxi_trips"))
    work = replace(work, streams=work.streams[::-1])
    monkeypatch.setattr(taxis, "recover", unreadable)
    with pytest.raises(OSError, match="Input/output error"):
        work.housekeep()
    assert sorted(feed.log.seqs()) == [0, 3]
