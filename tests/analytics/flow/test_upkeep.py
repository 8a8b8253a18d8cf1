"""Clean-up and start over of the rollup: the analytics notice, and nothing else changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from spark_jobs.catalog import ROLLUP
from spark_jobs.maintenance.start_over import start_over
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.runtime.dataset import Dataset
from tests.analytics.flow.ingestion import FakeClock, tell
from tests.analytics.flow.live import LiveJob
from tests.analytics.tiles import NOON, bikes, tile_table

NAME = "transport_usage_summary"
HOUR = timedelta(hours=1)


def with_entries(root: Path, count: int, clock: FakeClock) -> LiveJob:
    """A rollup with an entry for each hour, and an analytic that has taken the first only."""
    job = LiveJob(root, names=(NAME,), clock=clock)
    for number in range(count):
        job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(NOON + number * HOUR, 1)])})
        if number == 0:
            job.settle()
        clock.go_on(HOUR)
    return job


def hours_with_output(root: Path) -> int:
    return len(list((root / NAME).glob("**/*.parquet")))


def test_a_rollup_whose_old_entries_went_is_still_the_same_and_who_slept_refreshes_everything(tmp_path: Path) -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    job = with_entries(tmp_path, 4, clock)
    origin = job.rollup.log.origin()
    for seq in (1, 2, 3):
        job.rollup.log.path(seq).unlink()  # as the clean-up of v0.1 did
    log = PublicationLog(job.layout, ROLLUP)
    assert sorted(log.seqs()) == [0, 4]
    assert log.origin() == origin
    assert log.applied_up_to() == 4
    assert log.since(1, 4) is None

    woken = LiveJob(tmp_path, names=(NAME,), clock=clock)
    assert woken.told(NAME).lag_records == 3
    woken.settle()
    assert hours_with_output(tmp_path) == 4
    assert woken.told(NAME).lag_records == 0


@pytest.mark.parametrize("folds", [False, True], ids=["entries", "folded entries"])
@pytest.mark.parametrize("more", [2, 3])
def test_an_analytic_that_was_off_while_an_older_rollup_was_restored_takes_what_came_since(
    tmp_path: Path, more: int, folds: bool
) -> None:
    """The restored rollup comes to the number that the analytic had reached with other tiles."""
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    job = with_entries(tmp_path, 1, clock)
    parts = [Path("_rollup"), Path("_log/rollup")]
    for part in parts:
        copytree(tmp_path / part, tmp_path / "backup" / part)
    for number in (1, 2):
        job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(NOON + number * HOUR, 1)])})
    job.settle()
    for part in parts:
        rmtree(tmp_path / part)
        copytree(tmp_path / "backup" / part, tmp_path / part)
    clock.go_on(HOUR)
    off = LiveJob(tmp_path, names=(), clock=clock)
    for number in range(more):
        starts = [NOON + hour * HOUR for hour in ((1, 2, 3, 4, 5) if number == 0 else (5 + number,))]
        off.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(start, 1) for start in starts])})
        clock.go_on(HOUR)
    if folds:
        off.fold_rollup()
    on = LiveJob(tmp_path, names=(NAME,), clock=clock)
    on.settle()
    assert hours_with_output(tmp_path) == 6 + more - 1


def test_all_rest_while_the_rollup_is_started_over_and_then_follow_the_new_one(tmp_path: Path) -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    job = with_entries(tmp_path, 3, clock)
    job.settle()
    paused: set[str] = set()

    def stream(name: str, log: PublicationLog) -> Dataset:
        @contextmanager
        def rest() -> Iterator[None]:
            paused.add(name)
            assert job.layout.log(ROLLUP).exists(), "nothing is removed before all rest"
            yield

        return Dataset(name, log, tmp_path / "checkpoints" / name, rest)

    streams = [stream(ROLLUP, job.rollup.log), stream(NAME, job.analytics[NAME].log)]
    outcome = start_over(streams)({"stream": ROLLUP, "confirm": ROLLUP}, tell)
    assert outcome.sentence == "rollup starts over: it is made again from all that was ingested"
    assert paused == {ROLLUP, NAME}
    assert job.rollup.log.head() is None
    assert hours_with_output(tmp_path) == 3, "the outputs of the others stay"

    anew = LiveJob(tmp_path, names=(NAME,), clock=clock)
    anew.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(NOON, 1)])})
    anew.settle()
    assert hours_with_output(tmp_path) == 1
