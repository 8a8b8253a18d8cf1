"""Reset and start over on a real feed: what goes, in which order, and what a death in between leaves."""

import errno
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.catalog import ROLLUP
from spark_jobs.diagnosis import LeaseLost, StreamFault
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.start_over import REMOVED, all_paths, finish_removals, remove, reset, start_over
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.folding import fold
from spark_jobs.publication.log import LogReader
from spark_jobs.publication.reader import DatasetReader
from spark_jobs.runtime.dataset import Dataset, refuse_data_without_log
from spark_jobs.runtime.request_queue import Outcome, Refused, Withdrawn
from spark_jobs.settings import settings_from
from tests.maintenance.live_feed import BIKES, LiveFeed, now, put, tell, trip
from tests.publication.small_feed import Killed

OWN_TRY = "20260101T000000-1-aaaaaa-1"
CONFIRMED = {"stream": BIKES.name, "confirm": BIKES.name}


@pytest.fixture
def feed(tmp_path: Path) -> LiveFeed:
    """A row, a dead letter, a checkpoint, a marker of v0.1, something staged."""
    live = LiveFeed(tmp_path)
    live.take([trip("2018-01-15 09:00:00"), b"{"])
    put(live.dataset.checkpoints / OWN_TRY / "metadata")
    put(live.layout.applied(BIKES.name) / "1.json")
    put(live.layout.staging(BIKES.name) / "driver-a" / "1-x" / "part.parquet")
    return live


class Rest:
    """A stream that says when it rests, and what is there then."""

    def __init__(self, watched: Path) -> None:
        self.seen: list[bool] = []
        self._watched = watched

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.seen.append(self._watched.exists())
        yield
        self.seen.append(self._watched.exists())


def test_a_reset_removes_the_checkpoint_while_the_stream_rests(feed: LiveFeed) -> None:
    rest = Rest(feed.dataset.checkpoints / OWN_TRY)
    work = reset([replace(feed.dataset, paused=rest)])
    assert work({"stream": BIKES.name, "dry_run": True}, tell).sentence.startswith("dry run")
    assert rest.seen == []
    assert len(work({"stream": BIKES.name}, tell).report) == 1
    assert rest.seen == [True, False]
    assert work({"stream": BIKES.name}, tell).report == [], "asked again after a crash"
    with pytest.raises(Refused, match="there are bike_trips"):
        work({"stream": "bikes"}, tell)
    assert len(feed.rows()) == 1


def is_held(log: PublicationLog) -> bool:
    """Whether another thread would have to wait for the lock of the log."""

    def is_refused() -> bool:
        if log.lock.acquire(blocking=False):
            log.lock.release()
            return False
        return True

    with ThreadPoolExecutor(1) as other:
        return other.submit(is_refused).result()


def test_nothing_is_folded_into_a_log_that_starts_over(feed: LiveFeed) -> None:
    said: dict[str, bool] = {}
    start_over([feed.dataset])(CONFIRMED, lambda what, *_: said.update({what: is_held(feed.log)}))
    assert said["removing all of bike_trips"], "the hourly housekeeping waits"


