"""A night, taken with restarts, switches and losses between: the content is that of one undisturbed go."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spark_jobs.analytics import backlog
from spark_jobs.catalog import ROLLUP
from spark_jobs.maintenance.start_over import start_over
from spark_jobs.runtime.dataset import Dataset
from tests.analytics.flow.conftest import DUSK, part
from tests.analytics.flow.feeds import Feeds
from tests.analytics.flow.ingestion import FakeClock, Killed, kill_at, tell
from tests.analytics.flow.live import NAMES, LiveJob, assert_all_is_in, with_durations

SWITCHED = "weather_binned_metrics"
STEPS = ("before the first entry", "staging", "read", "staged", "declared", "half moved", "moved", "applied")
"""of the rollup; an analytic has them too, but for "read" """


def begun_and_killed(root: Path) -> None:
    """The first starts of rollup and analytics die before their first entries."""
    job = LiveJob(root, names=(), begins=False)
    kill_at(job.rollup.log, STEPS[0])
    with pytest.raises(Killed):
        job.rollup.begin()
    job = LiveJob(root, names=())
    for name in NAMES:
        analytic = job.analytic(name)
        kill_at(analytic.log, STEPS[0])
        with pytest.raises(Killed):
            analytic.resume()


def test_a_kill_at_every_step_of_an_analytic_and_of_the_rollup_changes_nothing(
    night: Feeds, tmp_path: Path, dice: Random
) -> None:
    begun_and_killed(tmp_path)
    for number, step in enumerate(STEPS[1:]):
        job = LiveJob(tmp_path, names=(), by_hour=False)
        job.ingested.take(part(night, number, len(STEPS) - 1))
        kill_at(job.rollup.log, step)
        with pytest.raises(Killed):
            job.update()
        victim, *others = dice.sample(NAMES, 3)
        job = LiveJob(tmp_path, names=(victim,), by_hour=False)
        job.update()
        if step != "read":
            kill_at(job.analytics[victim].log, step)
            with pytest.raises(Killed):
                job.tick()
        LiveJob(tmp_path, names=tuple(others)).tick()
    job = LiveJob(tmp_path)
    job.settle()
    assert_all_is_in(job, night)


def test_later_consequences_survive_a_restart(night: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MAX_DEFERRED_HOURS", 3)
    late = pa.scalar(DUSK + timedelta(hours=3), pa.timestamp("us", "UTC"))
    job = LiveJob(tmp_path, by_hour=False)
    job.take({feed: rows.filter(pc.greater_equal(rows[0], late)) for feed, rows in night.items()})
    job.settle()
    job.take({feed: rows.filter(pc.less(rows[0], late)) for feed, rows in night.items()})
    job.tick()  # only the hours of the new tiles: their consequences wait for a quiet moment
    assert not job.is_settled("pearson_correlations")
    job = LiveJob(tmp_path)
    job.settle()
    assert_all_is_in(job, night)


def test_an_analytic_switched_off_for_longer_than_entries_are_kept_catches_up(night: Feeds, tmp_path: Path) -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    job = LiveJob(tmp_path, by_hour=False, clock=clock)
    for number in range(5):
        clock.go_on(timedelta(hours=1))
        job.take(part(night, number, 5))
        job.tick(*(NAMES if number == 0 else ["pearson_correlations"]))
    job.fold_rollup(folded_kept=timedelta())
    assert job.rollup.log.since(1, 5) is None
    job.settle()
    assert_all_is_in(job, night)


def test_other_durations_and_back_leave_nothing_behind(night: Feeds, tmp_path: Path) -> None:
    job = LiveJob(tmp_path, by_hour=False)
    job.take(night)
    job.settle()
    hour = timedelta(hours=1)
    wide = LiveJob(tmp_path, with_durations(medium=5 * hour, long=2 * hour, slide=hour))
    wide.settle()
    files = {name: len(list((tmp_path / name).glob("**/*.parquet"))) for name in NAMES}
    assert files["pearson_correlations"] < 5, "windows of five hours start in every fifth hour only"
    job = LiveJob(tmp_path)
    job.settle()
    assert_all_is_in(job, night)


def test_a_rollup_started_over_refreshes_everything_even_when_its_entries_count_further_than_before(
    night: Feeds, tmp_path: Path
) -> None:
    job = LiveJob(tmp_path, by_hour=False)
    job.take(part(night, 0, 3))
    job.take_tiles({feed: job.tiles_of(feed) for feed in night})
    job.settle()
    for parts in ((1, 2), ()):  # more entries than before, then fewer
        rollup = Dataset(ROLLUP, job.rollup.log, tmp_path / "checkpoints" / ROLLUP)
        start_over([rollup])({"stream": ROLLUP, "confirm": ROLLUP}, tell)
        before = job.position(SWITCHED)["rollup_seq"]
        job = LiveJob(tmp_path, by_hour=False)
        job.update()
        for number in parts:
            job.take(part(night, number, 3))
        assert (job.rollup_head().seq > before) == bool(parts)
        job.settle()
        assert_all_is_in(job, night)
