"""Clean-up and start over of the rollup: the analytics notice, and nothing else changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from spark_jobs.analytics.change_feed import changes_since, newest_applied, rollup_origin

from spark_jobs.catalog import ROLLUP
from spark_jobs.maintenance.start_over import start_over
from spark_jobs.publication.log import PublicationLog
from spark_jobs.runtime.dataset import Dataset
from tests.analytics.flow.live import LiveJob, now
from tests.analytics.tiles import NOON, bikes, tile_table

NAME = "transport_usage_summary"
HOUR = timedelta(hours=1)


def tell(*_: Any) -> None:
    """Nobody listens."""


def with_entries(root: Path, count: int) -> LiveJob:
    """A rollup with an entry for each hour, and an analytic that has taken the first only."""
    job = LiveJob(root, names=(NAME,))
    for number in range(count):
        job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(NOON + number * HOUR, 1)])})
        if number == 0:
            job.settle()
    return job


def hours_with_output(root: Path) -> int:
    return len(list((root / NAME).glob("**/*.parquet")))


def test_a_rollup_whose_old_entries_went_is_still_the_same_and_who_slept_refreshes_everything(tmp_path: Path) -> None:
    job = with_entries(tmp_path, 4)
    origin = rollup_origin(job.rollup)
    for path in job.rollup.old_documents(up_to=3):
        path.unlink()
    log = PublicationLog(job.layout, ROLLUP)
    assert sorted(log.seqs()) == [0, 4]
    assert rollup_origin(log) == origin
    assert newest_applied(log) == 4
    assert changes_since(job.layout.applied(ROLLUP), 1, 4) is None

    woken = LiveJob(tmp_path, names=(NAME,))
    analytic = woken.analytics[NAME]
    analytic.look_at_lag()
    told = analytic.record.status(now())
    assert told.lag_records == 3
    assert told.lag_s is not None
    assert told.lag_s > 0
    woken.settle()
    assert hours_with_output(tmp_path) == 4


def test_all_rest_while_the_rollup_is_started_over_and_then_follow_the_new_one(tmp_path: Path) -> None:
    job = with_entries(tmp_path, 3)
    job.settle()
    paused: set[str] = set()

    def stream(name: str, log: PublicationLog) -> Dataset:
        @contextmanager
        def rest() -> Iterator[None]:
            paused.add(name)
            assert job.rollup.layout.log(ROLLUP).exists(), "nothing is removed before all rest"
            yield

        return Dataset(name, log, tmp_path / "checkpoints" / name, rest)

    streams = [stream(ROLLUP, job.rollup), stream(NAME, job.analytics[NAME].log)]
    outcome = start_over(streams)({"stream": ROLLUP, "confirm": ROLLUP}, tell)
    assert "an analytics_rebuild brings back" in outcome.sentence
    assert paused == {ROLLUP, NAME}
    assert job.rollup.head() is None
    assert hours_with_output(tmp_path) == 3, "the outputs of the others stay"

    anew = LiveJob(tmp_path, names=(NAME,))
    anew.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(NOON, 1)])})
    anew.settle()
    assert hours_with_output(tmp_path) == 1