def test_a_log_does_not_start_over_while_it_is_folded(feed: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.take([trip("2018-01-15 09:00:01")])
    held: list[bool] = []

    def folded_path(last: int) -> Path:
        held.append(is_held(feed.log))
        return LogReader(feed.layout, BIKES.name).folded_path(last)

    monkeypatch.setattr(feed.log, "folded_path", folded_path)
    assert fold(feed.log, timedelta(0), timedelta(days=30), now() + timedelta(days=1)) == 1
    assert held, "an entry was written"
    assert all(held)


def test_start_over_needs_the_name_again_and_leaves_nothing(feed: LiveFeed, tmp_path: Path) -> None:
    put(feed.layout.quality(BIKES.name) / "date=2026-01-01" / "data.parquet")
    rest = Rest(feed.layout.log(BIKES.name))
    work = start_over([replace(feed.dataset, paused=rest)])
    for arguments in ({}, {"confirm": "yes"}):
        with pytest.raises(Refused, match="confirm it with the stream's name"):
            work({"stream": BIKES.name, **arguments}, tell)
    assert work({"stream": BIKES.name, "dry_run": True}, tell).sentence.startswith("dry run")
    assert len(feed.rows()) == 1
    assert rest.seen == []
    outcome = work(CONFIRMED, tell)
    assert rest.seen == [True, False]
    removed = {str(Path(str(line["path"])).relative_to(tmp_path)) for line in outcome.report}
    assert removed == {
        "_log/bike_trips",
        "_applied/bike_trips",
        "bike_trips",
        "_dead_letters/bike_trips",
        "_quality/bike_trips",
        "_staging/bike_trips",
        f"checkpoints/bike_trips/{OWN_TRY}",
    }
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not (tmp_path / REMOVED).exists()
    assert feed.log.head() is None


def test_what_comes_after_is_another_log_whose_files_have_other_names(feed: LiveFeed) -> None:
    reader, before, files = DatasetReader(feed.layout.root, BIKES.name), feed.log.origin(), set(feed.files())
    position = reader.position()
    start_over([feed.dataset])(CONFIRMED, tell)
    anew = LiveFeed(feed.layout.root)
    anew.take([trip("2018-01-15 09:00:00"), b"{"])
    after = feed.log.origin()
    assert before is not None
    assert after is not None
    assert before.id != after.id
    assert feed.log.origin() == anew.log.origin()
    assert len(anew.files()) == len(files)
    assert not files & set(anew.files()), "a reader that is late must not find other rows under an old name"
    assert position is not None
    assert not reader.holds(position)
    assert anew.next_offset() == 2


def test_all_is_out_of_sight_before_anything_is_taken_apart(
    feed: LiveFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", die)
        with pytest.raises(Killed):
            start_over([feed.dataset])(CONFIRMED, tell)
    assert not any(path.exists() for path in all_paths(feed.layout, BIKES.name))
    anew = LiveFeed(tmp_path)
    anew.take([trip("2018-01-15 09:00:00")])
    clean_up = CleanUp(settings_from({}), feed.layout, tmp_path / "checkpoints", [anew.dataset], feed.writer, now)
    clean_up.housekeep()
    assert not list(tmp_path.rglob(f"{REMOVED}/*")), "what is left of it goes within the hour"
    assert (tmp_path / REMOVED).is_dir(), "where another removal may be about to put something"
    assert len(anew.rows()) == 1


@pytest.mark.parametrize("renamed", range(1, 6))
def test_a_death_between_two_of_the_folders_leaves_no_data_that_count_as_new(
    renamed: int, feed: LiveFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, calls = Path.rename, iter(range(renamed))

    def dies_after_some(path: Path, target: Path) -> Path:
        if next(calls, None) is None:
            raise Killed
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", dies_after_some)
        with pytest.raises(Killed):
            start_over([feed.dataset])(CONFIRMED, tell)
    log = PublicationLog(feed.layout, BIKES.name)
    assert log.head() is None, "the log goes first"
    if feed.files():
        with pytest.raises(StreamFault, match="nobody knows what was read"):
            refuse_data_without_log(log)
    finish_removals(feed.layout)  # as whoever starts next does
    assert feed.files() == []
    refuse_data_without_log(log)
    asked_again = start_over([feed.dataset])(CONFIRMED, tell)
    assert asked_again.sentence.startswith("bike_trips starts over")
    assert feed.files() == []
    assert not any(path.exists() for path in all_paths(feed.layout, BIKES.name))


def test_who_has_lost_the_lease_renames_nothing_more(feed: LiveFeed) -> None:
    looks: list[None] = []

    def lease() -> None:
        looks.append(None)
        if len(looks) == 2:
            finish_removals(feed.layout)  # a job that started meanwhile
            LiveFeed(feed.layout.root).take([trip("2018-01-15 10:00:00")])
            raise LeaseLost

    with pytest.raises(LeaseLost):
        remove(feed.layout, BIKES.name, lease)
    assert len(feed.rows()) == 1, "the new one's"
    finish_removals(feed.layout)
    assert len(feed.rows()) == 1


@pytest.mark.parametrize("failing", ["_log", "bike_trips", "_dead_letters", "_staging"])
def test_a_removal_that_failed_takes_nothing_of_what_came_after_it(
    failing: str, feed: LiveFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, is_failing = Path.rename, True

    def fails(path: Path, target: Path) -> Path:
        if is_failing and failing in (path.name, path.parent.name):
            raise OSError(errno.ESTALE, "Stale file handle")
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", fails)
        with pytest.raises(OSError, match="Stale"):
            start_over([feed.dataset])(CONFIRMED, tell)
    if failing == "_log":
        assert len(feed.rows()) == 1
    else:
        start_over([feed.dataset])(CONFIRMED, tell)  # as the feed, or the failed request, says
    anew = LiveFeed(tmp_path)
    anew.take([trip("2018-01-15 10:00:00"), b"{"])
    rows, files = anew.rows(), anew.files()
    finish_removals(feed.layout)  # the next restart
    assert (anew.rows(), anew.files()) == (rows, files)


def test_a_promise_that_could_not_be_taken_back_is_for_its_own_log(
    feed: LiveFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of that moment refuses all: what was promised stays, and another log begins meanwhile."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(OSError, match="Read-only"):
            start_over([feed.dataset])(CONFIRMED, tell)
    assert list((tmp_path / REMOVED).glob("*.promise.json"))
    start_over([feed.dataset])(CONFIRMED, tell)
    anew = LiveFeed(tmp_path)
    anew.take([trip("2018-01-15 10:00:00")])
    finish_removals(feed.layout)
    assert len(anew.rows()) == 1
    assert not list((tmp_path / REMOVED).glob("*.promise.json"))


def test_a_request_that_was_withdrawn_is_not_carried_out_by_the_next_start(feed: LiveFeed) -> None:
    def withdrawn(*_: object) -> None:
        if (feed.layout.root / REMOVED).exists():
            raise Withdrawn

    with pytest.raises(Withdrawn):
        start_over([feed.dataset])(CONFIRMED, withdrawn)
    finish_removals(feed.layout)
    assert len(feed.rows()) == 1


@pytest.mark.parametrize(
    "promise", ["", "{", "[1, null]", '{"schema_version": 1, "dataset": "../elsewhere", "first_entry": null}']
)
def test_a_promise_that_is_none_removes_nothing(promise: str, feed: LiveFeed, tmp_path: Path) -> None:
    elsewhere = put(tmp_path.parent / "elsewhere" / "file")
    put(feed.layout.root / REMOVED / "0.promise.json", promise)
    finish_removals(feed.layout)
    assert len(feed.rows()) == 1
    assert elsewhere.exists()


def test_the_hourly_housekeeping_does_not_fail_a_removal_that_goes_on(
    feed: LiveFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a thread of its own in the job."""
    clean_up = CleanUp(settings_from({}), feed.layout, tmp_path / "checkpoints", [], feed.writer, now)
    rmtree = shutil.rmtree
    in_between = iter([clean_up.housekeep])

    def meanwhile(path: Path, **options: Any) -> None:
        for housekeep in in_between:
            housekeep()
        rmtree(path, **options)

    monkeypatch.setattr(shutil, "rmtree", meanwhile)
    assert isinstance(start_over([feed.dataset])(CONFIRMED, tell), Outcome)
    assert not list(tmp_path.rglob(f"{REMOVED}/*"))


def test_the_analytics_rest_while_the_rollup_that_they_stand_on_goes(feed: LiveFeed) -> None:
    rests = {name: Rest(feed.layout.log(ROLLUP)) for name in (ROLLUP, "pearson_correlations")}
    put(feed.layout.log(ROLLUP) / "0.json")
    streams = [
        Dataset(name, PublicationLog(feed.layout, name), feed.layout.root / "checkpoints" / name, rests[name])
        for name in rests
    ]
    start_over(streams)({"stream": ROLLUP, "confirm": ROLLUP}, tell)
    assert {name: rest.seen for name, rest in rests.items()} == {name: [True, False] for name in rests}
