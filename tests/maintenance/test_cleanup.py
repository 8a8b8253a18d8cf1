"""Clean-up, reset and start over on a real feed: what goes, what stays, and that the feed carries on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.documents.lease import take_token
from spark_jobs.documents.status import Driver, Process
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.common_requests import upkeep
from spark_jobs.maintenance.start_over import REMOVED, reset, start_over
from spark_jobs.runtime.dataset import request_instance
from spark_jobs.runtime.request_queue import Outcome, Refused
from spark_jobs.settings import Settings, settings_from
from spark_jobs.supervision import driver_processes
from tests.maintenance.live_feed import BIKES, LiveFeed, now, trip

DEAD = Driver("20260101T000000-1-dead", driver_processes.this_host(), (Process("python", 2**22 + 1, 1.0),))
EVERYTHING = ["checkpoint", "checkpoint", "staging", "staging", "dead letters", "answer", "half-written document"]
ELSEWHERE = Driver("20260101T000000-1-away", "another-host", (Process("python", 1, 1.0),))


def tell(*_: Any) -> None:
    """Nobody listens."""


def settings_of(feed: LiveFeed, **given: str) -> Settings:
    paths = {"OUTPUT_BASE_PATH": str(feed.layout.root), "CHECKPOINT_BASE_PATH": str(feed.owned.checkpoint.parent)}
    return settings_from({"KEEP_LOG_ENTRIES": "200", **paths, **given})


def cleaned(feed: LiveFeed, later: timedelta, dry_run: bool = False, **given: str) -> Outcome:
    settings = settings_of(feed, **given)
    checkpoints = Path(settings.CHECKPOINT_BASE_PATH)
    work = upkeep(CleanUp(settings, feed.layout, checkpoints, [feed.owned], feed.writer, lambda: now() + later))
    return work["cleanup"]({"dry_run": dry_run}, tell)


def put(path: Path, content: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


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
        put(feed.owned.checkpoint / "metadata"),
        put(feed.layout.staging(BIKES.name) / ELSEWHERE.instance / "1" / "part.parquet"),
        put(feed.layout.staging(BIKES.name) / feed.writer.driver.instance / "part.parquet"),
        put(feed.owned.checkpoint.parent / "not_sparks" / "file"),
    ]
    gone = [
        put(feed.layout.staging(BIKES.name) / DEAD.instance / "1" / "part.parquet"),
        put(feed.layout.staging(BIKES.name) / request_instance(DEAD.instance) / "merged.parquet"),
        put(feed.owned.checkpoint.with_name("bike_trips.set-aside-20260101T000000") / "metadata"),
        put(feed.owned.checkpoint.with_name("no_stream") / "metadata"),
        put(feed.layout.answers / "r-1.json"),
        put(feed.layout.log(BIKES.name) / ".x.json.1-2.tmp"),
    ]
    feed.owned = replace(feed.owned, is_on=lambda: True)
    years = timedelta(days=400)

    planned = cleaned(feed, years, dry_run=True)
    assert planned.sentence.startswith("dry run: 7 things would be removed, ")
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
    put(feed.owned.checkpoint / "metadata")
    off = feed.owned
    feed.owned = replace(off, is_on=lambda: True)
    assert cleaned(feed, timedelta(days=31)).report == []
    feed.owned = off
    assert cleaned(feed, timedelta(days=29)).report == []
    assert kinds(cleaned(feed, timedelta(days=31))) == ["checkpoint"]
    assert not off.checkpoint.exists()


def test_a_stream_switched_on_between_looking_and_removing_keeps_its_checkpoint(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    put(feed.owned.checkpoint / "metadata")
    looks = iter([False, True])
    feed.owned = replace(feed.owned, is_on=lambda: next(looks))
    assert kinds(cleaned(feed, timedelta(days=31))) == ["checkpoint"]
    assert feed.owned.checkpoint.exists()


def test_log_entries_go_but_the_first_and_the_newest_and_the_log_goes_on(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    feed.take([trip("2018-01-15 09:00:00")])
    for _ in range(205):
        feed.log.publish(lambda head: replace(head, kind="batch", moves=(), seq=-1), lambda: None, now)
    assert cleaned(feed, timedelta(days=6)).report == []
    (line,) = cleaned(feed, timedelta(days=8)).report
    assert line["path"].endswith("bike_trips (12 files)")
    restarted = LiveFeed(tmp_path)
    assert sorted(restarted.log.seqs()) == [0, *range(7, 207)]
    restarted.take([trip("2018-01-15 09:01:00")])
    assert len(restarted.rows()) == 2
    assert restarted.next_offset() == 2


class Rest:
    """A stream that says when it rests."""

    def __init__(self, feed: LiveFeed) -> None:
        self.seen: list[bool] = []
        self.feed = feed

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.seen.append(self.feed.owned.checkpoint.exists())
        yield
        self.seen.append(self.feed.owned.checkpoint.exists())


def test_a_reset_removes_the_checkpoint_while_the_stream_rests(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    put(feed.owned.checkpoint / "metadata")
    rest = Rest(feed)
    work = reset([replace(feed.owned, paused=rest)])
    assert work({"stream": BIKES.name, "dry_run": True}, tell).sentence.startswith("dry run")
    assert rest.seen == []
    assert len(work({"stream": BIKES.name}, tell).report) == 1
    assert rest.seen == [True, False]
    assert work({"stream": BIKES.name}, tell).report == [], "asked again after a crash"
    with pytest.raises(Refused, match="there are bike_trips"):
        work({"stream": "bikes"}, tell)


def test_start_over_needs_the_name_again_and_leaves_nothing(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    feed.take([trip("2018-01-15 09:00:00"), b"{"])
    put(feed.owned.checkpoint / "metadata")
    work = start_over([feed.owned])
    for arguments in ({}, {"confirm": "yes"}):
        with pytest.raises(Refused, match="confirm it with the stream's name"):
            work({"stream": BIKES.name, **arguments}, tell)
    assert work({"stream": BIKES.name, "dry_run": True}, tell).sentence.startswith("dry run")
    assert len(feed.rows()) == 1
    outcome = work({"stream": BIKES.name, "confirm": BIKES.name}, tell)
    assert {Path(str(line["path"])).parent.name for line in outcome.report} >= {"_log", "_applied", "checkpoints"}
    assert feed.files() == []
    assert feed.log.head() is None
    assert not (tmp_path / REMOVED).exists()
    anew = LiveFeed(tmp_path)
    anew.take([trip("2018-01-15 09:00:00")])
    assert anew.next_offset() == 1


def test_an_answer_tells_sizes_as_json(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path)
    put(feed.layout.answers / "r-1.json", "x" * 500)
    (line,) = cleaned(feed, timedelta(days=8), dry_run=True).report
    assert json.loads(json.dumps(line))["bytes"] == 500
